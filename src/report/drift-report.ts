import type { EventFailure, HostStatus, PlannedResource } from '../runner/events.ts';
import type { Planned } from '../runner/plan/plan-host.ts';
import type { RunResult } from '../runner/run.ts';
import { type ExitCode, exitCodes } from '../shared/errors.ts';
import { count } from './describe.ts';
import type { HostState, RunState } from './run-state.ts';

/** What `lab drift` found: its `--output json`, and what notifiers get. `docs/cli.md` describes it. */
export interface DriftReport {
  readonly version: 1;
  /** As it was named on the command line. */
  readonly playbook: string;
  readonly status: DriftStatus;
  readonly exitCode: ExitCode;
  /** One sentence. */
  readonly summary: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly durationMs: number;
  readonly counts: DriftCounts;
  /** Every host that was to be checked, by name. */
  readonly hosts: Readonly<Record<string, HostDrift>>;
  /** Why the check did not begin. */
  readonly error?: EventFailure | undefined;
}

/** The worst that was met; `error` is a check that could not begin. */
type DriftStatus = 'as-declared' | 'drifted' | 'unreachable' | 'failed' | 'interrupted' | 'error';

interface DriftCounts {
  readonly hosts: number;
  readonly asDeclared: number;
  readonly drifted: number;
  readonly unreachable: number;
  readonly failed: number;
  /** Drifted resources of all hosts. */
  readonly resources: number;
}

export interface HostDrift {
  readonly status: Exclude<HostStatus, 'ok' | 'changed' | 'would-change'> | 'as-declared' | 'drifted';
  /** Resources that are not as declared: `before` is what is there, `after` what is declared. */
  readonly drifted: readonly PlannedResource[];
  /** Resources that cannot be looked at before an earlier one is as declared. */
  readonly unknown: readonly PlannedResource[];
  readonly failure?: EventFailure | undefined;
}

/** When and what was checked. */
export interface DriftCheck {
  readonly playbook: string;
  readonly startedAt: Date;
  readonly durationMs: number;
}

/** What a check of the hosts found. */
export function driftReport(
  check: DriftCheck,
  state: RunState,
  result: Pick<RunResult, 'exitCode' | 'hosts'>,
): DriftReport {
  const everyRun = new Map(result.hosts.map(({ host, planned }) => [host, runEveryTime(planned)]));
  const hosts = Object.fromEntries(
    [...state.hosts.values()].map((host) => [host.name, hostDrift(host, everyRun.get(host.name) ?? new Set())]),
  );
  const counts = countsOf(Object.values(hosts));
  const found = counts.drifted > 0 ? exitCodes.changesFound : exitCodes.asDeclared;
  // What runs every time counts as a change for a run, and is no drift.
  const exitCode = result.exitCode === exitCodes.changesFound ? found : result.exitCode;
  return report(check, { status: statusOf(exitCode), exitCode, summary: summaryOf(hosts, counts), counts, hosts });
}

/** What there is to say of a check that could not begin. */
export function failedDriftReport(check: DriftCheck, exitCode: ExitCode, error: EventFailure): DriftReport {
  const summary = `the check could not run (${error.code})`;
  return report(check, { status: 'error', exitCode, summary, counts: countsOf([]), hosts: {}, error });
}

function report({ playbook, startedAt, durationMs }: DriftCheck, found: Found): DriftReport {
  const { status, exitCode, summary, ...rest } = found;
  return {
    version: 1,
    playbook,
    status,
    exitCode,
    summary,
    startedAt: startedAt.toISOString(),
    durationMs: Math.round(durationMs),
    ...rest,
  };
}

type Found = Omit<DriftReport, 'version' | 'playbook' | 'startedAt' | 'durationMs'>;

/**
 * Resources that a run would touch on a host that is as declared, too: a command without a guard, and what only such a
 * command sets off. A schedule would tell of them every hour.
 */
function runEveryTime(planned: readonly Planned[]): ReadonlySet<string> {
  const keys = new Set<string>();
  const titles = new Set<string>();
  for (const { key, title, changes } of planned) {
    const isDrift = changes.some(({ always, trigger }) => !always && (trigger === undefined || !titles.has(trigger)));
    if (changes.length === 0 || isDrift) continue;
    keys.add(key);
    titles.add(title);
  }
  return keys;
}

function hostDrift({ stages, result }: HostState, everyRun: ReadonlySet<string>): HostDrift {
  // What waits for another host is planned again when that has spoken: the last plan counts.
  const latest = new Map(stages.flatMap((stage) => stage.map(({ planned }) => [planned.resource, planned] as const)));
  const planned = [...latest.values()].filter(({ resource }) => !everyRun.has(resource));
  const drifted = planned.filter(({ outcome }) => outcome === 'change' || outcome === 'impossible');
  const unknown = planned.filter(({ outcome }) => outcome === 'known-after-apply');
  return {
    status: hostStatus(result?.status ?? 'interrupted', drifted.length > 0),
    drifted,
    unknown,
    ...(result?.failure && { failure: result.failure }),
  };
}

function hostStatus(status: HostStatus, drifted: boolean): HostDrift['status'] {
  if (status !== 'ok' && status !== 'changed' && status !== 'would-change') return status;
  return drifted ? 'drifted' : 'as-declared';
}

function countsOf(hosts: readonly HostDrift[]): DriftCounts {
  const having = (status: HostDrift['status']) => hosts.filter((host) => host.status === status).length;
  return {
    hosts: hosts.length,
    asDeclared: having('as-declared'),
    drifted: having('drifted'),
    unreachable: having('unreachable'),
    failed: having('failed'),
    resources: hosts.reduce((sum, { drifted }) => sum + drifted.length, 0),
  };
}

function statusOf(exitCode: ExitCode): DriftStatus {
  if (exitCode === exitCodes.asDeclared) return 'as-declared';
  if (exitCode === exitCodes.changesFound) return 'drifted';
  if (exitCode === exitCodes.hostUnreachable) return 'unreachable';
  return exitCode === exitCodes.interrupted ? 'interrupted' : 'failed';
}

/** `3 resources drifted on 2 hosts, 1 host unreachable, 4 hosts as declared` */
function summaryOf(hosts: DriftReport['hosts'], counts: DriftCounts): string {
  const withDrift = Object.values(hosts).filter(({ drifted }) => drifted.length > 0).length;
  const notChecked = Object.values(hosts).filter(({ status }) => status === 'interrupted' || status === 'skipped');
  return [
    ...(withDrift > 0 ? [`${count(counts.resources, 'resource')} drifted on ${count(withDrift, 'host')}`] : []),
    ...(counts.failed > 0 ? [`${count(counts.failed, 'host')} failed`] : []),
    ...(counts.unreachable > 0 ? [`${count(counts.unreachable, 'host')} unreachable`] : []),
    ...(notChecked.length > 0 ? [`${count(notChecked.length, 'host')} not checked`] : []),
    ...(counts.asDeclared > 0 ? [`${count(counts.asDeclared, 'host')} as declared`] : []),
  ].join(', ');
}
