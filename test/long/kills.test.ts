import { describe, expect, it } from 'vitest';
import { randomFrom, seedOfTests } from '../support/random.ts';
import { other } from './every-resource.ts';
import { KillTarget } from './kill-target.ts';
import { atEveryBoundary, atRandom, type Strikes } from './plan-strikes.ts';
import { type Strike, strike } from './strike.ts';

/** Hosts that are struck side by side. */
const lanes = 2;
/** Strikes in the middle of actions, towards either version. */
const randomStrikes = 50;

it('survives the death of the connection, the controller and the host at every boundary and in between', async () => {
  const seed = seedOfTests();
  console.log(`LAB_TEST_SEED=${seed}`);
  const random = randomFrom(seed);
  const complaints: string[] = [];
  let kills = 0;
  let queue: Strikes | undefined;

  const lane = async () => {
    let target = await KillTarget.start();
    try {
      queue ??= together(atEveryBoundary(target.journals), atRandom(target.journals, random, randomStrikes));
      while (queue.a.length + queue.b.length > 0) {
        const [blow] = queue[other(target.version)].splice(random.integer(queue[other(target.version)].length), 1);
        if (blow === undefined) {
          await target.bringTo(other(target.version));
          continue;
        }
        const report = await strike(target, blow);
        kills += report.kills;
        if (process.env.LAB_TEST_VERBOSE) console.log(kills, JSON.stringify(blow));
        if (report.complaints.length === 0) continue;
        complaints.push(`${JSON.stringify(blow)} towards ${target.version}:\n${report.complaints.join('\n')}`);
        console.error(complaints.at(-1));
        // What went wrong on one host says nothing of what comes later.
        await target[Symbol.asyncDispose]();
        target = await KillTarget.start();
      }
    } finally {
      await target[Symbol.asyncDispose]();
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  console.log(`${kills} kills, ${complaints.length} with complaints`);
  expect(complaints).toEqual([]);
  expect(kills).toBeGreaterThanOrEqual(200);
}, 3_600_000);

describe('a controller that stays away', () => {
  const gone = (onDisconnect: 'stop' | 'revert', when: string): Strike => ({
    victim: 'controller',
    when,
    onDisconnect,
    becomes: onDisconnect === 'stop' ? 'stopped' : 'reverted',
  });

  it('stops the run, or has all of it taken back, when the playbook says so', async () => {
    await using target = await KillTarget.start();
    const stopped = await strike(target, gone('stop', 'apply 2 begin 2'));
    expect(stopped.complaints).toEqual([]);
    // After the last action of a stage there is none before which the host could look around.
    const last = target.journals[other(target.version)].findLast((line) => line.startsWith('2 done'));
    const reverted = await strike(target, gone('revert', `apply ${last}`));
    expect(reverted.complaints).toEqual([]);
  });
});

function together(...all: readonly Strikes[]): Strikes {
  return { a: all.flatMap(({ a }) => a), b: all.flatMap(({ b }) => b) };
}
