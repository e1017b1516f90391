import { tarEnd, tarHeader, tarPadding } from '../shared/tar.ts';

/** A file of an archive. */
export interface TarEntry {
  /** Relative, with `/`. */
  readonly path: string;
  readonly content: Uint8Array;
  readonly executable: boolean;
}

/** A tar archive. The same entries give the same bytes on every machine and day, so that an archive made anew is the same. */
export function tar(entries: readonly TarEntry[]): Buffer {
  const sorted = [...entries].sort((a, b) => (a.path < b.path ? -1 : 1));
  return Buffer.concat([...sorted.flatMap(parts), tarEnd]);
}

function parts({ path, content, executable }: TarEntry): Buffer[] {
  const size = content.length;
  const head = tarHeader({ path, type: 'file', size, mode: executable ? '0755' : '0644' });
  return [head, Buffer.from(content), tarPadding(size)];
}
