import { readdirSync, statSync } from 'node:fs';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { LabError } from '../shared/errors.ts';
import { nearest } from '../shared/suggest.ts';

const folderName = 'playbooks';
/** Without an ending in the name, these are tried in this order. */
const endings = ['', '.ts', '.mts', '.js', '.mjs'];

/**
 * The file of a playbook: `name` as given in `cwd`, then in `playbooks/`; the ending `.ts` may be left out.
 *
 * @returns an absolute path
 * @throws LabError PLAYBOOK_NOT_FOUND with where it looked, what exists, and a near-miss suggestion
 */
export function findPlaybook(name: string, cwd: string): string {
  const bases = isAbsolute(name) ? [name] : [resolve(cwd, name), resolve(cwd, folderName, name)];
  const tried = bases.flatMap((base) => endings.map((ending) => base + ending));
  const file = tried.find(isFile);
  if (file !== undefined) return file;
  const existing = listPlaybooks(cwd);
  const near = nearest(name, existing) ?? nearest(`${name}.ts`, existing);
  const exists =
    existing.length === 0
      ? `there is no playbook in ${folderName}/; \`lab init\` writes one`
      : `existing: ${existing.join(', ')}`;
  throw new LabError('PLAYBOOK_NOT_FOUND', `no playbook is called "${name}"`, {
    expected: `a file ${bases.map((base) => relative(cwd, base) || base).join(' or ')}, with or without .ts`,
    found: `nothing there; looked from ${cwd}`,
    hint: near === undefined ? exists : `did you mean "${near}"? (${exists})`,
  });
}

/** Names of the playbooks in `playbooks/`, sorted, as `lab run` takes them. */
export function listPlaybooks(cwd: string): string[] {
  try {
    return readdirSync(join(cwd, folderName))
      .filter((name) => /(?<!\.d)\.[cm]?[jt]s$/.test(name))
      .sort();
  } catch {
    return [];
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
