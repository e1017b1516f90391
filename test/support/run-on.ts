import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { resolveInventory } from '../../src/model/resolve-inventory.ts';
import type { Play, Playbook } from '../../src/playbook/contract.ts';
import { defineRole } from '../../src/playbook/define-role.ts';
import type { ResourceTree } from '../../src/resources/contract.ts';
import type { HostFinished, PlannedResource, RunEvent, RunMode } from '../../src/runner/events.ts';
import { type RunResult, run } from '../../src/runner/run.ts';
import type { ConnectionSettings, HostKey } from '../../src/transport/contract.ts';
import { connectToHost } from '../../src/transport/endpoints.ts';
import type { StartedHost } from './host.ts';

// Hosts are remembered by their address, which another container may have had: a test meets every host for the first time.
const cache = mkdtempSync(join(tmpdir(), 'labwright-cache-'));
process.env.XDG_CACHE_HOME = cache;
process.on('exit', () => rmSync(cache, { recursive: true, force: true }));

export interface Outcome {
  readonly result: RunResult;
  readonly events: readonly RunEvent[];
  readonly finished: HostFinished;
  /** Keys of the resources that were changed. */
  readonly changed: readonly string[];
  /** The first plan. */
  readonly planned: readonly PlannedResource[];
}

export interface RunOnOptions {
  readonly mode?: RunMode;
  readonly stop?: AbortSignal;
  readonly onEvent?: (event: RunEvent) => void;
  /** Changes how the host is logged in to. */
  readonly connection?: Partial<ConnectionSettings>;
  readonly hostKeys?: readonly HostKey[];
  /** Where the host is by now, as it may have another address after it was started again. */
  readonly address?: () => string;
  readonly onDisconnect?: Playbook['onDisconnect'];
  readonly guardSeconds?: number;
  readonly prune?: boolean;
  /** Declares the resources in a role of that name. */
  readonly role?: string;
  /** The host does something that no plan can know of; otherwise every run must do what was planned, and nothing else. */
  readonly unforeseen?: boolean;
}

/** Runs the engine, as `lab run` does, with resources declared in place, on one container. */
export async function runOn(
  host: StartedHost,
  resources: () => ResourceTree,
  options: RunOnOptions = {},
): Promise<Outcome> {
  const { result, events } = await runOnAll({ target: host }, resources, { target: options }, options);
  return outcomeOf('target', result, events);
}

/** The same on several, each with its own way to log in. */
export async function runOnAll(
  hosts: Readonly<Record<string, StartedHost>>,
  resources: (name: string) => ResourceTree,
  per: Readonly<Record<string, RunOnOptions>> = {},
  options: RunOnOptions = {},
): Promise<{ readonly result: RunResult; readonly events: readonly RunEvent[] }> {
  const addresses = Object.entries(hosts).map(([name, { address }]) => [name, { address }]);
  const inventory = resolveInventory({ hosts: Object.fromEntries(addresses) }, { at: undefined });
  const { role } = options;
  const play: Play = {
    name: 'test',
    hosts: ['all'],
    roles: role === undefined ? [] : [roleOf(role, resources)],
    resources: ({ host }) => (role === undefined ? resources(host.name) : []),
    tags: [],
    at: undefined,
  };
  const { onDisconnect, guardSeconds, prune } = options;
  const playbook: Playbook = { kind: 'playbook', name: 'test', inventory, plays: [play], onDisconnect, at: undefined };
  const events: RunEvent[] = [];
  const result = await run({
    mode: options.mode ?? 'run',
    playbook,
    hosts: [...inventory.hosts.values()].map((declared) => ({
      ...declared,
      connection: { ...hosts[declared.name]?.connection, ...per[declared.name]?.connection } as ConnectionSettings,
    })),
    playsOf: () => [play],
    guardSeconds,
    prune,
    connect: ({ name, connection: declared }, which) => {
      const connection = { ...declared, address: per[name]?.address?.() ?? declared.address } as ConnectionSettings;
      const pinned = per[name]?.hostKeys ?? hosts[name]?.hostKeys ?? [];
      const hostKeys = { pinned: () => pinned, firstContact: async () => false };
      return connectToHost({ name, connection }, which, { hostKeys, signal: options.stop });
    },
    onEvent: (event) => {
      events.push(event);
      options.onEvent?.(event);
    },
    stop: options.stop ?? new AbortController().signal,
  });
  if (!options.unforeseen) refuseDifferences(events);
  return { result, events };
}

function roleOf(name: string, resources: (host: string) => ResourceTree) {
  return defineRole({ name, params: z.object({}), resources: ({ host }) => resources(host.name) })();
}

/** The plan tells the truth: over all tests, what happened is what was planned. */
function refuseDifferences(events: readonly RunEvent[]): void {
  for (const event of events) {
    if (event.event !== 'host-finished' || event.counts.differences === 0) continue;
    const told = events.filter((one) => one.event === 'host-notice' && one.host === event.host);
    throw new Error(`the plan did not tell the truth of ${event.host}: ${JSON.stringify(told)}`);
  }
}

/** What a run did on one of its hosts. */
export function outcomeOf(host: string, result: RunResult, all: readonly RunEvent[]): Outcome {
  const events = all.filter((event) => !('host' in event) || event.host === host);
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
