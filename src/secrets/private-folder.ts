import { access, constants, mkdtemp, open, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder that only this user can read, in memory where the system has such a place; emptied and removed at the end. */
interface PrivateFolder extends AsyncDisposable {
  readonly path: string;
  /** Nothing of it reaches a disk (swap aside). */
  readonly inMemory: boolean;
}

export async function makePrivateFolder(environment: NodeJS.ProcessEnv = process.env): Promise<PrivateFolder> {
  const memory = [environment.XDG_RUNTIME_DIR, '/dev/shm'].filter((folder) => folder !== undefined && folder !== '');
  const usable = await firstWritable(memory as string[]);
  // mkdtemp makes it with mode 0700.
  const path = await mkdtemp(join(usable ?? tmpdir(), 'lab-secrets-'));
  return { path, inMemory: usable !== undefined, [Symbol.asyncDispose]: () => wipe(path) };
}

async function firstWritable(folders: readonly string[]): Promise<string | undefined> {
  for (const folder of folders) {
    const writable = await access(folder, constants.W_OK).then(
      () => true,
      () => false,
    );
    if (writable) return folder;
  }
  return undefined;
}

/** Overwrites what is there, the editor's swap and backup files too, before removing it. */
async function wipe(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) await overwrite(join(folder, name)).catch(() => {});
  await rm(folder, { recursive: true, force: true });
}

async function overwrite(file: string): Promise<void> {
  const { size } = await stat(file);
  const handle = await open(file, 'r+');
  try {
    await handle.write(Buffer.alloc(size));
    await handle.sync();
  } finally {
    await handle.close();
  }
}
