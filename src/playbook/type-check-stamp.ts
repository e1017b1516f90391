import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { packageVersion } from '../shared/own-package.ts';
import { cacheFolder } from './cache-folder.ts';

/** Path, size in bytes, modification time in milliseconds, hash of the content. */
export type FileStamp = readonly [path: string, size: number, modifiedMs: number, hash: string];

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
    const expected = new Set(files.map(([file]) => file));
    const installed = installationFiles(playbook);
    if (version !== packageVersion() || !installed.every((file) => expected.has(file))) return false;
    const now = files.map(unchanged);
    if (now.includes(undefined)) return false;
    // Written anew with the same content, by a build or by git: next time a stat tells.
    if (now.some((stamp, index) => stamp !== files[index])) writeStamp(path, now as FileStamp[]);
    return true;
  } catch {
    // Never checked, or the stamp is damaged.
    return false;
  }
}

/** Notes that a playbook was checked without errors. What cannot be noted is checked again. */
export function rememberChecked(playbook: string, files: readonly FileStamp[]): void {
  const path = stampPath(playbook);
  if (path === undefined) return;
  const installed = installationFiles(playbook).map(stampOf);
  writeStamp(path, [...files, ...installed.filter((stamp) => stamp !== undefined)]);
}

/** A file as it is now; undefined when it cannot be read. */
export function stampOf(file: string): FileStamp | undefined {
  try {
    const { size, mtimeMs } = statSync(file);
    return [file, size, mtimeMs, createHash('sha256').update(readFileSync(file)).digest('base64url')];
  } catch {
    return undefined;
  }
}

function writeStamp(path: string, files: readonly FileStamp[]): void {
  const stamp: Stamp = { version: packageVersion(), files };
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

/** The stamp itself, or a new one when only the time differs; undefined when the content does. */
function unchanged(stamp: FileStamp): FileStamp | undefined {
  const [path, size, modifiedMs, hash] = stamp;
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.size !== size) return undefined;
  if (stat.mtimeMs === modifiedMs) return stamp;
  const now = stampOf(path);
  return now?.[3] === hash ? now : undefined;
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
