/** A member of an archive, without its content. */
export interface TarMember {
  /** Relative, with `/`; a directory without one at its end. */
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink';
  /** Bytes; 0 for what is no file. */
  readonly size: number;
  /** Permission bits as octal digits, `"0644"`. */
  readonly mode: string;
  /** Names; empty when they do not matter. */
  readonly owner?: string | undefined;
  readonly group?: string | undefined;
  /** Seconds since the epoch; default 0. */
  readonly modified?: number | undefined;
  /** Of a symbolic link. */
  readonly target?: string | undefined;
}

const block = 512;
const flags = { file: '0', symlink: '2', directory: '5' } as const;
/** Where a size does not fit into its field any more. */
const largestSize = 8 ** 11 - 1;

/** The header of a member: POSIX.1-1988 (ustar), with POSIX.1-2001 (pax) before it where a value is long. */
export function tarHeader(member: TarMember): Buffer {
  const { path, target = '', size } = member;
  const long = [
    ...(Buffer.byteLength(path) > 100 ? [paxRecord('path', path)] : []),
    ...(Buffer.byteLength(target) > 100 ? [paxRecord('linkpath', target)] : []),
    ...(size > largestSize ? [paxRecord('size', String(size))] : []),
  ];
  const own = header(path, member, flags[member.type], size);
  if (long.length === 0) return own;
  const records = Buffer.concat(long);
  return Buffer.concat([
    header('pax', { mode: '0644' }, 'x', records.length),
    records,
    tarPadding(records.length),
    own,
  ]);
}

/** What follows a content, so that the next header begins at a block. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc((block - (size % block)) % block);
}

/** The end of an archive. */
export const tarEnd = Buffer.alloc(2 * block);

/** `LENGTH KEY=VALUE\n`, where the length counts itself. */
function paxRecord(key: string, value: string): Buffer {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest + String(rest).length;
  if (rest + String(length).length !== length) length = rest + String(length).length;
  return Buffer.from(`${length} ${key}=${value}\n`);
}

function header(
  name: string,
  { mode, owner = '', group = '', modified = 0, target = '' }: Partial<TarMember>,
  type: string,
  size: number,
): Buffer {
  const bytes = Buffer.alloc(block);
  bytes.set(Buffer.from(name).subarray(0, 100), 0);
  bytes.write(`${mode?.padStart(7, '0')}\0`, 100);
  bytes.write('0000000\0', 108);
  bytes.write('0000000\0', 116);
  bytes.write(`${Math.min(size, largestSize).toString(8).padStart(11, '0')}\0`, 124);
  bytes.write(`${modified.toString(8).padStart(11, '0')}\0`, 136);
  bytes.write('        ', 148);
  bytes.write(type, 156);
  bytes.set(Buffer.from(target).subarray(0, 100), 157);
  bytes.write('ustar\x0000', 257);
  bytes.write(owner.slice(0, 31), 265);
  bytes.write(group.slice(0, 31), 297);
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return bytes;
}
