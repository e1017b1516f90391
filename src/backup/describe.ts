import { showSize } from '../report/quantities.ts';
import { tableLines } from '../report/table.ts';
import type { KeptEntry, Manifest } from './manifest.ts';

const files = (entries: readonly KeptEntry[]) => entries.filter(({ kind }) => kind !== 'directory');
const sizeOf = (entries: readonly KeptEntry[]) => showSize(entries.reduce((sum, { size }) => sum + size, 0));

/** What each role keeps of each host, a line each. */
export function summaryLines({ hosts }: Manifest): string[] {
  const rows = Object.entries(hosts).flatMap(([host, { state }]) => {
    const roles = [...new Set(state.map(({ role }) => role))];
    if (roles.length === 0) return [[host, '(nothing)', '', '']];
    return roles.map((role) => {
      const entries = files(state.flatMap((part) => (part.role === role ? part.entries : [])));
      return [host, role, String(entries.length), sizeOf(entries)];
    });
  });
  return tableLines(['HOST', 'ROLE', 'FILES', 'SIZE'], rows);
}

/** Every file and link with mode, owner and size; nothing of what is in them. */
export function contentLines({ hosts }: Manifest): string[] {
  const rows = Object.entries(hosts).flatMap(([host, { state }]) =>
    state.flatMap(({ role, entries }) =>
      files(entries).map(({ path, mode, owner, group, size }) => [
        ...[host, role, mode, `${owner}:${group}`],
        ...[showSize(size), path],
      ]),
    ),
  );
  return tableLines(['HOST', 'ROLE', 'MODE', 'OWNER', 'SIZE', 'PATH'], rows);
}
