import type {
  EventFailure,
  HostFinished,
  HostNotice,
  PlannedResource,
  ResourceFinished,
  RunEvent,
  RunFinished,
  RunStarted,
} from '../runner/events.ts';
import { outputLines } from './visible.ts';

/** What one plan of a host held, and what has become of it. */
export interface Stage {
  readonly number: number;
  readonly planned: readonly PlannedResource[];
  readonly finished: Map<string, ResourceFinished>;
}

export interface HostState {
  readonly name: string;
  phase: 'waiting' | 'connecting' | 'reading' | 'applying' | 'finished';
  readonly stages: Stage[];
  readonly notices: HostNotice[];
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

  /** The run only reads, so that what it says is what it would do. */
  get onlyReads(): boolean {
    return this.started?.mode === 'check' || this.started?.mode === 'plan';
  }

  host(name: string): HostState {
    const known = this.hosts.get(name);
    if (known !== undefined) return known;
    const host: HostState = {
      name,
      phase: 'waiting',
      stages: [],
      notices: [],
      current: undefined,
      tail: '',
      result: undefined,
    };
    this.hosts.set(name, host);
    return host;
  }
}

function apply(host: HostState, event: Exclude<RunEvent, RunStarted | RunFinished>): void {
  switch (event.event) {
    case 'host-connecting':
      host.phase = 'connecting';
      break;
    case 'host-connected':
      host.phase = 'reading';
      break;
    case 'host-planned':
      host.stages.push({ number: event.stage, planned: event.resources, finished: new Map() });
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
      stageOf(host).finished.set(event.resource, event);
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

function stageOf(host: HostState): Stage {
  const last = host.stages.at(-1);
  if (last !== undefined) return last;
  const stage: Stage = { number: 1, planned: [], finished: new Map() };
  host.stages.push(stage);
  return stage;
}

/** Changes of the stage that runs, done and in all. */
export function progressOf(host: HostState): { readonly done: number; readonly total: number } {
  const stage = host.stages.at(-1);
  return {
    done: stage?.finished.size ?? 0,
    total: stage?.planned.filter(({ outcome }) => outcome === 'change').length ?? 0,
  };
}

/** The last lines that the current command wrote, blank ones left out. */
export function tailOf(host: HostState, lines: number): string[] {
  return outputLines(host.tail)
    .filter((line) => line.trim() !== '')
    .slice(-lines);
}

export interface HostFailure extends EventFailure {
  readonly host: string;
}

/** Every failure of a run once, in the order of the hosts. */
export function failuresOf(state: RunState): HostFailure[] {
  return [...state.hosts.values()].flatMap((host) => {
    const ofResources = host.stages
      .flatMap(({ finished }) => [...finished.values()])
      .flatMap(({ failure, resource }) => (failure === undefined ? [] : [{ host: host.name, resource, ...failure }]));
    const ofHost = host.result?.failure;
    if (ofHost === undefined || ofResources.some((known) => isSame(known, ofHost))) return ofResources;
    return [...ofResources, { host: host.name, ...ofHost }];
  });
}

function isSame(known: EventFailure, other: EventFailure): boolean {
  return known.code === other.code && known.message === other.message;
}
