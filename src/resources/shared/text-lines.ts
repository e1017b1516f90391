/** Text as lines that keep their own ends, so that an edit changes the lines it is about and no other byte. */
export interface Line {
  readonly text: string;
  /** `''` only for a last line without a newline. */
  readonly end: '\n' | '\r\n' | '';
}

/** A file's lines, and how bytes and text turn into each other. */
export interface Lines {
  readonly lines: readonly Line[];
  /** UTF-8, or bytes one by one when the file is not: then no byte is lost either. */
  readonly encoding: 'utf8' | 'latin1';
}

export function parseLines(bytes: Uint8Array): Lines {
  const buffer = Buffer.from(bytes);
  const asUtf8 = buffer.toString('utf8');
  const encoding = Buffer.from(asUtf8, 'utf8').equals(buffer) ? 'utf8' : 'latin1';
  const text = encoding === 'utf8' ? asUtf8 : buffer.toString('latin1');
  const lines = [...text.matchAll(/([^\n]*?)(\r\n|\n|$)/g)]
    .filter(([whole]) => whole !== '')
    .map(([, line = '', end = '']) => ({ text: line, end: end as Line['end'] }));
  return { lines, encoding };
}

export function joinLines({ lines, encoding }: Lines): Uint8Array {
  return Buffer.from(lines.map(({ text, end }) => text + end).join(''), encoding);
}

/** Declared text in the file's own encoding, ready to be compared with its lines. */
export function encoded(text: string, { encoding }: Lines): string {
  return encoding === 'utf8' ? text : Buffer.from(text, 'utf8').toString('latin1');
}

/** The line end that the file uses: that of its first line. */
export function lineEnd({ lines }: Lines): '\n' | '\r\n' {
  return lines[0]?.end === '\r\n' ? '\r\n' : '\n';
}

/** Puts lines at `index`; a last line without a newline gets one when something comes after it. */
export function insertLines(
  lines: readonly Line[],
  index: number,
  texts: readonly string[],
  end: '\n' | '\r\n',
): Line[] {
  const before = lines.slice(0, index).map((line) => (line.end === '' ? { ...line, end } : line));
  return [...before, ...texts.map((text) => ({ text, end })), ...lines.slice(index)];
}
