import { execFileSync } from 'node:child_process';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { LabError } from '../shared/errors.ts';

/** A file of the project, as a job gets it. */
export interface RepositoryFile {
  /** Relative to the project, with `/`. */
  readonly path: string;
  /** On this machine. */
  readonly file: string;
  readonly executable: boolean;
}

export interface Repository {
  readonly files: readonly RepositoryFile[];
  /** Left out, as a private key or an age identity is in it. */
  readonly secrets: readonly string[];
}

const neverCopied = new Set(['node_modules', '.git', '.lab']);
const mostFiles = 2000;
const mostBytes = 32 * 1024 * 1024;
const privateKey = /-----BEGIN [A-Z ]*PRIVATE KEY-----|^AGE-SECRET-KEY-(PQ-)?1[0-9A-Z]+/m;

/**
 * The files of a project that a job needs: what git knows or would take, else all; without `node_modules`, `.git`, `.lab` and
 * files that hold private keys.
 *
 * @throws LabError USAGE for a project that is too large to be copied file by file
 */
export function repositoryOf(root: string): Repository {
  const names = (listedByGit(root) ?? listedByWalk(root)).filter((name) => !name.split('/').some(isNeverCopied)).sort();
  const found = names.flatMap((path) => {
    const file = join(root, path);
    const stat = lstatSync(file, { throwIfNoEntry: false });
    return stat?.isFile() === true ? [{ path, file, stat }] : [];
  });
  const bytes = found.reduce((sum, { stat }) => sum + stat.size, 0);
  if (found.length > mostFiles || bytes > mostBytes) {
    throw new LabError('USAGE', 'the project is too large to be copied to a control host', {
      at: { file: root },
      expected: `at most ${mostFiles} files of ${mostBytes / 1024 / 1024} MiB together`,
      found: `${found.length} files, ${Math.ceil(bytes / 1024 / 1024)} MiB`,
      hint: 'leave out in .gitignore what no playbook needs',
    });
  }
  const secrets = new Set(
    found.filter(({ file }) => privateKey.test(readFileSync(file, 'latin1'))).map(({ path }) => path),
  );
  return {
    files: found
      .filter(({ path }) => !secrets.has(path))
      .map(({ path, file, stat }) => ({ path, file, executable: (stat.mode & 0o111) !== 0 })),
    secrets: [...secrets],
  };
}

/** Folders of these files, those above before those inside. */
export function foldersOf(files: readonly RepositoryFile[]): string[] {
  const folders = new Set<string>();
  for (const { path } of files) {
    const parts = path.split('/').slice(0, -1);
    for (let length = 1; length <= parts.length; length++) folders.add(parts.slice(0, length).join('/'));
  }
  return [...folders].sort();
}

function isNeverCopied(part: string): boolean {
  return neverCopied.has(part);
}

/** Undefined when the folder is in no repository, or git is not here. */
function listedByGit(root: string): string[] | undefined {
  try {
    const output = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
      cwd: root,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const names = [...new Set(output.split('\0').filter((name) => name !== ''))];
    // A project inside another repository that ignores it.
    return names.length > 0 ? names : undefined;
  } catch {
    return undefined;
  }
}

function listedByWalk(root: string, folder = root): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (isNeverCopied(entry.name)) return [];
    const path = join(folder, entry.name);
    return entry.isDirectory() ? listedByWalk(root, path) : [relative(root, path)];
  });
}
