import { unifiedDiff } from '../../src/report/diff.ts';
import type {
  EventFailure,
  HostCounts,
  HostStatus,
  PlannedChange,
  PlannedResource,
  RunEvent,
  RunMode,
} from '../../src/runner/events.ts';
import type { ExitCode } from '../../src/shared/errors.ts';

export function resource(
  key: string,
  changes: readonly PlannedChange[],
  more: Partial<PlannedResource> = {},
): PlannedResource {
  return {
    resource: key,
    title: key,
    role: 'base',
    at: { file: `${process.cwd()}/roles/base/role.ts`, line: 31, column: 5 },
    outcome: changes.length === 0 ? 'in-sync' : 'change',
    changes,
    ...more,
  };
}

export function text(before: string | null, after: string | null): PlannedChange {
  return { attribute: 'content', before, after, diff: unifiedDiff(before, after) };
}

export class Recorder {
  readonly events: RunEvent[] = [];
  ms = 0;

  add(
    event: RunEvent extends infer Event ? (Event extends RunEvent ? Omit<Event, 'ms'> : never) : never,
    after = 60,
  ): void {
    this.ms += after;
    this.events.push({ ...event, ms: this.ms } as RunEvent);
  }

  /** A resource is begun and changed. */
  change(host: string, { resource, title, changes }: PlannedResource, after = 150): void {
    this.add({ event: 'resource-started', host, resource, title });
    this.add(
      { event: 'resource-finished', host, resource, title, status: 'changed', changes, durationMs: after },
      after,
    );
  }

  finish(
    host: string,
    status: HostStatus,
    more: Partial<HostCounts>,
    roundTrips: number,
    failure?: EventFailure,
  ): void {
    const event = { event: 'host-finished', host, status, counts: counts(more), roundTrips } as const;
    this.add({ ...event, durationMs: this.ms, ...(failure && { failure }) });
  }
}

export function counts(more: Partial<HostCounts>): HostCounts {
  return {
    total: 12,
    inSync: 6,
    changed: 0,
    knownAfterApply: 0,
    failed: 0,
    notReached: 0,
    differences: 0,
    orphans: 0,
    ...more,
  };
}

export interface Beginning {
  readonly mode: RunMode;
  readonly playbook?: string;
  readonly prune?: boolean;
}

export function begin(
  recorder: Recorder,
  { playbook = 'playbooks/site.ts', ...mode }: Beginning,
  hosts: readonly string[],
) {
  const startedAt = '2026-11-23T19:00:00Z';
  recorder.add({ event: 'run-started', version: 1, run: '20261123-1', startedAt, playbook, ...mode, hosts }, 0);
}

export function end(recorder: Recorder, exitCode: ExitCode): void {
  const finished = recorder.events.flatMap((event) => (event.event === 'host-finished' ? [event] : []));
  recorder.add({
    event: 'run-finished',
    run: '20261123-1',
    exitCode,
    durationMs: recorder.ms,
    hosts: Object.fromEntries(finished.map(({ host, status, counts }) => [host, { status, changed: counts.changed }])),
  });
}
