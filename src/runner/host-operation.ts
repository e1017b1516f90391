import pLimit from 'p-limit';
import type { Host } from '../model/types.ts';
import type { ExitCode } from '../shared/errors.ts';
import type { HostCounts, HostStatus, RunEvent, RunMode } from './events.ts';
import { type Emit, HostReport } from './host-report.ts';
import { type Connect, HostLink } from './link.ts';
import { exitCodeOf, newRunId } from './run.ts';
import { statusOf } from './run-host.ts';

/** What every operation on hosts that needs no playbook is given. */
export interface OperationOptions {
  readonly hosts: readonly Host[];
  readonly connect: (host: Host, which: 'declared' | 'any') => ReturnType<Connect>;
  readonly onEvent: (event: RunEvent) => void;
  readonly stop: AbortSignal;
  /** Hosts at the same time; default 20. */
  readonly forks?: number | undefined;
}

/** What it works with on one host. */
export interface HostOperation {
  readonly run: string;
  readonly link: HostLink;
  readonly report: HostReport;
}

interface Outcome {
  readonly status: HostStatus;
  readonly counts: HostCounts;
}

const nothing: HostCounts = {
  total: 0,
  inSync: 0,
  changed: 0,
  knownAfterApply: 0,
  failed: 0,
  notReached: 0,
  differences: 0,
  orphans: 0,
};

/** Does one thing on every host, told as the events of a run; a host that fails stops no other. */
export async function operateOnHosts(
  { hosts, connect, onEvent, stop, forks }: OperationOptions,
  mode: RunMode,
  name: string,
  work: (operation: HostOperation) => Promise<Outcome>,
): Promise<{ readonly run: string; readonly exitCode: ExitCode }> {
  const began = performance.now();
  const run = newRunId();
  const emit: Emit = (event) => onEvent({ ...event, ms: Math.round(performance.now() - began) } as RunEvent);
  const names = hosts.map((host) => host.name);
  const startedAt = new Date().toISOString();
  emit({ event: 'run-started', version: 1, run, startedAt, playbook: name, mode, hosts: names });
  const limit = pLimit(forks ?? 20);
  const results = await Promise.all(
    hosts.map((host) => limit(() => operate(host, (which) => connect(host, which), stop, run, emit, work))),
  );
  const exitCode = exitCodeOf(results);
  emit({
    event: 'run-finished',
    run,
    exitCode,
    hosts: Object.fromEntries(results.map(({ host, status, counts }) => [host, { status, changed: counts.changed }])),
    durationMs: performance.now() - began,
  });
  return { run, exitCode };
}

async function operate(
  host: Host,
  connect: Connect,
  stop: AbortSignal,
  run: string,
  emit: Emit,
  work: (operation: HostOperation) => Promise<Outcome>,
): Promise<Outcome & { readonly host: string }> {
  const report = new HostReport(host.name, emit);
  let outcome: Outcome;
  let roundTrips = 0;
  try {
    emit({ event: 'host-connecting', host: host.name });
    await using link = await HostLink.open(host, connect);
    emit({ event: 'host-connected', host: host.name });
    try {
      outcome = await work({ run, link, report });
    } finally {
      roundTrips = link.roundTrips;
    }
  } catch (thrown) {
    const status = statusOf(thrown, stop, report);
    outcome = { status, counts: { ...nothing, changed: report.changed.size, failed: status === 'failed' ? 1 : 0 } };
  }
  report.finished(outcome.status, outcome.counts, roundTrips);
  return { host: host.name, ...outcome };
}
