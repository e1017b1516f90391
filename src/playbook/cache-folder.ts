import { mkdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * A folder of the user's cache (`$XDG_CACHE_HOME/labwright`, by default `~/.cache/labwright`), made when it is missing.
 * Code is run from it, so it must belong to this user and nobody else may write to it.
 *
 * @returns undefined when there is no such folder; then nothing is cached
 */
export function cacheFolder(name: string): string | undefined {
  const base = process.env.XDG_CACHE_HOME?.startsWith('/') ? process.env.XDG_CACHE_HOME : join(homedir(), '.cache');
  const folder = join(base, 'labwright', name);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const { uid, mode } = statSync(folder);
    const foreign = uid !== process.getuid?.();
    const othersMayWrite = (mode & 0o022) !== 0;
    return foreign || othersMayWrite ? undefined : folder;
  } catch {
    return undefined;
  }
}
