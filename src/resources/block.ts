import { z } from 'zod';
import { LabError } from '../shared/errors.ts';
import { reveal, Secret } from '../shared/secret.ts';
import { defineResource } from './define-resource.ts';
import { diffEditedFile, editedFileProps, readEditedFile, requireText } from './shared/edited-file.ts';
import { claimUnlessAbsent } from './shared/path-claims.ts';
import { textOrSecret } from './shared/schemas.ts';
import { encoded, insertLines, joinLines, type Line, type Lines, lineEnd, parseLines } from './shared/text-lines.ts';

const props = z
  .strictObject({
    ...editedFileProps,
    state: z.enum(['present', 'absent']).default('present'),
    /** Tells this block from others in the file; part of its markers. */
    name: z.string().regex(/^[^\s\p{C}](?:[^\p{C}]*[^\s\p{C}])?$/u, { error: 'a name is one line of text' }),
    /** The lines between the markers; a secret makes the file's content `sensitive`. */
    content: textOrSecret.optional(),
    /** What begins a comment in this kind of file. Default `#`. */
    comment: z.string().min(1).default('#'),
    /** What ends one, where that is needed: `-->`. */
    commentEnd: z.string().default(''),
    /** Where a new block goes: `end` (default), `start`, after or before the last line that matches. */
    position: z
      .union([
        z.enum(['start', 'end']),
        z.strictObject({ after: z.instanceof(RegExp) }),
        z.strictObject({ before: z.instanceof(RegExp) }),
      ])
      .default('end'),
  })
  .refine(({ state, content }) => state === 'absent' || content !== undefined, { error: 'a block needs content' })
  .refine((block) => !linesOf(block).some((line) => Object.values(markersOf(block)).includes(line)), {
    error: 'the content of a block cannot hold its own markers',
  });
type Props = z.output<typeof props>;

/**
 * Lines between two marker comments in a file that something else owns. What is between the markers belongs to `lab`;
 * the rest stays byte for byte. Line ends follow the file's first line.
 *
 * @throws LabError RESOURCE_PROPS when props do not fit
 * @example
 * block({ path: '/etc/hosts', name: 'homelab', content: hosts.map((h) => `${h.address} ${h.name}`).join('\n') });
 * block({ path: '/var/www/index.html', name: 'banner', comment: '<!--', commentEnd: '-->', content: banner });
 */
export const block = defineResource({
  type: 'block',
  props,
  id: ({ path, name }) => `${path} ${name}`,
  paths: claimUnlessAbsent,
  read: readEditedFile,
  diff(props, current) {
    if (props.state === 'absent' && current.fact.kind === 'absent') return [];
    requireText(props, current);
    const parsed = parseLines(current.bytes);
    const sensitive = props.sensitive || props.content instanceof Secret;
    return diffEditedFile({ ...props, sensitive }, current, joinLines({ ...parsed, lines: edit(props, parsed) }));
  },
});

function edit(props: Props, parsed: Lines): readonly Line[] {
  const { lines } = parsed;
  const found = findBlock(props, parsed);
  if (props.state === 'absent') {
    return found === null ? lines : [...lines.slice(0, found.begin), ...lines.slice(found.end + 1)];
  }
  const { begin, end } = markersOf(props);
  const wanted = [begin, ...linesOf(props), end].map((text) => encoded(text, parsed));
  if (found === null) return insertLines(lines, position(props, lines), wanted, lineEnd(parsed));
  const existing = lines.slice(found.begin, found.end + 1);
  if (existing.length === wanted.length && existing.every(({ text }, index) => text === wanted[index])) return lines;
  const last = existing.at(-1)?.end ?? '';
  const replaced = wanted.map((text, index) => ({ text, end: index === wanted.length - 1 ? last : lineEnd(parsed) }));
  return [...lines.slice(0, found.begin), ...replaced, ...lines.slice(found.end + 1)];
}

/** @throws LabError PLAN_IMPOSSIBLE when the markers are not exactly one pair in order */
function findBlock(props: Props, parsed: Lines): { begin: number; end: number } | null {
  const markers = markersOf(props);
  const where = (marker: string) => {
    const text = encoded(marker, parsed);
    return parsed.lines.flatMap((line, index) => (line.text.trimEnd() === text ? [index] : []));
  };
  const begins = where(markers.begin);
  const ends = where(markers.end);
  const [begin] = begins;
  const [end] = ends;
  if (begin === undefined && end === undefined) return null;
  if (begin !== undefined && end !== undefined && begins.length === 1 && ends.length === 1 && begin < end) {
    return { begin, end };
  }
  const numbers = (indexes: readonly number[]) => indexes.map((index) => index + 1).join(', ') || 'none';
  throw new LabError('PLAN_IMPOSSIBLE', `the markers of the block "${props.name}" in ${props.path} are damaged`, {
    expected: `one line "${markers.begin}" and after it one line "${markers.end}"`,
    found: `begin in line ${numbers(begins)}; end in line ${numbers(ends)}`,
    hint: 'mend or remove the markers in the file by hand; what is between them cannot be told',
  });
}

function position({ position }: Props, lines: readonly Line[]): number {
  if (position === 'start') return 0;
  if (position === 'end') return lines.length;
  const pattern = 'after' in position ? position.after : position.before;
  const test = new RegExp(pattern.source, pattern.flags.replaceAll(/[gy]/g, ''));
  const index = lines.findLastIndex(({ text }) => test.test(text));
  if (index === -1) return lines.length;
  return 'after' in position ? index + 1 : index;
}

interface Marked {
  readonly name: string;
  readonly comment: string;
  readonly commentEnd: string;
  readonly content?: string | Secret | undefined;
}

function markersOf({ name, comment, commentEnd }: Marked): { begin: string; end: string } {
  const marker = (word: string) => [comment, word, 'lab:', name, commentEnd].filter((part) => part !== '').join(' ');
  return { begin: marker('BEGIN'), end: marker('END') };
}

function linesOf({ content = '' }: Marked): string[] {
  const text = reveal(content).replace(/\r?\n$/, '');
  return text === '' ? [] : text.split(/\r?\n/);
}
