import type { PlannedChange, PlannedResource } from '../runner/events.ts';
import { countLines } from './diff.ts';
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

/** The title, and the resource beside it unless the title says it already: `file /etc/motd` is `file:/etc/motd`. */
export function titleOf({ title, resource }: Pick<PlannedResource, 'resource' | 'title'>): {
  readonly title: string;
  readonly resource: string;
} {
  const name = visibleLine(title);
  const key = visibleLine(resource);
  if (name === '' || name === key) return { title: key, resource: '' };
  return { title: name, resource: name === titleOfKey(resource) ? '' : key };
}

/** `Message of the day (file:/etc/motd)`: with the key, as that is what a script looks for. */
export function nameOf({ resource, title }: Pick<PlannedResource, 'resource' | 'title'>): string {
  return title === resource || title === ''
    ? visibleLine(resource)
    : `${visibleLine(title)} (${visibleLine(resource)})`;
}

/** `file /etc/motd` of `file:/etc/motd`: as titles are, for what only its key is known of. */
export function titleOfKey(resource: string): string {
  return visibleLine(resource.replace(':', ' '));
}

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
