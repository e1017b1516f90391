import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cacheFolder } from './cache-folder.ts';
import { packageVersion } from './own-package.ts';

/** Path, size in bytes, modification time in milliseconds. */
export type FileStamp = readonly [path: string, size: number, modifiedMs: number];

interface Stamp {
  /** Of labwright, which brings the compiler. */
  readonly version: string;
  readonly files: readonly FileStamp[];
}

/** Whether a playbook was checked without errors and nothing that took part has changed since. */
export function isChecked(playbook: string): boolean {
  const path = stampPath(playbook);
  if (path === undefined) return false;
  try {
    const { version, files } = JSON.parse(readFileSync(path, 'utf8')) as Stamp;
    const expected = new Map(files.map((file) => [file[0], file]));
    const installed = installationFiles(playbook);
    return version === packageVersion() && installed.every((file) => expected.has(file)) && files.every(isUnchanged);
  } catch {
    // Never checked, or the stamp is damaged.
    return false;
  }
}

/** Notes that a playbook was checked without errors. What cannot be noted is checked again. */
export function rememberChecked(playbook: string, files: readonly FileStamp[]): void {
  const path = stampPath(playbook);
  if (path === undefined) return;
  const installed = installationFiles(playbook).map((file): FileStamp => {
    const { size, mtimeMs } = statSync(file);
    return [file, size, mtimeMs];
  });
  const stamp: Stamp = { version: packageVersion(), files: [...files, ...installed] };
  try {
    const temporary = `${path}.${process.pid}`;
    writeFileSync(temporary, JSON.stringify(stamp), { mode: 0o600 });
    renameSync(temporary, path);
  } catch {
    // A full disk must not stop a run.
  }
}

function stampPath(playbook: string): string | undefined {
  const folder = cacheFolder('type-check');
  return folder && join(folder, `${createHash('sha256').update(playbook).digest('hex').slice(0, 32)}.json`);
}

function isUnchanged([path, size, modifiedMs]: FileStamp): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat !== undefined && stat.size === size && stat.mtimeMs === modifiedMs;
}

/**
 * What changes when a dependency or the compiler's options do: the nearest tsconfig.json, and npm's note of what it
 * installed.
 */
function installationFiles(playbook: string): string[] {
  const names = ['tsconfig.json', 'node_modules/.package-lock.json'];
  return names.flatMap((name) => {
    for (let folder = dirname(playbook); ; folder = dirname(folder)) {
      if (existsSync(join(folder, name))) return [join(folder, name)];
      if (folder === dirname(folder)) return [];
    }
  });
}
