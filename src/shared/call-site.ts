import { fileURLToPath } from 'node:url';
import type { SourceLocation } from './errors.ts';

/**
 * Where `above` (a function of ours) was called from: the first frame outside it. Without a column: a user's module is
 * transpiled when it is loaded, which keeps lines and moves columns.
 */
export function callSite(above: (...args: never[]) => unknown): SourceLocation | undefined {
  const holder: { stack?: string } = {};
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 1;
  Error.captureStackTrace(holder, above);
  Error.stackTraceLimit = limit;
  const frame = parseFrame(holder.stack?.split('\n')[1] ?? '');
  return frame && { file: frame.file, line: frame.line };
}

/** `at name (file:///x/site.ts:12:5)` → the location; undefined for Node's own frames. */
export function parseFrame(frame: string): SourceLocation | undefined {
  const match = /(?:\(|at (?:async )?)((?:file:\/\/)?\/.*?):(\d+):(\d+)\)?$/.exec(frame.trim());
  if (match?.[1] === undefined) return undefined;
  const file = match[1].startsWith('file://') ? fileURLToPath(match[1]) : match[1];
  return { file, line: Number(match[2]), column: Number(match[3]) };
}
