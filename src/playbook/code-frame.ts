import { readFileSync } from 'node:fs';
import type { SourceLocation } from '../shared/errors.ts';

/** Lines shown before and after the one that is meant. */
const context = 2;
const widest = 160;

/**
 * The lines around a place in a file, with a caret under the column:
 *
 * ```
 *   11 | const port = 80;
 * > 12 | throw new Error('no');
 *      | ^
 * ```
 *
 * @returns undefined when the place has no line or the file cannot be read
 */
export function codeFrame({ file, line, column }: SourceLocation): string | undefined {
  if (line === undefined) return undefined;
  const source = readSource(file);
  if (source === undefined) return undefined;
  const lines = source.split(/\r\n|\n/);
  if (line < 1 || line > lines.length) return undefined;
  const first = Math.max(1, line - context);
  const last = Math.min(lines.length, line + context);
  const width = String(last).length;
  const shown: string[] = [];
  for (let number = first; number <= last; number++) {
    const text = lines[number - 1] ?? '';
    const marker = number === line ? '>' : ' ';
    shown.push(`${marker} ${String(number).padStart(width)} | ${text.slice(0, widest)}`.trimEnd());
    if (number === line && column !== undefined && column <= widest) {
      // Tabs stay tabs, so that the caret stands under the right place however wide they are shown.
      const before = text.slice(0, column - 1).replace(/[^\t]/g, ' ');
      shown.push(`  ${' '.repeat(width)} | ${before}^`);
    }
  }
  return shown.join('\n');
}

/** The text of a source file; undefined when it cannot be read. */
export function readSource(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
