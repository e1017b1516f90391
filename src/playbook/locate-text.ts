import type { SourceLocation } from '../shared/errors.ts';
import { readSource } from './code-frame.ts';

/**
 * Where a text stands as a literal or a key in a source file, at or after a place; what a run-time check knows of a
 * mistake is its value only.
 *
 * @returns undefined when it does not stand there
 */
export function locateText(from: SourceLocation, text: string): SourceLocation | undefined {
  const lines = (readSource(from.file) ?? '').split('\n');
  const forms = [`'${text}'`, `"${text}"`, `\`${text}\``, ...(/^\w+$/.test(text) ? [`${text}:`] : [])];
  for (let line = from.line ?? 1; line <= lines.length; line++) {
    const columns = forms.map((form) => (lines[line - 1] ?? '').indexOf(form)).filter((column) => column >= 0);
    if (columns.length > 0) return { file: from.file, line, column: 1 + Math.min(...columns) };
  }
  return undefined;
}
