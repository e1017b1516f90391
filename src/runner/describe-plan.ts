import { unifiedDiff } from '../report/diff.ts';
import type { Change, Shown } from '../resources/contract.ts';
import { type Redactor, Secret } from '../shared/secret.ts';
import type { PlannedChange, PlannedResource } from './events.ts';
import type { Planned } from './plan/plan-host.ts';

/** A plan as events carry it: secrets redacted, long texts as a diff. */
export function describePlan(planned: Planned, redactor: Redactor): PlannedResource {
  const { key, title, role, resource, outcome, changes, reason } = planned;
  return {
    resource: key,
    title,
    role,
    at: resource.at ?? null,
    outcome,
    changes: changes.map((change) => describeChange(change, redactor)),
    ...(reason !== undefined && { reason: redactor.redact(reason) }),
  };
}

export function describeChange(change: Change, redactor: Redactor): PlannedChange {
  const { attribute, risk, trigger } = change;
  const secret = change.after instanceof Secret || change.before instanceof Secret;
  const shown = (value: Shown) => (value === null ? null : secret ? '‹secret›' : plain(value, redactor));
  const before = shown(change.before);
  const after = shown(change.after);
  const isText = [before, after].some((value) => typeof value === 'string' && value.includes('\n'));
  const diff = isText && !secret ? unifiedDiff(String(before ?? ''), String(after ?? '')) : undefined;
  return { attribute, before, after, ...(diff && { diff }), ...(risk && { risk }), ...(trigger && { trigger }) };
}

function plain(value: Exclude<Shown, null>, redactor: Redactor): string | number | boolean {
  return typeof value === 'string' ? redactor.redact(value) : value instanceof Secret ? String(value) : value;
}
