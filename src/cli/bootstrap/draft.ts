import { randomBytes } from 'node:crypto';
import { readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import type { Addition } from '../../model/edit/addition.ts';
import { addToInventory } from '../../model/edit/edit-inventory.ts';
import { loadInventory } from '../../model/load-inventory.ts';
import type { Inventory } from '../../model/types.ts';
import { loadModule } from '../../playbook/load-module.ts';
import { resolveSecret } from '../../secrets/secret.ts';
import { LabError } from '../../shared/errors.ts';

/** An inventory with something more in it, which was loaded and holds together, and is not written yet. */
export interface Draft {
  readonly inventory: Inventory;
  /** @throws LabError USAGE when the file was changed by somebody else meanwhile, or cannot be written */
  save(): Promise<void>;
}

/**
 * @param file absolute path of the inventory
 * @throws LabError as `addToInventory` and `loadInventory`: nothing was written then
 */
export async function draftOf(file: string, additions: readonly Addition[]): Promise<Draft> {
  const target = await realpath(file);
  const before = await readFile(target, 'utf8');
  const after = addToInventory(before, file, additions);
  const inventory = await beside(target, after, (copy) =>
    loadInventory(copy, { importModule: loadModule, resolveSecret }),
  );
  return {
    inventory: { ...inventory, source: inventory.source && { ...inventory.source, file } },
    save: () => replace(target, before, after),
  };
}

/** A copy in the same folder, where what it imports is found; its name begins as that of the inventory does. */
async function beside<T>(file: string, text: string, use: (copy: string) => Promise<T>): Promise<T> {
  const extension = extname(file);
  const copy = join(dirname(file), `${basename(file, extension)}.${randomBytes(6).toString('hex')}${extension}`);
  try {
    await writeFile(copy, text, { flag: 'wx', mode: (await stat(file)).mode });
    return await use(copy);
  } catch (error) {
    throw error instanceof LabError && error.details.at?.file === copy
      ? error.with({ at: { ...error.details.at, file } })
      : error;
  } finally {
    await rm(copy, { force: true });
  }
}

async function replace(file: string, before: string, after: string): Promise<void> {
  if ((await readFile(file, 'utf8')) !== before) {
    throw new LabError('USAGE', 'the inventory was changed by somebody else meanwhile', {
      at: { file },
      hint: 'nothing was written: say the same again',
    });
  }
  const { mode } = await stat(file);
  const next = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    await writeFile(next, after, { flag: 'wx', mode });
    await rename(next, file);
  } catch (cause) {
    await rm(next, { force: true });
    throw new LabError('USAGE', `the inventory cannot be written: ${(cause as Error).message}`, {
      at: { file },
      cause,
    });
  }
}
