import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { LabError } from '../shared/errors.ts';
import { packageRoot } from '../shared/own-package.ts';
import type { TarEntry } from './tar.ts';

interface Manifest {
  readonly name?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/**
 * Types are checked where the job is scheduled (the compiler is larger than all the rest), and nobody is there to be asked, or
 * shown a code.
 */
const leftOut = new Set(['typescript', '@inquirer/prompts', 'qrcode']);

/**
 * The running package with all that it needs to run playbooks, as it is installed here: a control host needs no registry.
 *
 * @throws LabError SCHEDULE_HOST when the package was not built
 */
export function programEntries(): TarEntry[] {
  if (!existsSync(join(packageRoot, 'dist', 'src', 'cli', 'main.js'))) {
    throw new LabError('SCHEDULE_HOST', 'the running package was not built, so it cannot be copied', {
      expected: join(packageRoot, 'dist'),
      hint: 'npm run build',
    });
  }
  const own = ['bin', 'dist'].flatMap((folder) => entriesBelow(join(packageRoot, folder), folder));
  const manifest = file(join(packageRoot, 'package.json'), 'package.json');
  return [...own, manifest, ...dependencyEntries(packageRoot)].filter(({ path }) => !/\.(d\.ts|map)$/.test(path));
}

/** Packages that the `package.json` of a folder depends on, and those that they need: `node_modules/…`. */
export function dependencyEntries(root: string, except: ReadonlySet<string> = new Set()): TarEntry[] {
  const placed = new Map<string, string>();
  place(root, '', new Set([...leftOut, ...except]), placed);
  return [...placed].flatMap(([path, from]) => entriesBelow(from, path));
}

/** A package goes to the top, unless another version of it is there: then beside the one that needs it. */
function place(from: string, at: string, except: ReadonlySet<string>, placed: Map<string, string>): void {
  const { dependencies, optionalDependencies } = readManifest(from);
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
    if (except.has(name)) continue;
    const found = resolvePackage(name, from);
    if (found === undefined) {
      if (optionalDependencies !== undefined && Object.hasOwn(optionalDependencies, name)) continue;
      throw new LabError('SCHEDULE_HOST', `the package ${name} is not installed, so it cannot be copied`, {
        at: { file: join(from, 'package.json') },
        hint: 'npm install',
      });
    }
    const top = join('node_modules', name);
    const path = placed.get(top) === undefined || placed.get(top) === found ? top : join(at, 'node_modules', name);
    if (placed.get(path) === found) continue;
    placed.set(path, found);
    place(found, path, except, placed);
  }
}

/** Where Node would find it: `node_modules` of the folder, or of one above it. */
function resolvePackage(name: string, from: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const path = join(folder, 'node_modules', name);
    if (existsSync(join(path, 'package.json'))) return path;
    if (folder === dirname(folder)) return undefined;
  }
}

function readManifest(folder: string): Manifest {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
  } catch {
    return {};
  }
}

function entriesBelow(folder: string, path: string): TarEntry[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    // The packages inside are placed by themselves.
    if (entry.name === 'node_modules') return [];
    const from = join(folder, entry.name);
    const kind = entry.isSymbolicLink() ? statSync(from, { throwIfNoEntry: false }) : entry;
    if (kind?.isDirectory()) return entriesBelow(from, join(path, entry.name));
    return kind?.isFile() ? [file(from, join(path, entry.name))] : [];
  });
}

function file(from: string, path: string): TarEntry {
  return { path, content: readFileSync(from), executable: (statSync(from).mode & 0o111) !== 0 };
}
