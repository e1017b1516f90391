import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { decryptStream, noIdentityFits, recipientOf } from '../secrets/age.ts';
import { LabError } from '../shared/errors.ts';
import { type KeptEntry, type Manifest, manifestName, memberName, parseManifest } from './manifest.ts';
import { readTar } from './read-tar.ts';

/** A backup that was read to its end, and found to be whole. */
export interface ReadBackup {
  readonly manifest: Manifest;
  /** Host → path → bytes, of the hosts that were asked for. */
  readonly contents: ReadonlyMap<string, ReadonlyMap<string, Buffer>>;
}

interface Found {
  readonly sha256: string;
  readonly size: number;
  readonly type: string;
}

/**
 * Reads a backup to its end, and holds what is in it against its list of contents.
 *
 * @param wanted hosts whose contents are to be kept in memory
 * @throws LabError BACKUP_FILE when it is no backup, damaged, cut short or of another version; SECRETS_IDENTITY when it is
 * for others
 */
export async function readBackup(
  file: string,
  identities: readonly string[],
  wanted: readonly string[],
): Promise<ReadBackup> {
  const prefixes = wanted.map((host) => ({ host, prefix: memberName(host, '/') }));
  const found = new Map<string, Found>();
  const contents = new Map(wanted.map((host) => [host, new Map<string, Buffer>()]));
  let list: string | undefined;
  try {
    const archive = await decryptStream(identities, createReadStream(file, { highWaterMark: 1024 * 1024 }));
    for await (const { path, type, content } of readTar(archive)) {
      if (found.has(path)) throw new Error(`${path} is in it twice`);
      if (path === manifestName) list = content.toString();
      found.set(path, { type, size: content.length, sha256: createHash('sha256').update(content).digest('hex') });
      const owner = prefixes.find(({ prefix }) => path.startsWith(prefix));
      if (owner !== undefined && type === '0')
        contents.get(owner.host)?.set(path.slice(owner.prefix.length - 1), content);
    }
  } catch (thrown) {
    throw await asReadError(thrown, file, identities);
  }
  if (list === undefined) throw damaged(file, 'no list of contents');
  found.delete(manifestName);
  const manifest = parseManifest(list, file);
  checkContents(manifest, found, file);
  return { manifest, contents };
}

/** Everything that is listed is there as it was listed, and nothing else. */
function checkContents({ hosts }: Manifest, found: Map<string, Found>, file: string): void {
  for (const [host, { state }] of Object.entries(hosts)) {
    const entries = new Map(state.flatMap(({ entries }) => entries.map((entry) => [entry.path, entry] as const)));
    for (const entry of entries.values()) {
      const name = memberName(host, entry.path);
      const member = found.get(name);
      if (member === undefined || !isAsListed(entry, member)) throw damaged(file, `${name} is not as it is listed`);
      found.delete(name);
    }
  }
  const [surplus] = found.keys();
  if (surplus !== undefined) throw damaged(file, `${surplus}, which is not listed`);
}

function isAsListed({ kind, size, sha256 }: KeptEntry, member: Found): boolean {
  if (kind !== 'file') return member.type === (kind === 'directory' ? '5' : '2');
  return member.type === '0' && member.size === size && member.sha256 === sha256;
}

function damaged(file: string, found: string, cause?: unknown): LabError {
  return new LabError('BACKUP_FILE', 'the backup is damaged, cut short, or none', {
    at: { file },
    expected: 'a whole file as lab backup wrote it',
    found,
    hint: 'nothing was changed; take another copy of it, or an earlier backup',
    cause,
  });
}

async function asReadError(thrown: unknown, file: string, identities: readonly string[]): Promise<unknown> {
  if (thrown instanceof LabError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (thrown instanceof Error && 'syscall' in thrown)
    return new LabError('BACKUP_FILE', 'the backup cannot be read', { at: { file }, found: message, cause: thrown });
  if (!noIdentityFits(thrown)) return damaged(file, message, thrown);
  return new LabError('SECRETS_IDENTITY', 'none of your identities opens the backup', {
    at: { file },
    expected: 'the identity of someone it was made for',
    found: `yours: ${(await Promise.all(identities.map(recipientOf))).join(', ')}`,
    hint: 'name the file of another identity in LAB_AGE_IDENTITY_FILE; or its beginning is damaged, which looks the same',
  });
}
