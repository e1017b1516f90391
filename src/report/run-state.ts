import type {
  EventFailure,
  HostFinished,
  HostNotice,
  Orphan,
  PlannedChange,
  PlannedResource,
  ResourceFinished,
  ResourceUndone,
  RunEvent,
  RunFinished,
  RunMode,
  RunStarted,
} from '../runner/events.ts';
import { outputLines } from './visible.ts';

/** A resource of a plan, and what has become of it. */
export interface ResourceState {
  readonly planned: PlannedResource;
  finished: ResourceFinished | undefined;
  undone: ResourceUndone | undefined;
}

/**
 * One plan of a host. A resource can stand in it more than once: a rollback puts back what it was, and restarts it when
 * everything else is as before, too.
 */
export type Stage = ResourceState[];

export interface HostState {
  readonly name: string;
  phase: 'waiting' | 'connecting' | 'reading' | 'applying' | 'taking back' | 'finished';
  readonly stages: Stage[];
  readonly notices: HostNotice[];
  /** What the playbook managed here and no longer declares. */
  orphans: readonly Orphan[];
  /** A notice that is the last that was heard of the host. */
  lately: HostNotice | undefined;
  /** What the host is doing now. */
  current: { readonly resource: string; readonly title: string; readonly startedAt: number } | undefined;
  /** The end of the output of the current command, as it came. */
  tail: string;
  result: HostFinished | undefined;
}

const tailBytes = 4096;

/** What is known of a run, built up from its events. */
export class RunState {
  started: RunStarted | undefined;
  finished: RunFinished | undefined;
  readonly hosts = new Map<string, HostState>();

  handle(event: RunEvent): void {
    if (event.event === 'run-started') {
      this.started = event;
      for (const host of event.hosts) this.host(host);
    } else if (event.event === 'run-finished') {
      this.finished = event;
    } else {
      apply(this.host(event.host), event);
    }
  }

  get mode(): RunMode {
    return this.started?.mode ?? 'run';
  }

  /** The run only reads, so that what it says is what it would do. */
  get onlyReads(): boolean {
    return this.mode === 'check' || this.mode === 'plan' || this.mode === 'rollback-check';
  }

  /** What is no longer declared is removed or restored, too. */
  get prunes(): boolean {
    return this.started?.prune === true;
  }

  /** What is no longer declared on a host and was left as it is, or what a check with `--prune` would not leave. */
  orphansLeft({ orphans, stages, result }: HostState): readonly Orphan[] {
    // Of some there is nothing to undo: a prune that came to its end leaves none.
    if (this.prunes && !this.onlyReads && result?.counts.orphans === 0) return [];
    const pruned = new Set(stages.flat().flatMap(({ finished, undone }) => (undone ? [] : (finished?.resource ?? []))));
    return orphans.filter(({ resource }) => !pruned.has(resource));
  }

  host(name: string): HostState {
    const known = this.hosts.get(name);
    if (known !== undefined) return known;
    const host: HostState = {
      name,
      phase: 'waiting',
      stages: [],
      notices: [],
      orphans: [],
      lately: undefined,
      current: undefined,
      tail: '',
      result: undefined,
    };
    this.hosts.set(name, host);
    return host;
  }
}

function apply(host: HostState, event: Exclude<RunEvent, RunStarted | RunFinished>): void {
  host.lately = event.event === 'host-notice' ? event : undefined;
  switch (event.event) {
    case 'host-connecting':
      host.phase = 'connecting';
      break;
    case 'host-connected':
      host.phase = 'reading';
      break;
    case 'host-planned':
      host.stages.push(stageOf(event.resources));
      // Later plans of a host do not tell them again.
      if (event.orphans.length > 0) host.orphans = event.orphans;
      break;
    case 'resource-started':
      host.phase = 'applying';
      host.current = { resource: event.resource, title: event.title, startedAt: Date.now() };
      host.tail = '';
      break;
    case 'resource-output':
      host.tail = (host.tail + event.text).slice(-tailBytes);
      break;
    case 'resource-finished':
      unfinished(host, event).finished = event;
      host.current = undefined;
      host.tail = '';
      break;
    case 'resource-undone':
      host.phase = 'taking back';
      standing(host, event).undone = event;
      host.current = undefined;
      host.tail = '';
      break;
    case 'host-notice':
      host.notices.push(event);
      break;
    case 'host-finished':
      host.phase = 'finished';
      host.result = event;
      host.current = undefined;
  }
}

/** A plan of which nothing is done yet. */
export function stageOf(planned: readonly PlannedResource[]): Stage {
  return planned.map((resource) => ({ planned: resource, finished: undefined, undone: undefined }));
}

type Told = Pick<ResourceFinished, 'resource' | 'title'> & { readonly changes?: readonly PlannedChange[] };

/** The first of the plan that is not done yet; what was not planned is added to it. */
function unfinished(host: HostState, told: Told): ResourceState {
  const next = host.stages.at(-1)?.find((one) => one.planned.resource === told.resource && one.finished === undefined);
  return next ?? unplanned(host, told);
}

/** The last that was changed and stands: a host goes back the way that it came. Or what was still under way. */
function standing(host: HostState, told: Told): ResourceState {
  const own = host.stages.flat().filter(({ planned, undone }) => planned.resource === told.resource && !undone);
  return own.findLast(({ finished }) => finished?.status === 'changed') ?? own.at(-1) ?? unplanned(host, told);
}

function unplanned(host: HostState, { resource, title, changes = [] }: Told): ResourceState {
  const role = host.orphans.find((orphan) => orphan.resource === resource)?.role ?? null;
  const [added] = stageOf([{ resource, title, role, at: null, outcome: 'change', changes }]) as [ResourceState];
  if (host.stages.length === 0) host.stages.push([]);
  host.stages.at(-1)?.push(added);
  return added;
}

/** Changes done, and changes in all as far as they are known: each plan adds to what the ones before it did. */
export function progressOf({ stages }: HostState): { readonly done: number; readonly total: number } {
  const done = stages.flat().filter(({ finished }) => finished !== undefined).length;
  const left = (stages.at(-1) ?? []).filter(
    ({ planned, finished }) => finished === undefined && planned.outcome === 'change',
  ).length;
  return { done, total: done + left };
}

/** What was changed and then taken back. */
export function undoneOf({ stages }: HostState): readonly ResourceUndone[] {
  return stages.flat().flatMap(({ undone }) => undone ?? []);
}

/** The last lines that the current command wrote, blank ones left out. */
export function tailOf(host: HostState, lines: number): string[] {
  return outputLines(host.tail)
    .filter((line) => line.trim() !== '')
    .slice(-lines);
}

export interface HostFailure extends EventFailure {
  readonly host: string;
  /** Where the host took changes back because nobody could log in any more: which. */
  readonly reverted?: readonly ResourceUndone[];
}

/** A host that went down, or was too slow, before anybody could log in anew, tells no more than that it went back. */
const revertedAlone: EventFailure = {
  code: 'GUARD_REVERTED',
  message: 'no fresh login confirmed the changes in time, so the host took them back',
  hint: 'look whether the host restarted or is slow; a longer --guard-timeout gives it more time',
};

/** Every failure of a run once, in the order of the hosts. */
export function failuresOf(state: RunState): HostFailure[] {
  return [...state.hosts.values()].flatMap((host) => {
    const ofResources = host.stages
      .flat()
      .flatMap(({ finished }) => finished ?? [])
      .flatMap(({ failure, resource }) => (failure === undefined ? [] : [{ host: host.name, resource, ...failure }]));
    const ofHost = host.result?.failure ?? (host.result?.status === 'reverted' ? revertedAlone : undefined);
    if (ofHost === undefined || ofResources.some((known) => isSame(known, ofHost))) return ofResources;
    const reverted = host.result?.status === 'reverted' ? { reverted: undoneOf(host) } : {};
    return [...ofResources, { host: host.name, ...ofHost, ...reverted }];
  });
}

function isSame(known: EventFailure, other: EventFailure): boolean {
  return known.code === other.code && known.message === other.message;
}
