import { resolveInventory } from '../../src/model/resolve-inventory.ts';
import type { Playbook } from '../../src/playbook/contract.ts';
import type { ResourceTree } from '../../src/resources/contract.ts';
import type { HostFinished, PlannedResource, RunEvent, RunMode } from '../../src/runner/events.ts';
import { type RunResult, run } from '../../src/runner/run.ts';
import { connect } from '../../src/transport/index.ts';
import type { StartedHost } from './host.ts';

export interface Outcome {
  readonly result: RunResult;
  readonly events: readonly RunEvent[];
  readonly finished: HostFinished;
  /** Keys of the resources that were changed. */
  readonly changed: readonly string[];
  /** The first plan. */
  readonly planned: readonly PlannedResource[];
}

/** Runs the engine, as `lab run` does, with resources declared in place, on one container. */
export async function runOn(
  host: StartedHost,
  resources: () => ResourceTree,
  options: { readonly mode?: RunMode; readonly stop?: AbortSignal; readonly onEvent?: (event: RunEvent) => void } = {},
): Promise<Outcome> {
  const inventory = resolveInventory({ hosts: { target: { address: host.address } } }, { at: undefined });
  const declared = inventory.hosts.get('target');
  if (declared === undefined) throw new Error('the inventory lost its host');
  const play = { name: 'test', hosts: ['all'], roles: [], resources, tags: [], at: undefined };
  const playbook: Playbook = { kind: 'playbook', name: 'test', inventory, plays: [play], at: undefined };
  const events: RunEvent[] = [];
  const result = await run({
    mode: options.mode ?? 'run',
    playbook,
    hosts: [{ ...declared, connection: host.connection }],
    playsOf: () => [play],
    connect: ({ name, connection }) =>
      connect(name, connection, { hostKeys: { pinned: () => host.hostKeys, firstContact: async () => false } }),
    onEvent: (event) => {
      events.push(event);
      options.onEvent?.(event);
    },
    stop: options.stop ?? new AbortController().signal,
  });
  const of = <Kind extends RunEvent['event']>(kind: Kind) =>
    events.filter((event): event is Extract<RunEvent, { event: Kind }> => event.event === kind);
  const finished = of('host-finished')[0];
  if (finished === undefined) throw new Error('the host never finished');
  return {
    result,
    events,
    finished,
    changed: of('resource-finished').flatMap((event) => (event.status === 'changed' ? [event.resource] : [])),
    planned: of('host-planned')[0]?.resources ?? [],
  };
}
