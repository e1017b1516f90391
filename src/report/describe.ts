import type { HostCounts, HostStatus, PlannedChange, PlannedResource } from '../runner/events.ts';
import type { ExitCode } from '../shared/errors.ts';
import { countLines } from './diff.ts';
import type { RunState } from './run-state.ts';
import { shorten, visibleLine } from './visible.ts';

const longestValue = 60;

/** Everything changes from or to nothing, so that "absent →" need not be repeated at each attribute. */
export function isCreation(changes: readonly PlannedChange[]): boolean {
  return changes.length > 0 && changes.every(({ before }) => before === null);
}

export function isRemoval(changes: readonly PlannedChange[]): boolean {
  return changes.length > 0 && changes.every(({ after }) => after === null);
}

/** A change as a phrase: `mode 0644 → 0640`, `content +3 −1 lines`; no diff. */
export function phraseOf(change: PlannedChange, options: { readonly creation: boolean }): string {
  const attribute = visibleLine(change.attribute);
  const lines = change.diff === undefined ? undefined : countLines(change.diff);
  const what =
    lines !== undefined
      ? `${attribute} ${lineChange(lines)}`
      : change.diff
        ? `${attribute} ${visibleLine(change.diff)}`
        : options.creation
          ? `${attribute} ${showValue(change.after)}`
          : `${attribute} ${showValue(change.before)} → ${showValue(change.after)}`;
  return change.trigger === undefined ? what : `${what}, because of ${visibleLine(change.trigger)}`;
}

function lineChange({ added, removed }: { readonly added: number; readonly removed: number }): string {
  const parts = [...(added > 0 ? [`+${added}`] : []), ...(removed > 0 ? [`−${removed}`] : [])];
  return `${parts.join(' ')} ${added + removed === 1 ? 'line' : 'lines'}`;
}

/** A value on one line; text of several lines by their number. */
function showValue(value: PlannedChange['before']): string {
  if (value === null) return 'absent';
  if (typeof value !== 'string') return String(value);
  if (value.trimEnd().includes('\n')) return count(value.trimEnd().split('\n').length, 'line');
  if (value === '' || value !== value.trim()) return shorten(visibleLine(JSON.stringify(value)), longestValue);
  return shorten(visibleLine(value), longestValue);
}

export function riskOf(changes: readonly PlannedChange[]): string | undefined {
  if (changes.some(({ risk }) => risk === 'connectivity')) return 'can cut the connection';
  if (changes.some(({ risk }) => risk === 'privilege')) return 'can take away rights';
  return undefined;
}

/** `Message of the day (file:/etc/motd)`, or the resource alone when it has no name of its own. */
export function nameOf({ resource, title }: Pick<PlannedResource, 'resource' | 'title'>): string {
  return title === resource || title === ''
    ? visibleLine(resource)
    : `${visibleLine(title)} (${visibleLine(resource)})`;
}

/** `39 ok, 3 changed`: what is zero is left out. */
export function showCounts(counts: HostCounts, onlyReads: boolean): string[] {
  const parts: readonly (readonly [number, string])[] = [
    [counts.inSync, 'ok'],
    [counts.changed, onlyReads ? 'would change' : 'changed'],
    [counts.knownAfterApply, 'known after apply'],
    [counts.failed, 'failed'],
    [counts.notReached, 'not reached'],
    [counts.orphans, 'no longer declared'],
    [counts.differences, counts.differences === 1 ? 'difference from the plan' : 'differences from the plan'],
  ];
  return parts.filter(([number]) => number > 0).map(([number, what]) => `${number} ${what}`);
}

export const statusWords: Readonly<Record<HostStatus, string>> = {
  ok: 'ok',
  changed: 'changed',
  'would-change': 'would change',
  failed: 'failed',
  reverted: 'reverted',
  unreachable: 'unreachable',
  interrupted: 'interrupted',
  skipped: 'skipped',
};

/** `0.3 s`, `42 s`, `2 min 5 s`. */
export function showDuration(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (Math.round(seconds) < 60) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** `1 host`, `2 hosts`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

const exitMeanings: Readonly<Record<ExitCode, string>> = {
  0: 'as declared',
  1: 'a host failed',
  2: 'changes found',
  3: 'a host could not be reached',
  4: 'nothing was tried',
  5: 'a guard undid a change that was not confirmed',
  130: 'interrupted',
};

/** The one sentence that a run ends with. */
export function sentenceOf(state: RunState): string {
  if (state.finished === undefined) return 'interrupted before the end';
  const hosts = Object.values(state.finished.hosts);
  const having = (status: HostStatus) => hosts.filter((host) => host.status === status).length;
  const changed = hosts.filter((host) => host.changed > 0);
  const changes = changed.reduce((sum, host) => sum + host.changed, 0);
  const parts: string[] = [];
  if (changes > 0) {
    const verb = state.onlyReads ? ' would be made' : '';
    parts.push(`${count(changes, 'change')}${verb} on ${count(changed.length, 'host')}`);
  } else if (having('ok') > 0) {
    parts.push(`${count(having('ok'), 'host')} as declared, 0 changed`);
  }
  const known = [...state.hosts.values()].reduce((sum, host) => sum + (host.result?.counts.knownAfterApply ?? 0), 0);
  if (known > 0) parts.push(`${count(known, 'resource')} known after apply`);
  for (const status of ['failed', 'unreachable', 'interrupted', 'skipped'] as const) {
    if (having(status) > 0) parts.push(`${count(having(status), 'host')} ${statusWords[status]}`);
  }
  return parts.join(', ') || 'no host selected';
}

/** What the exit code means, unless it is 0. */
export function exitNote(state: RunState): string | undefined {
  const { finished, started } = state;
  if (finished === undefined || finished.exitCode === 0) return undefined;
  const left = Object.values(finished.hosts).some(({ status }) => takenUpAgain.has(status));
  const again = started?.mode === 'run' && left ? '; --limit @failed takes up what is left' : '';
  return `exit code ${finished.exitCode}: ${exitMeanings[finished.exitCode]}${again}`;
}

const takenUpAgain: ReadonlySet<HostStatus> = new Set(['failed', 'unreachable', 'interrupted']);
