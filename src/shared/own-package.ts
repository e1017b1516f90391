import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const thisFile = fileURLToPath(import.meta.url);

/** Folder of the running labwright package: the one with its package.json. */
export const packageRoot = findPackageRoot(dirname(thisFile));

/** Where the running code's `src/` and `roles/` are: the package itself when it runs from source, else its `dist`. */
export const codeRoot = relative(packageRoot, thisFile).startsWith('dist') ? join(packageRoot, 'dist') : packageRoot;

/** `.ts` when the package runs from source (tests, development), `.js` when it was built. */
export const codeExtension = codeRoot === packageRoot ? '.ts' : '.js';

/**
 * The text of a file of ours that is no module: a part of the remote program. Bundling moves code from file to file, so
 * such a file is found from the package's root, never from the code that reads it.
 *
 * @param path below `src/`, e.g. `remote/prelude.sh`
 */
export function readOwnFile(path: string): string {
  return readFileSync(ownFile(path), 'utf8');
}

/** The same for a role's file, below `roles/`. */
export function readRoleFile(path: string): string {
  return readFileSync(join(codeRoot, 'roles', path), 'utf8');
}

/** Absolute path of such a file. */
export function ownFile(path: string): string {
  return join(codeRoot, 'src', path);
}

/** The version in the running package's package.json. */
export function packageVersion(): string {
  return (JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string }).version;
}

/** Whether a file is the engine's own, so that a place in it means nothing to the author of a playbook. */
export function isEngineFile(file: string): boolean {
  const inside = relative(packageRoot, file);
  if (codeRoot !== packageRoot && inside.startsWith('dist/roles/')) return true;
  return inside.startsWith('src/') || inside.startsWith('dist/src/') || inside.startsWith('bin/');
}

function findPackageRoot(from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder;
    if (folder === dirname(folder)) throw new Error(`no package.json above ${from}`);
  }
}
