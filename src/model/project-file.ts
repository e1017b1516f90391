import { readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { LabError } from '../shared/errors.ts';
import { projectRoot } from './project-root.ts';
import type { Inventory } from './types.ts';

/**
 * A file that a parameter of the inventory names, from the project's folder.
 *
 * @param what it is, for the error: `a list of blocked names`
 * @param path of the parameter in the inventory
 * @throws LabError PLAN_IMPOSSIBLE when it cannot be read
 */
export function readProjectFile(
  file: string,
  inventory: Inventory,
  { what, path, hint }: { readonly what: string; readonly path: readonly string[]; readonly hint?: string | undefined },
): string {
  const root = inventory.source === undefined ? process.cwd() : projectRoot(inventory.source.file);
  const whole = isAbsolute(file) ? file : join(root, file);
  try {
    return readFileSync(whole, 'utf8');
  } catch (error) {
    throw new LabError('PLAN_IMPOSSIBLE', `${what} cannot be read`, {
      at: inventory.source,
      path,
      expected: 'a file of this project',
      found: `${whole}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`,
      hint,
    });
  }
}
