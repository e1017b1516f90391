import { type Adoption, type Entries, formatEntries, type Note } from '../../adopt/entries.ts';
import { jsonLine } from '../../report/json-renderer.ts';
import { visibleLine } from '../../report/visible.ts';
import type { LabError } from '../../shared/errors.ts';
import type { AdoptOptions } from '../adopt.ts';
import { printError } from '../print-error.ts';

export interface Shown extends Adoption {
  /** What the first run changes of what is there. */
  readonly differences: readonly Note[];
  /** What to do next, a sentence each. */
  readonly next: readonly string[];
}

/** Entries to standard output, everything else to standard error, so that the first can go to a file. */
export async function showAdoption(shown: Shown, errors: readonly LabError[], options: AdoptOptions): Promise<void> {
  const { entries, notes, differences, next } = shown;
  if (options.output === 'json') {
    const failed = errors.map(({ code, message, details }) => ({ host: details.host ?? null, code, message }));
    process.stdout.write(`${jsonLine({ version: 1, entries, notes, differences, errors: failed })}\n`);
    return;
  }
  process.stdout.write(await formatEntries(entries, options.format));
  const told = [
    ...section('the entries have no place for', notes),
    ...section('the first run makes this of what is there', differences),
    ...next,
  ];
  process.stderr.write(`${told.join('\n')}\n`);
  for (const error of errors) printError(error);
}

export function hasEntries(entries: Entries): boolean {
  return Object.values(entries).some((section) => Object.keys(section ?? {}).length > 0);
}

function section(title: string, notes: readonly Note[]): string[] {
  if (notes.length === 0) return [];
  const lines = notes.map(({ host, file, line, found, instead }) => {
    const place = file === null ? host : `${host}:${file}${line === null ? '' : `:${line}`}`;
    return `  ${place}  ${visibleLine(found)}\n      → ${visibleLine(instead)}`;
  });
  return [`${title}:`, ...lines, ''];
}
