import { createRequire } from 'node:module';

const contextLines = 3;
const timeoutMilliseconds = 500;

/**
 * Unified diff of two contents for the `diff` field of an event: no file headers, three lines of context,
 * `\ No newline at end of file` as `diff -u` writes it, carriage returns at the end of a line shown as `␍`.
 *
 * `null` is an absent file. Bytes that are no UTF-8 text, or hold a NUL, give `binary, 1234 → 2345 bytes`; contents that
 * take more than half a second to compare give their numbers of lines. Equal contents give `''`.
 *
 * @example
 * unifiedDiff('a\n', 'a\nb\n'); // '@@ -1,1 +1,2 @@\n a\n+b'
 */
export function unifiedDiff(before: string | Uint8Array | null, after: string | Uint8Array | null): string {
  const [old, new_] = [textOf(before), textOf(after)];
  if (old === undefined || new_ === undefined) {
    return sameBytes(before, after) ? '' : `binary, ${bytesOf(before)} → ${bytesOf(after)} bytes`;
  }
  if (old === new_) return '';
  const patch = loadDiff().structuredPatch('', '', old, new_, undefined, undefined, {
    context: contextLines,
    timeout: timeoutMilliseconds,
  });
  if (patch === undefined) return `too different to compare, ${lineCount(old)} → ${lineCount(new_)} lines`;
  return patch.hunks
    .flatMap((hunk) => [
      `@@ -${range(hunk.oldStart, hunk.oldLines)} +${range(hunk.newStart, hunk.newLines)} @@`,
      ...hunk.lines.map((line) => line.replace(/\r$/, '␍')),
    ])
    .join('\n');
}

/** An empty range begins before the first line (POSIX.1-2017, diff, "Diff -u Output Format"). */
function range(start: number, lines: number): string {
  return `${lines === 0 ? start - 1 : start},${lines}`;
}

/** Lines added and removed by a unified diff; undefined for one that is only a remark. */
export function countLines(diff: string): { readonly added: number; readonly removed: number } | undefined {
  if (!diff.startsWith('@@ ')) return undefined;
  const lines = diff.split('\n');
  return {
    added: lines.filter((line) => line.startsWith('+')).length,
    removed: lines.filter((line) => line.startsWith('-')).length,
  };
}

/** Loaded at the first difference: a converged run never needs it. */
function loadDiff(): typeof import('diff') {
  return createRequire(import.meta.url)('diff') as typeof import('diff');
}

function textOf(content: string | Uint8Array | null): string | undefined {
  if (content === null) return '';
  if (typeof content === 'string') return content.includes('\0') ? undefined : content;
  if (content.includes(0)) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content);
  } catch {
    return undefined;
  }
}

function sameBytes(before: string | Uint8Array | null, after: string | Uint8Array | null): boolean {
  return before !== null && after !== null && Buffer.from(before).equals(Buffer.from(after));
}

function bytesOf(content: string | Uint8Array | null): number {
  return content === null ? 0 : Buffer.byteLength(content);
}

function lineCount(text: string): number {
  return text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
}
