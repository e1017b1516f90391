/** A line of fstab(5) or proc(5) `mounts`. */
export interface TableEntry {
  readonly source: string;
  readonly path: string;
  readonly type: string;
  /** Separated by commas. */
  readonly options: string;
  readonly dump: number;
  readonly pass: number;
}

/** `null` for a comment or a blank line. */
export function fieldsOf(line: string): TableEntry | null {
  const [source, path, type, options = 'defaults', dump = '0', pass = '0'] = line
    .trim()
    .split(/[ \t]+/)
    .map(unescapeField);
  if (source === undefined || source.startsWith('#') || path === undefined || type === undefined) return null;
  return { source, path, type, options, dump: Number(dump), pass: Number(pass) };
}

/** Path → what is mounted there, the topmost. */
export function mountPoints(mounts: Uint8Array): Map<string, TableEntry> {
  const entries = Buffer.from(mounts).toString().split('\n').map(fieldsOf);
  return new Map(entries.filter((entry) => entry !== null).map((entry) => [entry.path, entry]));
}

/** Blanks, tabs, line ends, backslashes and a leading `#` as octal: fstab(5), getmntent(3). */
export function escapeField(text: string): string {
  return text.replaceAll(/[ \t\n\\]|^#/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`);
}

function unescapeField(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
