import { relative } from 'node:path';
import { tableLines } from '../../report/table.ts';
import { formatLocation, type SourceLocation } from '../../shared/errors.ts';
import { quote } from '../../shared/quote.ts';
import type { Imported } from './import.ts';
import type { Note } from './notes.ts';

/** What was taken over and what was not, for a person; a line each, with its place. */
export function reportLines({ hosts, groups, parameters, secrets, notes }: Imported, role: string): string[] {
  const counted = `${count(hosts, 'host')}, ${count(groups, 'group')}, ${count(parameters.length, 'variable')}`;
  return [
    `taken over: ${counted}${parameters.length === 0 ? '' : ` as parameters of the role "${role}"`}`,
    ...section('RENAMED', notes.of('renamed')),
    ...section('CHANGED', notes.of('changed')),
    ...section('LEFT OUT', notes.of('left out')),
    ...table(
      ['SECRET TO FILL', 'IN ANSIBLE'],
      secrets.map(({ path, at }) => [`npx lab secrets set ${quote(path)}`, place(at)]),
    ),
  ];
}

function section(title: string, notes: readonly Note[]): string[] {
  return table(
    [title, 'WHY', 'IN ANSIBLE'],
    notes.map(({ at, what, why }) => [what, why, place(at)]),
  );
}

function table(heading: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return rows.length === 0 ? [] : ['', ...tableLines(heading, rows)];
}

function place(at: SourceLocation | undefined): string {
  return at === undefined ? '' : formatLocation({ file: relative(process.cwd(), at.file), line: at.line });
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
