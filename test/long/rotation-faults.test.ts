import { expect, it } from 'vitest';
import { randomFrom, seedOfTests } from '../support/random.ts';
import { type FaultPlan, faults, fits, meetFault, planFaults, rotationSteps } from './rotation-faults.ts';
import { RotationLane } from './rotation-lane.ts';

/** How many faults a full run meets; `LAB_FAULTS` makes it another number, `LAB_FAULTS_LIKE='^reboot stage'` only some. */
const count = Number(process.env.LAB_FAULTS ?? 105);

it('a rotation of keys that meets a fault leaves links that carry packets, and can be ended', async () => {
  const seed = seedOfTests();
  console.log(`LAB_TEST_SEED=${seed}`);
  const queue = planFaults(count, randomFrom(seed), process.env.LAB_FAULTS_LIKE);
  const met: (FaultPlan & { readonly complaints: readonly string[] })[] = [];

  const lane = async (smallDisk: boolean) => {
    let hosts = await RotationLane.start(smallDisk);
    try {
      for (;;) {
        const at = queue.findIndex((one) => fits(hosts, one));
        const [plan] = at < 0 ? [] : queue.splice(at, 1);
        if (plan === undefined) return;
        const { complaints, became } = await meetFault(hosts, plan).catch((error) => ({
          complaints: [String(error?.stack ?? error)],
          became: '',
        }));
        met.push({ ...plan, complaints });
        if (process.env.LAB_TEST_VERBOSE) console.log(met.length, JSON.stringify(plan), became);
        if (complaints.length === 0) continue;
        console.error(`${JSON.stringify(plan)}:\n${complaints.join('\n')}`);
        // What went wrong on these hosts says nothing of what comes later.
        await hosts[Symbol.asyncDispose]();
        hosts = await RotationLane.start(smallDisk);
      }
    } finally {
      await hosts[Symbol.asyncDispose]();
    }
  };
  await Promise.all([lane(true), lane(false)]);
  console.log(table(met));
  expect(met.filter(({ complaints }) => complaints.length > 0)).toEqual([]);
  expect(met.length).toBe(count);
}, 7_200_000);

/** Fault × step: how many there were, and how many of them left something to complain about. */
function table(met: readonly (FaultPlan & { readonly complaints: readonly string[] })[]): string {
  const cell = (fault: string, step: string) => {
    const here = met.filter((one) => one.fault === fault && one.step === step);
    const bad = here.filter(({ complaints }) => complaints.length > 0).length;
    return `${here.length}${bad === 0 ? '' : ` (${bad} bad)`}`;
  };
  const rows = [
    ['', ...rotationSteps],
    ...faults.map((fault) => [fault, ...rotationSteps.map((step) => cell(fault, step))]),
  ];
  const bad = met.filter(({ complaints }) => complaints.length > 0).length;
  return [
    ...rows.map((row) => row.map((text) => text.padEnd(12)).join('')),
    `${met.length} faults, ${bad} with complaints`,
  ].join('\n');
}
