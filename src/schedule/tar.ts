/** A file of an archive. */
export interface TarEntry {
  /** Relative, with `/`. */
  readonly path: string;
  readonly content: Uint8Array;
  readonly executable: boolean;
}

const block = 512;

/**
 * A tar archive, POSIX.1-2001 (pax) where a name is long. The same entries give the same bytes on every machine and day, so
 * that an archive made anew is the same archive.
 */
export function tar(entries: readonly TarEntry[]): Buffer {
  const sorted = [...entries].sort((a, b) => (a.path < b.path ? -1 : 1));
  return Buffer.concat([...sorted.flatMap(parts), Buffer.alloc(2 * block)]);
}

function parts({ path, content, executable }: TarEntry): Buffer[] {
  const mode = executable ? '0000755' : '0000644';
  const name = Buffer.from(path);
  const long = name.length <= 100 ? [] : member('pax', '0000644', paxRecord('path', path), 'x');
  return [...long, ...member(name.subarray(0, 100), mode, content, '0')];
}

/** `LENGTH KEY=VALUE\n`, where the length counts itself. */
function paxRecord(key: string, value: string): Buffer {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest + String(rest).length;
  if (rest + String(length).length !== length) length = rest + String(length).length;
  return Buffer.from(`${length} ${key}=${value}\n`);
}

function member(name: string | Uint8Array, mode: string, content: Uint8Array, type: '0' | 'x'): Buffer[] {
  const header = Buffer.alloc(block);
  header.set(typeof name === 'string' ? Buffer.from(name) : name, 0);
  header.write(`${mode}\0`, 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write('        ', 148);
  header.write(type, 156);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return [header, Buffer.from(content), Buffer.alloc((block - (content.length % block)) % block)];
}
