import { randomBytes } from 'node:crypto';
import type { Host } from '../model/types.ts';
import type { Play, Playbook } from '../playbook/contract.ts';
import type { SystemFact } from '../remote/facts/contract.ts';
import { type ExitCode, exitCodes } from '../shared/errors.ts';
import type { Secret } from '../shared/secret.ts';
import type { RunEvent, RunMode } from './events.ts';
import { type ExportMemory, ExportStore, ExportView, noMemory } from './exports.ts';
import type { Emit } from './host-report.ts';
import type { Reached } from './link.ts';
import { checkSelection } from './plan/check-selection.ts';
import { type Declared, type DeclareOptions, declareHost, paramsOf } from './plan/declare.ts';
import type { Planned } from './plan/plan-host.ts';
import { type HostResult, runHost } from './run-host.ts';
import { Slots } from './slots.ts';
import { rememberedSystem } from './system-cache.ts';

export interface RunOptions extends DeclareOptions {
  readonly mode: RunMode;
  readonly playbook: Playbook;
  /** Hosts to bring to the declared state; the others keep their place in the model. */
  readonly hosts: readonly Host[];
  /** Which plays apply to a host. */
  readonly playsOf: (host: Host) => readonly Play[];
  /** Hosts at the same time; default 20. */
  readonly forks?: number | undefined;
  /** Finish this many hosts before the next begin. */
  readonly serial?: number | undefined;
  /** Stop after more hosts than this have failed. */
  readonly maxFail?: number | undefined;
  /** See `Connect`. */
  readonly connect: (host: Host, which: 'declared' | 'any') => Promise<Reached>;
  /** Seconds that a host waits for a fresh connection after what can cut the way in; default 60. */
  readonly guardSeconds?: number | undefined;
  /** Remove or restore what is no longer declared. */
  readonly prune?: boolean | undefined;
  /** Opened secrets beyond those in resources, never to be shown. */
  readonly secrets?: readonly Secret[] | undefined;
  /** Where exports outlast the run; default nowhere. */
  readonly exportMemory?: ExportMemory | undefined;
  readonly onEvent: (event: RunEvent) => void;
  readonly stop: AbortSignal;
  /** Sees every host's first plan, and the facts it stands on, before that host is changed. */
  readonly review?:
    | ((host: string, planned: readonly Planned[], facts: ReadonlyMap<string, unknown>) => Promise<void>)
    | undefined;
}

export interface RunResult {
  readonly run: string;
  readonly exitCode: ExitCode;
  readonly hosts: readonly HostResult[];
}

/**
 * Brings hosts to the state that a playbook declares: everything that can be wrong without a host is found first, then
 * every host is connected, read, planned, changed and read again, on its own.
 *
 * @throws LabError ROLE_PARAMS, RESOURCE_PROPS, RESOURCE_CONFLICT, USAGE before any connection
 */
export async function run(options: RunOptions): Promise<RunResult> {
  const began = performance.now();
  const id = newRunId();
  const emit: Emit = (event) => options.onEvent({ ...event, ms: Math.round(performance.now() - began) } as RunEvent);
  const exports = new ExportStore(options.exportMemory ?? noMemory);
  const batches = batchesOf(options.hosts, options);
  exports.expect((batches[0] ?? []).map((host) => host.name));
  const prepared = new Map((await prepareAll(options, exports)).map((task) => [task.host.name, task]));
  emit({
    event: 'run-started',
    version: 1,
    run: id,
    startedAt: new Date().toISOString(),
    playbook: options.playbook.name,
    mode: options.mode,
    ...(options.prune && { prune: true }),
    hosts: options.hosts.map((host) => host.name),
  });
  const results: HostResult[] = [];
  for (const batch of batches) {
    const tasks = batch.flatMap((host) => prepared.get(host.name) ?? []);
    exports.expect(batch.map((host) => host.name));
    const slots = new Slots(options.forks ?? 20);
    const work = { id, emit, exports, slots };
    results.push(...(await Promise.all(tasks.map((task) => slots.run(() => runOrSkip(task, results, options, work))))));
  }
  const exitCode = exitCodeOf(results);
  emit({
    event: 'run-finished',
    run: id,
    exitCode,
    hosts: Object.fromEntries(results.map(({ host, status, counts }) => [host, { status, changed: counts.changed }])),
    durationMs: performance.now() - began,
  });
  return { run: id, exitCode, hosts: results };
}

/** Sorts by time and is unique among controllers: `20261123T190205Z-5f3a9c`. */
export function newRunId(): string {
  return `${new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '')}-${randomBytes(3).toString('hex')}`;
}

interface Prepared {
  readonly host: Host;
  readonly plays: readonly Play[];
  readonly remembered: SystemFact | undefined;
  readonly declared: readonly Declared[] | undefined;
  readonly exports: ExportView;
}

/** Thrown by the facts of a host never seen: its resources are declared after the connection. */
class NotSeenYet extends Error {}

/** All mistakes that need no host: parameters, properties, conflicts, tags that nothing has. */
async function prepareAll(options: RunOptions, exports: ExportStore): Promise<Prepared[]> {
  const { tags = [], skipTags = [], startAt } = options;
  if (startAt !== undefined || tags.length > 0 || skipTags.length > 0) {
    const all = await declareAll({ ...options, tags: [], skipTags: [], startAt: undefined }, exports);
    // What a host never seen declares may depend on its facts.
    if (all.every(({ declared }) => declared !== undefined))
      checkSelection(
        options.playbook,
        all.flatMap(({ declared }) => declared ?? []),
        options,
      );
  }
  return declareAll(options, exports);
}

async function declareAll(
  { playbook, hosts, playsOf, ...select }: RunOptions,
  exports: ExportStore,
): Promise<Prepared[]> {
  return Promise.all(
    hosts.map(async (host) => {
      const plays = playsOf(host);
      for (const play of plays) for (const use of play.roles) paramsOf(use, host, playbook.inventory.source);
      const remembered = rememberedSystem(host);
      const view = new ExportView(exports, host.name);
      const base = { host, plays, remembered, exports: view };
      const system = async () => {
        if (remembered === undefined) throw new NotSeenYet();
        return remembered;
      };
      try {
        return { ...base, declared: await declareHost(playbook, host, plays, system, select, view) };
      } catch (error) {
        if (error instanceof NotSeenYet) return { ...base, declared: undefined };
        throw error;
      }
    }),
  );
}

function batchesOf(hosts: readonly Host[], { serial, playbook }: RunOptions): Host[][] {
  const size = serial ?? Math.min(...playbook.plays.map((play) => play.serial ?? Number.POSITIVE_INFINITY));
  if (!Number.isFinite(size) || size < 1) return [[...hosts]];
  return Array.from({ length: Math.ceil(hosts.length / size) }, (_, index) =>
    hosts.slice(index * size, (index + 1) * size),
  );
}

/** What all hosts of a run share. */
interface Work {
  readonly id: string;
  readonly emit: Emit;
  readonly exports: ExportStore;
  readonly slots: Slots;
}

async function runOrSkip(
  task: Prepared,
  before: readonly HostResult[],
  options: RunOptions,
  { id, emit, exports, slots }: Work,
): Promise<HostResult> {
  const limit = options.maxFail ?? Math.min(...task.plays.map((play) => play.maxFail ?? Number.POSITIVE_INFINITY));
  const failures = before.filter(
    ({ status }) => status === 'failed' || status === 'reverted' || status === 'unreachable',
  ).length;
  if (failures > limit || options.stop.aborted) {
    exports.finish(task.host.name);
    return skipped(task, emit);
  }
  const { mode, playbook, connect, stop } = options;
  const result = await runHost({
    ...task,
    run: id,
    publish: (role, told) => exports.publish(task.host.name, role, told),
    markRead: () => exports.markRead(task.host.name),
    rest: async () => {
      const rest = () => exports.rest(task.host.name, task.exports);
      await (task.exports.isOpen() ? slots.pause(rest) : rest());
    },
    waitFor: (done) => slots.pause(() => exports.until(done)),
    mode,
    playbook,
    select: options,
    secrets: options.secrets ?? [],
    connect: (which) => connect(task.host, which),
    guardSeconds: options.guardSeconds,
    prune: options.prune,
    emit,
    stop,
    review: options.review && (async (planned, facts) => options.review?.(task.host.name, planned, facts)),
  });
  exports.finish(task.host.name);
  return result;
}

function skipped({ host, declared }: Prepared, emit: Emit): HostResult {
  const total = declared?.length ?? 0;
  const counts = {
    total,
    inSync: 0,
    changed: 0,
    knownAfterApply: 0,
    failed: 0,
    notReached: total,
    differences: 0,
    orphans: 0,
  };
  emit({ event: 'host-finished', host: host.name, status: 'skipped', counts, roundTrips: 0, durationMs: 0 });
  return { host: host.name, status: 'skipped', counts, planned: [] };
}

export function exitCodeOf(results: readonly Pick<HostResult, 'status'>[]): ExitCode {
  const has = (status: HostResult['status']) => results.some((result) => result.status === status);
  // What was taken back because nobody could log in any more is the worst that can be said.
  if (has('reverted')) return exitCodes.guardReverted;
  if (has('failed')) return exitCodes.hostFailed;
  if (has('unreachable')) return exitCodes.hostUnreachable;
  if (has('interrupted') || has('skipped')) return exitCodes.interrupted;
  return has('would-change') ? exitCodes.changesFound : exitCodes.asDeclared;
}
