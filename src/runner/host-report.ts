import type { LabError } from '../shared/errors.ts';
import { Redactor } from '../shared/secret.ts';
import type { Action } from './apply/compile.ts';
import type { StageEnd, StageListener } from './apply/follow-stage.ts';
import { describeFailure } from './describe-failure.ts';
import type { HostStatus, Orphan, PlannedResource, RunEvent } from './events.ts';

/** `Omit` that keeps the members of a union apart. */
type WithoutTime<Event> = Event extends unknown ? Omit<Event, 'ms'> : never;
export type Emit = (event: WithoutTime<RunEvent>) => void;

/** What happens on one host, told as events and remembered: what changed, what failed. */
export class HostReport {
  readonly host: string;
  readonly emit: Emit;
  readonly redactor = new Redactor();
  /** Keys of the resources that were changed and stand. */
  readonly changed = new Set<string>();
  failure: LabError | undefined;
  failedResource: string | undefined;
  readonly #began = performance.now();

  constructor(host: string, emit: Emit) {
    this.host = host;
    this.emit = emit;
  }

  fail(error: LabError, resource: string | undefined): void {
    this.failure = error;
    this.failedResource = resource;
  }

  notice(text: string, level: 'info' | 'warning' = 'warning'): void {
    this.emit({ event: 'host-notice', host: this.host, level, text: this.redactor.redact(text) });
  }

  planned(stage: number, resources: readonly PlannedResource[], orphans: readonly Orphan[] = []): void {
    this.emit({ event: 'host-planned', host: this.host, stage, resources, orphans });
  }

  listener(): StageListener {
    const { host, emit } = this;
    const base = ({ plan }: Action) => ({ host, resource: plan.key, title: plan.title });
    const shown = this.redactor.inPieces();
    const output = ({ plan }: Action, text: string) => {
      if (text !== '') emit({ event: 'resource-output', host, resource: plan.key, text });
    };
    return {
      started: (action) => emit({ event: 'resource-started', ...base(action) }),
      output: (action, text) => output(action, shown.push(text)),
      finished: (action, durationMs, failure) => {
        output(action, shown.end());
        if (failure === undefined) this.changed.add(action.plan.key);
        else this.fail(failure, action.plan.key);
        emit({
          event: 'resource-finished',
          ...base(action),
          status: failure === undefined ? 'changed' : 'failed',
          changes: action.plan.changes,
          durationMs,
          ...(failure && { failure: describeFailure(failure, this.redactor, action.plan.key) }),
        });
      },
      undone: (action, complete) => {
        this.changed.delete(action.plan.key);
        emit({ event: 'resource-undone', ...base(action), complete });
      },
      notice: (text, level) => this.notice(text, level),
    };
  }

  finished(status: HostStatus, counts: Parameters<typeof finishedEvent>[1], roundTrips: number): void {
    const failure = this.failure && describeFailure(this.failure, this.redactor, this.failedResource);
    this.emit({
      ...finishedEvent(this.host, counts),
      status,
      roundTrips,
      durationMs: performance.now() - this.#began,
      ...(failure && { failure }),
    });
  }
}

function finishedEvent(host: string, counts: Extract<RunEvent, { event: 'host-finished' }>['counts']) {
  return { event: 'host-finished' as const, host, counts };
}

/** What the end of a host's last stage makes of the host. */
export function statusOfEnd(end: StageEnd, changed: number): HostStatus {
  if (end === 'complete') return changed > 0 ? 'changed' : 'ok';
  if (end === 'stopped') return 'interrupted';
  return end === 'guard-reverted' ? 'reverted' : 'failed';
}
