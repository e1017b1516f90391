import { expect, it } from 'vitest';
import type { Version } from '../../long/every-resource.ts';
import { other } from '../../long/every-resource.ts';
import { KillTarget } from '../../long/kill-target.ts';
import { atEveryBoundary, atRandom } from '../../long/plan-strikes.ts';
import { type Strike, strike, type Victim } from '../../long/strike.ts';
import { type Random, randomFrom, seedOfTests } from '../../support/random.ts';

/** A few of those of test/long/kills.test.ts, others with every seed. */
function someStrikes({ journals }: KillTarget, random: Random): Record<Version, Strike[]> {
  const boundaries = atEveryBoundary(journals);
  const inside = atRandom(journals, random, 8);
  const of = (version: Version, victim: Victim) => [
    random.pick(boundaries[version].filter((blow) => blow.victim === victim)),
    ...inside[version].filter((blow) => blow.victim === 'host').slice(0, 2),
  ];
  return { a: of('a', 'connection'), b: of('b', 'controller') };
}

const gone = (onDisconnect: 'stop' | 'revert', when: string): Strike => ({
  victim: 'controller',
  when,
  onDisconnect,
  becomes: onDisconnect === 'stop' ? 'stopped' : 'reverted',
});

/** Strikes until none is left towards the version that is next. */
async function strikeAll(target: KillTarget, strikes: Record<Version, Strike[]>): Promise<void> {
  for (let blow = strikes.b.shift(); blow !== undefined; blow = strikes[other(target.version)].shift()) {
    const { complaints } = await strike(target, blow);
    expect(complaints, JSON.stringify(blow)).toEqual([]);
  }
}

it.concurrent('survives the death of the connection, the controller and the host', async () => {
  const seed = seedOfTests(1);
  console.log(`LAB_TEST_SEED=${seed}`);
  await using target = await KillTarget.start();
  await strikeAll(target, someStrikes(target, randomFrom(seed)));
}, 600_000);

it.concurrent('stops when the controller stays away and the playbook says so', async () => {
  await using target = await KillTarget.start();
  await strikeAll(target, { b: [gone('stop', 'apply 2 begin 2')], a: [] });
}, 600_000);

it.concurrent('takes back all of the run when the controller stays away and the playbook says so', async () => {
  await using target = await KillTarget.start();
  // After the last action of a stage there is none before which the host could look around.
  const last = target.journals.b.findLast((line) => line.startsWith('2 done'));
  await strikeAll(target, { b: [gone('revert', `apply ${last}`)], a: [] });
}, 600_000);
