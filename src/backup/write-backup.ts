import { randomBytes } from 'node:crypto';
import { type FileHandle, link, open, rename, rm } from 'node:fs/promises';
import { encryptStream } from '../secrets/age.ts';
import { LabError } from '../shared/errors.ts';
import { tarEnd, tarHeader, tarPadding } from '../shared/tar.ts';
import { type KeptEntry, type KeptHost, type Manifest, manifestName, memberName } from './manifest.ts';

/** What was read on a host. */
export interface HostContent {
  readonly host: string;
  readonly kept: KeptHost;
  /** Path → bytes, of files. */
  readonly contents: ReadonlyMap<string, Uint8Array>;
}

export interface BackupTarget {
  readonly file: string;
  /** Public keys of age. */
  readonly recipients: readonly string[];
  /** Take the place of a file that is there. */
  readonly force: boolean;
}

/**
 * Writes what hosts give to an encrypted archive, which is there when all of it is, mode 0600; nothing when no host gave
 * anything. What is not encrypted is only in memory.
 *
 * @param describe the manifest, once all hosts have given what they have
 * @throws LabError BACKUP_FILE when the file is there, or cannot be written
 */
export async function writeBackup(
  { file, recipients, force }: BackupTarget,
  hosts: AsyncIterable<HostContent>,
  describe: (hosts: ReadonlyMap<string, KeptHost>) => Manifest,
): Promise<Manifest> {
  const next = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    const handle = await open(next, 'wx', 0o600);
    let manifest: Manifest | undefined;
    try {
      const archive = archiveOf(hosts, (kept) => {
        manifest = describe(kept);
        return manifest;
      });
      for await (const bytes of await encryptStream(recipients, archive)) await writeAll(handle, bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    if (manifest === undefined) throw new Error('the archive has no manifest');
    if (Object.keys(manifest.hosts).length > 0) await putInPlace(next, file, force);
    return manifest;
  } catch (thrown) {
    throw asFileError(thrown, file);
  } finally {
    await rm(next, { force: true });
  }
}

/** @throws LabError BACKUP_FILE */
export function refuseExisting(file: string): never {
  throw new LabError('BACKUP_FILE', 'a file of this name is there already, and is left as it is', {
    at: { file },
    hint: 'give another name with -o FILE; --force puts the new backup in its place',
  });
}

async function* archiveOf(
  hosts: AsyncIterable<HostContent>,
  describe: (hosts: ReadonlyMap<string, KeptHost>) => Manifest,
): AsyncGenerator<Uint8Array> {
  const kept = new Map<string, KeptHost>();
  for await (const content of hosts) {
    yield* membersOf(content);
    kept.set(content.host, content.kept);
  }
  const manifest = Buffer.from(`${JSON.stringify(describe(kept), null, 1)}\n`);
  yield tarHeader({ path: manifestName, type: 'file', size: manifest.length, mode: '0600' });
  yield manifest;
  yield tarPadding(manifest.length);
  yield tarEnd;
}

function* membersOf({ host, kept, contents }: HostContent): Generator<Uint8Array> {
  const entries = new Map(kept.state.flatMap(({ entries }) => entries.map((entry) => [entry.path, entry] as const)));
  for (const entry of entries.values()) {
    yield headerOf(host, entry);
    const content = contents.get(entry.path);
    if (content === undefined) continue;
    yield content;
    yield tarPadding(content.length);
  }
}

function headerOf(host: string, { path, kind, target, ...rest }: KeptEntry): Buffer {
  const size = kind === 'file' ? rest.size : 0;
  return tarHeader({ ...rest, path: memberName(host, path), type: kind, size, target: target ?? undefined });
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += (await handle.write(bytes, at)).bytesWritten;
}

/** A link fails where something is, whoever made it meanwhile. */
async function putInPlace(next: string, file: string, force: boolean): Promise<void> {
  if (force) await rename(next, file);
  else
    await link(next, file).catch((thrown) =>
      isCode(thrown, 'EEXIST') ? refuseExisting(file) : Promise.reject(thrown),
    );
}

function asFileError(thrown: unknown, file: string): unknown {
  if (thrown instanceof LabError || !(thrown instanceof Error) || !('syscall' in thrown)) return thrown;
  return new LabError('BACKUP_FILE', 'the backup cannot be written', {
    at: { file },
    found: thrown.message,
    cause: thrown,
  });
}

function isCode(thrown: unknown, code: string): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === code;
}
