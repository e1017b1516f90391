import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { LabError } from '../shared/errors.ts';

/** Where a project keeps its secrets: beside the inventory, in the repository. */
export interface SecretsPaths {
  /** Encrypted YAML, armored. Committed. */
  readonly file: string;
  /** Public keys that the file is encrypted for, one a line. Committed. */
  readonly recipients: string;
}

/** @param projectRoot the folder that holds `inventory/`, or the inventory file itself */
export function secretsPaths(projectRoot: string): SecretsPaths {
  const inventory = join(projectRoot, 'inventory');
  const folder = existsSync(inventory) ? inventory : projectRoot;
  return { file: join(folder, 'secrets.yml.age'), recipients: join(folder, 'secrets.recipients') };
}

/**
 * The nearest folder, upwards from `cwd`, that holds an inventory.
 *
 * @throws LabError INVENTORY_NOT_FOUND
 */
export function findProject(cwd: string): string {
  const marks = ['inventory', 'inventory.ts', 'inventory.yml'];
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    if (marks.some((mark) => existsSync(join(folder, mark)))) return folder;
    if (folder === dirname(folder)) break;
  }
  throw new LabError('INVENTORY_NOT_FOUND', 'this folder is in no project', {
    expected: 'a folder with an inventory, or one below it',
    found: cwd,
    hint: 'lab init writes a project',
  });
}
