/**
 * Text that comes from hosts and files must not steer the terminal: escape sequences, carriage returns and the
 * characters that reorder text (Unicode TR #36, bidirectional spoofing) are shown instead of obeyed.
 */

// C0 but tab and newline, DEL, C1, line separators, zero-width and bidirectional controls.
const steering =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this is about
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** Control characters as pictures (`␛`) or code points (`\u{9b}`); tabs and newlines are kept. */
export function visible(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(steering, picture);
}

/** The same on a single line: newlines become `␊`, tabs blanks. */
export function visibleLine(text: string): string {
  return text.replace(steering, picture).replaceAll('\n', '␊').replaceAll('\t', ' ');
}

function picture(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return '␡';
  return `\\u{${code.toString(16)}}`;
}

/**
 * Lines of a command's output as a terminal would leave them: of a progress bar that overwrites itself by carriage
 * returns only the last state stays.
 */
export function outputLines(text: string): string[] {
  const lines = text.replaceAll('\r\n', '\n').replace(/\n+$/, '').split('\n');
  return lines.map((line) => visible(line.replace(/\r+$/, '').split('\r').at(-1) ?? ''));
}

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
// Wide and fullwidth blocks of Unicode Standard Annex #11, and what is drawn as a picture.
const wide =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|\ufe0f/u;

/** Terminal columns that a text without escape sequences takes. */
export function columnsOf(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let columns = 0;
  for (const { segment } of graphemes.segment(text)) {
    columns += wide.test(segment) ? 2 : /^[\p{Mark}\p{Default_Ignorable_Code_Point}]+$/u.test(segment) ? 0 : 1;
  }
  return columns;
}

/** Fills with blanks on the right up to `columns`. */
export function padTo(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - columnsOf(text)));
}

/** At most `columns` wide, the rest replaced by `…`. */
export function shorten(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text;
  let kept = '';
  let used = 1;
  for (const { segment } of graphemes.segment(text)) {
    used += columnsOf(segment);
    if (used > columns) break;
    kept += segment;
  }
  return `${kept}…`;
}
