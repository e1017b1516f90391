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
    ...inside[version].filter((blow) => blow.victim === 'host').slice(0, 1),
  ];
  return { a: of('a', 'connection'), b: of('b', 'controller') };
}

/** Strikes until none is left towards the version that is next. */
async function strikeAll(target: KillTarget, strikes: Record<Version, Strike[]>): Promise<void> {
  const next = () => strikes[other(target.version)].shift();
  for (let blow = next(); blow !== undefined; blow = next()) {
    const { complaints } = await strike(target, blow);
    expect(complaints, JSON.stringify(blow)).toEqual([]);
  }
}

it('survives the death of the connection, the controller and the host', async () => {
  const seed = seedOfTests(1);
  console.log(`LAB_TEST_SEED=${seed}`);
  await using target = await KillTarget.start();
  await strikeAll(target, someStrikes(target, randomFrom(seed)));
}, 600_000);
