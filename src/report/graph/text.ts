import { columnsOf, shorten, visibleLine } from '../visible.ts';

/** How a text is set. Sizes are in CSS pixels; `style.ts` has a class for each. */
export const fonts = {
  title: { size: 20, mono: false, bold: true, line: 28 },
  head: { size: 14, mono: false, bold: true, line: 20 },
  name: { size: 14, mono: false, bold: true, line: 19 },
  prose: { size: 12, mono: false, bold: false, line: 17 },
  small: { size: 11, mono: false, bold: false, line: 15 },
  mono: { size: 12, mono: true, bold: false, line: 17 },
  chip: { size: 11, mono: true, bold: false, line: 16 },
} as const;
export type Font = keyof typeof fonts;

/**
 * Text of the inventory as it may stand in XML and HTML, between tags and in quotes. What steers a reader is shown instead of
 * obeyed, and what XML 1.0 forbids (2.2 Characters) is replaced: half of a surrogate pair, and the two that are no characters.
 */
export function escaped(text: string): string {
  return visibleLine(text)
    .replace(/\p{Surrogate}|[\ufffe\uffff]/gu, '\ufffd')
    .replaceAll(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`);
}

/** The same where lines may be kept: in a tooltip. */
export function escapedLines(lines: readonly string[]): string {
  return lines.map(escaped).join('\n');
}

/**
 * How wide a text will be at most. Nobody knows the reader's fonts: these are the widths of DejaVu Sans, which is wider than
 * those of other systems, so that text ends before its box does.
 */
export function widthOf(text: string, font: Font): number {
  const { size, mono, bold } = fonts[font];
  const shown = visibleLine(text);
  if (!isPlain(shown)) return columnsOf(shown) * size * (mono ? 0.61 : 0.72);
  if (mono) return shown.length * size * 0.61;
  let ems = 0;
  for (const character of shown) ems += emsOf(character);
  return ems * size * (bold ? 1.14 : 1);
}

/** Whether the widths of all its characters are known. */
export function isPlain(text: string): boolean {
  return /^[\x20-\x7e→·…–]*$/.test(text);
}

function emsOf(character: string): number {
  if (/[→…@%MWmw]/.test(character)) return 1;
  if (/[ilj.,:;'|!I ]/.test(character)) return 0.36;
  if (/[()[\]frt/\\"-]/.test(character)) return 0.46;
  return /[A-Z&+=<>~#^]/.test(character) ? 0.84 : 0.645;
}

/**
 * Breaks a text into lines that are no wider than `width`: between words, and inside of those that are too long. Of more than
 * `most` lines the rest is left out, with `…`.
 */
export function wrapped(text: string, font: Font, width: number, most = 20): string[] {
  const lines: string[] = [];
  let line = '';
  // Nothing narrower than three pixels counts: what is beyond can have no place, and a book as a reason is not measured.
  const limit = Math.ceil((most + 1) * (width / 3 + 1));
  const kept = text.length > limit ? `${text.slice(0, limit)} …` : text;
  const words = visibleLine(kept).split(' ');
  for (const word of words.flatMap((one) => pieces(one, font, width))) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (widthOf(longer, font) <= width) line = longer;
    else {
      if (line !== '') lines.push(line);
      line = word;
    }
    if (lines.length > most) break;
  }
  if (line !== '') lines.push(line);
  return lines.length <= most ? lines : [...lines.slice(0, most - 1), cut(`${lines[most - 1]} …`, font, width)];
}

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** Parts of a word that is too long: after a mark such as a dot where one is near the end, else anywhere. */
function pieces(word: string, font: Font, width: number): string[] {
  const parts: string[] = [];
  let part = '';
  for (const { segment } of widthOf(word, font) <= width ? [{ segment: word }] : graphemes.segment(word)) {
    if (part !== '' && widthOf(part + segment, font) > width) {
      const mark = Math.max(...['.', '-', ':', '/', '_'].map((one) => part.lastIndexOf(one))) + 1;
      const end = mark > part.length * 0.6 ? mark : part.length;
      parts.push(part.slice(0, end));
      part = part.slice(end);
    }
    part += segment;
  }
  return part === '' ? parts : [...parts, part];
}

/** One line that is no wider than `width`. */
export function cut(text: string, font: Font, width: number): string {
  const shown = visibleLine(text);
  // No character is so narrow that more than this would fit.
  for (let columns = Math.min(columnsOf(shown), Math.ceil(width / 3)); columns > 1; columns--) {
    const shorter = shorten(shown, columns);
    if (widthOf(shorter, font) <= width) return shorter;
  }
  return shorten(shown, 1);
}
