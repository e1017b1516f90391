import { createHash } from 'node:crypto';
import type { DriftReport } from '../report/drift-report.ts';

/** `problems`: whenever something is not as declared. `changes`: when that is another than the last time, or gone. */
export type NotifyWhen = 'problems' | 'always' | 'changes';

/** A report as it is remembered until the next check. */
export interface LastReport {
  readonly version: 1;
  readonly status: DriftReport['status'];
  readonly fingerprint: string;
}

/** What of a report makes it another one: what drifted and how, not when, nor how a failure is worded. */
export function remembered({ status, error, hosts }: DriftReport): LastReport {
  const content = Object.entries(hosts)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .filter(([, host]) => host.status !== 'as-declared')
    .map(([name, { status, drifted, failure }]) => [
      name,
      status,
      drifted.map(({ resource, changes, reason }) => [resource, changes, reason]),
      failure && [failure.code, failure.resource],
    ]);
  const text = JSON.stringify([status, content, error && [error.code, error.message]]);
  return { version: 1, status, fingerprint: createHash('sha256').update(text).digest('hex') };
}

/** Whether anybody is to be told; who stopped a check knows that it was stopped. */
export function isDue(when: NotifyWhen, report: DriftReport, last: LastReport | undefined): boolean {
  if (report.status === 'interrupted') return false;
  const isProblem = report.status !== 'as-declared';
  if (when === 'always') return true;
  if (when === 'problems' || last === undefined) return isProblem;
  return remembered(report).fingerprint !== last.fingerprint;
}
