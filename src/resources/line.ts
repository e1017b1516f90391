import { z } from 'zod';
import { defineResource } from './define-resource.ts';
import { diffEditedFile, editedFileProps, readEditedFile, requireText } from './shared/edited-file.ts';
import { claimUnlessAbsent } from './shared/path-claims.ts';
import { plainText } from './shared/schemas.ts';
import { encoded, insertLines, joinLines, type Line, type Lines, lineEnd, parseLines } from './shared/text-lines.ts';

const props = z
  .strictObject({
    ...editedFileProps,
    state: z.enum(['present', 'absent']).default('present'),
    /** The line, without its end. */
    line: plainText.refine((line) => !/[\r\n\0]/.test(line), { error: 'a line has no line end in it' }).optional(),
    /** Which line it is: the last that matches is replaced; with `state: 'absent'` all that match are removed. */
    match: z.instanceof(RegExp, { error: 'match is a regular expression: /^Port /' }).optional(),
    /** Where a new line goes: after the last line that matches. Without a match: at the end. */
    after: z.instanceof(RegExp).optional(),
    /** Where a new line goes: before the last line that matches, or at the start of the file. */
    before: z.union([z.instanceof(RegExp), z.literal('start')]).optional(),
    /** Remove further lines that match, so that the declared one is the only one. */
    unique: z.boolean().default(false),
  })
  .refine(({ state, line, match }) => line !== undefined || (state === 'absent' && match !== undefined), {
    error: `a line is given, or with state: 'absent' at least what it matches`,
  })
  .refine(({ after, before }) => after === undefined || before === undefined, { error: 'either after or before' })
  .refine(({ unique, match }) => !unique || match !== undefined, { error: 'unique needs match' });
type Props = z.output<typeof props>;

/**
 * One line in a file that something else owns. Line ends (LF or CRLF), a missing newline at the end, mode and owner stay
 * as they are. Several may edit the same file: each sees what those before it will have done.
 *
 * @throws LabError RESOURCE_PROPS when props do not fit
 * @example
 * line({ path: '/etc/default/grub', match: /^GRUB_TIMEOUT=/, line: 'GRUB_TIMEOUT=1' });
 * line({ path: '/etc/hosts', line: '192.0.2.7 nas', before: /^::1/ });
 * line({ path: '/etc/fstab', match: /\sswap\s/, state: 'absent' });
 */
export const line = defineResource({
  type: 'line',
  props,
  id: ({ path, line, match }) => `${path} ${match === undefined ? line : String(match)}`,
  paths: claimUnlessAbsent,
  read: readEditedFile,
  diff(props, current) {
    if (props.state === 'absent' && current.fact.kind === 'absent') return [];
    requireText(props, current);
    const parsed = parseLines(current.bytes);
    const lines = props.state === 'present' ? present(props, parsed) : absent(props, parsed);
    return diffEditedFile(props, current, joinLines({ ...parsed, lines }));
  },
});

function present(props: Props, parsed: Lines): readonly Line[] {
  const { lines } = parsed;
  const text = encoded(props.line ?? '', parsed);
  const matching = props.match === undefined ? [] : indexesOf(lines, props.match);
  const exact = lines.findIndex((line) => line.text === text);
  // A line that `match` does not recognise would be put in place of one match after the other, run by run.
  const recognised = props.match !== undefined && matches(props.match, { text });
  const index = recognised || exact === -1 ? (matching.at(-1) ?? exact) : exact;
  const others = new Set(props.unique ? matching.filter((at) => at !== index) : []);
  if (index === -1) return insertLines(lines, position(props, lines), [text], lineEnd(parsed));
  return lines.map((line, at) => (at === index ? { ...line, text } : line)).filter((_, at) => !others.has(at));
}

function absent(props: Props, parsed: Lines): readonly Line[] {
  const text = encoded(props.line ?? '', parsed);
  const { match } = props;
  return parsed.lines.filter((line) => (match === undefined ? line.text !== text : !matches(match, line)));
}

function position({ after, before }: Props, lines: readonly Line[]): number {
  if (before === 'start') return 0;
  const near = after ?? before;
  const index = near === undefined ? undefined : indexesOf(lines, near).at(-1);
  if (index === undefined) return lines.length;
  return after === undefined ? index : index + 1;
}

function indexesOf(lines: readonly Line[], pattern: RegExp): number[] {
  return lines.flatMap((line, index) => (matches(pattern, line) ? [index] : []));
}

/** Without the flags that make a RegExp remember where it was. */
function matches(pattern: RegExp, line: Pick<Line, 'text'>): boolean {
  return new RegExp(pattern.source, pattern.flags.replaceAll(/[gy]/g, '')).test(line.text);
}
