import { expect } from 'vitest';
import { resolveInventory } from '../../src/model/resolve-inventory.ts';
import type { ResourceTree } from '../../src/resources/contract.ts';
import type { HostFinished, RunEvent } from '../../src/runner/events.ts';
import { type RollbackOptions, rollback } from '../../src/runner/rollback.ts';
import { connectToHost } from '../../src/transport/endpoints.ts';
import type { StartedHost } from './host.ts';
import { runOn } from './run-on.ts';
import type { WholeState } from './snapshot.ts';

/**
 * Takes back the last run from the host's own journal, the way back that every stage's program carries. Gives the exit
 * status of every action's way back, last action first.
 */
export async function revertLastRun(host: StartedHost): Promise<readonly number[]> {
  const log = await host.sh(`
    read -r run </var/lib/lab/last-run
    for stage in $(ls -d /var/lib/lab/runs/$run/stage-* | sort -r); do sh $stage/program revert $stage 2>&1; done`);
  const results = [...log.matchAll(/^[0-9a-f]{32} undone \d+ (\d+)$/gm)].map(([, status]) => Number(status));
  if (results.some((status) => status !== 0)) throw new Error(`the way back failed:\n${log}`);
  return results;
}

export interface RolledBack {
  readonly run: string;
  readonly exitCode: number;
  readonly finished: HostFinished;
  readonly events: readonly RunEvent[];
  /** Texts of the notices, in order. */
  readonly notices: readonly string[];
}

/** Runs `rollback` as `lab rollback` does, on one container. */
export async function rollBackOn(
  host: StartedHost,
  selection: RollbackOptions['selection'] = {},
  options: Partial<Pick<RollbackOptions, 'check' | 'force'>> = {},
): Promise<RolledBack> {
  const inventory = resolveInventory({ hosts: { target: { address: host.address } } }, { at: undefined });
  const events: RunEvent[] = [];
  const result = await rollback({
    hosts: [...inventory.hosts.values()].map((declared) => ({ ...declared, connection: host.connection })),
    selection,
    check: options.check ?? false,
    force: options.force ?? false,
    connect: (target, which) =>
      connectToHost(target, which, {
        hostKeys: { pinned: () => host.hostKeys, firstContact: async () => false },
      }),
    onEvent: (event) => void events.push(event),
    stop: new AbortController().signal,
  });
  const finished = events.find((event): event is HostFinished & RunEvent => event.event === 'host-finished');
  if (finished === undefined) throw new Error('the host never finished');
  const notices = events.flatMap((event) => (event.event === 'host-notice' ? [event.text] : []));
  return { ...result, finished, events, notices };
}

/** The same, which has to go well. */
export async function rolledBack(
  host: StartedHost,
  selection: RollbackOptions['selection'] = {},
  options: Partial<Pick<RollbackOptions, 'check' | 'force'>> = {},
): Promise<RolledBack> {
  const outcome = await rollBackOn(host, selection, options);
  expect(outcome.finished.failure).toBeUndefined();
  expect(outcome.finished.status).toBe('changed');
  return outcome;
}

/**
 * Applies, rolls that back, rolls the rollback back, and rolls that back: the host goes to and fro between two states, the
 * first of which is left at the end.
 */
export async function thereAndBackTwice(
  host: StartedHost,
  state: WholeState,
  resources: () => ResourceTree,
): Promise<void> {
  const before = await state.read();
  const run = await runOn(host, resources);
  expect(run.finished.failure).toBeUndefined();
  expect(run.finished.status).toBe('changed');
  const after = await state.read();
  const first = await rolledBack(host, { run: run.result.run });
  expect(difference(before, await state.read())).toEqual([]);
  const again = await rolledBack(host, { run: first.run });
  expect(difference(after, await state.read())).toEqual([]);
  await rolledBack(host, { run: again.run });
  expect(difference(before, await state.read())).toEqual([]);
}

/** The lines that only one of two has, `-` for those missing in the second: what a failure shows has to be short. */
export function difference(first: readonly string[], second: readonly string[]): readonly string[] {
  const [ones, others] = [new Set(first), new Set(second)];
  return [
    ...first.filter((line) => !others.has(line)).map((line) => `- ${line}`),
    ...second.filter((line) => !ones.has(line)).map((line) => `+ ${line}`),
  ];
}
