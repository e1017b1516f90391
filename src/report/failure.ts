import { relative } from 'node:path';
import type { SourceLocation } from '../shared/errors.ts';
import { formatLocation } from '../shared/errors.ts';
import type { HostFailure } from './run-state.ts';
import { outputLines, visible, visibleLine } from './visible.ts';

const outputTail = 20;

/** One labelled part of a failure; the output has several lines. */
interface FailurePart {
  readonly label: string;
  readonly lines: readonly string[];
}

/** What is told of a failure below its message, in this order. */
export function failureParts(failure: HostFailure, verbose: boolean): FailurePart[] {
  const { reverted = [], resource, at, command, expected, found, output, hint } = failure;
  const part = (label: string, text: string | undefined): FailurePart[] =>
    text === undefined || text === '' ? [] : [{ label, lines: visible(text).split('\n') }];
  const takenBack = reverted.map(({ title, complete }) => {
    const name = visibleLine(title);
    return complete ? name : `${name}: could not be taken back in full`;
  });
  return [
    ...(takenBack.length === 0 ? [] : [{ label: 'reverted', lines: takenBack }]),
    ...part('resource', resource === undefined ? undefined : visibleLine(resource)),
    ...part('at', at === undefined ? undefined : shownLocation(at)),
    ...part('command', command),
    ...part('expected', expected),
    ...part('found', found),
    ...(output === undefined || output.trim() === '' ? [] : [{ label: 'output', lines: tail(output, verbose) }]),
    ...part('hint', hint),
  ];
}

function tail(output: string, verbose: boolean): string[] {
  const lines = outputLines(output);
  const leftOut = lines.length - outputTail;
  if (verbose || leftOut <= 1) return lines;
  return [`… ${leftOut} lines before (--verbose shows them)`, ...lines.slice(-outputTail)];
}

/** `playbooks/site.ts:12:5`: relative to the working folder when the file is in it, so that an editor opens it. */
function shownLocation(at: SourceLocation): string {
  const path = relative(process.cwd(), at.file);
  return visibleLine(formatLocation({ ...at, file: path.startsWith('..') ? at.file : path }));
}
