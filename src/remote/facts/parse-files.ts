import { LabError } from '../../shared/errors.ts';
import type { Frame } from '../frames.ts';
import type { FileFact } from './contract.ts';

/**
 * Reads what `lab_read_files` answered.
 *
 * @param paths in the order they were asked
 */
export function parseFiles(
  host: string,
  nonce: string,
  paths: readonly string[],
  frames: ReadonlyMap<string, Frame>,
): Map<string, FileFact> {
  refuseDenied(host, frames.get('stat.errors')?.body.toString() ?? '');
  const stats = parseStats(nonce, frames.get('stat')?.body ?? Buffer.alloc(0));
  const sums = parseSums(paths, frames);
  const facts = new Map<string, FileFact>();
  for (const [index, path] of paths.entries()) {
    const stat = stats.get(path);
    if (stat === undefined) facts.set(path, absentFile(path));
    else {
      const target = frames.get(`link.${index}`)?.body.toString().replace(/\n$/, '') ?? null;
      facts.set(path, { path, ...stat, sha256: sums.get(index) ?? null, target });
    }
  }
  return facts;
}

export function absentFile(path: string): FileFact {
  return {
    path,
    kind: 'absent',
    mode: '',
    owner: '',
    group: '',
    uid: -1,
    gid: -1,
    size: 0,
    modified: 0,
    links: 0,
    sha256: null,
    target: null,
  };
}

type Stat = Omit<FileFact, 'path' | 'sha256' | 'target'>;

/** `s<nonce> 81a4 0 0 12 1700000000 1:root:root:/path\n`: the path last, as it may hold anything but NUL. */
function parseStats(nonce: string, body: Buffer): Map<string, Stat> {
  const stats = new Map<string, Stat>();
  const [, ...records] = body.toString().split(`s${nonce} `);
  for (const record of records) {
    const match = /^([0-9a-f]+) (\d+) (\d+) (\d+) (-?\d+) (\d+):([^:]*):([^:]*):([\s\S]*)\n$/.exec(record);
    // What is there must never be taken for absent.
    if (match === null)
      throw new LabError('READ_FAILED', 'stat answered something that makes no sense', { output: record });
    const [, raw, uid, gid, size, modified, links, owner, group, path] = match;
    const bits = Number.parseInt(raw ?? '', 16);
    stats.set(path ?? '', {
      kind: kindOf(bits),
      mode: (bits & 0o7777).toString(8).padStart(4, '0'),
      owner: owner ?? '',
      group: group ?? '',
      uid: Number(uid),
      gid: Number(gid),
      size: Number(size),
      modified: Number(modified),
      links: Number(links),
    });
  }
  return stats;
}

/** File type bits of `st_mode`, inode(7). */
function kindOf(bits: number): FileFact['kind'] {
  switch (bits & 0o170000) {
    case 0o100000:
      return 'file';
    case 0o040000:
      return 'directory';
    case 0o120000:
      return 'symlink';
    default:
      return 'other';
  }
}

/** "Absent" must never be a guess: a path that may not be looked at is an error, not an absent file. */
function refuseDenied(host: string, errors: string): void {
  const denied = errors.split('\n').find((line) => /Permission denied/.test(line));
  if (denied === undefined) return;
  throw new LabError('READ_FAILED', 'a path may not be looked at', {
    host,
    output: denied,
    hint: 'connect as root, or set become in the inventory',
  });
}

/**
 * The frame's id lists the indexes of the files that were summed, in the order of the lines. A line is held against the
 * name that it must end with: a name may hold newlines and what looks like another line, and a file that vanished in
 * between has no line.
 */
function parseSums(paths: readonly string[], frames: ReadonlyMap<string, Frame>): Map<number, string> {
  const sums = new Map<number, string>();
  for (const [id, frame] of frames) {
    if (!id.startsWith('sha256')) continue;
    let rest = frame.body.toString();
    for (const index of id.split(' ').slice(1).map(Number)) {
      const sum = /^\\?([0-9a-f]{64}) [ *]/.exec(rest);
      const tail = sum === null ? '' : rest.slice(sum[0].length);
      const name = namesInSums(paths[index] ?? '').find((name) => tail.startsWith(`${name}\n`));
      if (sum === null || name === undefined) continue;
      sums.set(index, sum[1] ?? '');
      rest = tail.slice(name.length + 1);
    }
  }
  return sums;
}

/** busybox prints a name as it is; GNU escapes backslash and newline, newer ones carriage return too: sha256sum(1). */
function namesInSums(path: string): string[] {
  const escaped = path.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  return [path, escaped, escaped.replaceAll('\r', '\\r')];
}
