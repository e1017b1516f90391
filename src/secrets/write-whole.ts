import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';

/** Replaces a file at once: a reader, or a crash, meets the old content or the new one, never half of it. */
export async function writeWhole(file: string, content: string | Uint8Array, mode: number): Promise<void> {
  const next = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    const handle = await open(next, 'wx', mode);
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(next, file);
  } catch (thrown) {
    await rm(next, { force: true });
    throw thrown;
  }
}
