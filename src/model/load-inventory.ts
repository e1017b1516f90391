import { access, readFile } from 'node:fs/promises';
import { dirname, extname, isAbsolute, join, relative, resolve as resolvePath } from 'node:path';
import { fileURLToPath } from 'node:url';
import { callSite } from '../shared/call-site.ts';
import { asLabError, LabError, type SourceLocation } from '../shared/errors.ts';
import { Secret } from '../shared/secret.ts';
import { isPlainObject } from './layers.ts';
import { resolveInventory } from './resolve-inventory.ts';
import type { Inventory } from './types.ts';

/** Where an inventory is looked for, in this order, in a folder and those above it. */
export const inventoryNames = ['inventory/index.ts', 'inventory/index.yml', 'inventory.ts', 'inventory.yml'] as const;

export interface LoadInventoryOptions {
  /** Turns the path of a `!secret` into its value. Default: the project's secrets, as `secret('…')` gives them. */
  readonly resolveSecret?: ((path: string, at: SourceLocation) => Secret | Promise<Secret>) | undefined;
  /** Imports a TypeScript module. Without it only YAML can be loaded. */
  readonly importModule?: ((file: string) => Promise<unknown>) | undefined;
}

/**
 * The inventory of a folder, looked for in that folder and upwards.
 *
 * @throws LabError INVENTORY_NOT_FOUND; USAGE when one folder has two
 */
export async function findInventory(cwd: string): Promise<string> {
  for (let folder = resolvePath(cwd); ; folder = dirname(folder)) {
    const found = await existing(inventoryNames.map((name) => join(folder, name)));
    const [first, second] = found;
    if (first !== undefined && second !== undefined) {
      throw new LabError('USAGE', 'this folder has two inventories', {
        expected: 'one inventory',
        found: found.map((file) => relative(folder, file)).join(' and '),
        hint: 'remove one, or name one with --inventory FILE',
      });
    }
    if (first !== undefined) return first;
    if (folder === dirname(folder)) break;
  }
  throw new LabError('INVENTORY_NOT_FOUND', `no inventory in ${cwd} or above`, {
    expected: inventoryNames.join(', '),
    hint: 'lab init writes one; --inventory FILE names one elsewhere',
  });
}

/**
 * Loads an inventory from a YAML or TypeScript file. A playbook in TypeScript uses a YAML inventory through this; one in
 * TypeScript it simply imports.
 *
 * @param file absolute, a file URL, or relative to the file that calls this, as in an `import`
 * @throws LabError INVENTORY_NOT_FOUND, INVENTORY_INVALID; what `importModule` and `resolveSecret` throw
 * @example
 * const inventory = await loadInventory('../inventory/homelab.yml');
 */
export async function loadInventory(file: string | URL, options: LoadInventoryOptions = {}): Promise<Inventory> {
  const path = absolute(file, callSite(loadInventory)?.file);
  if (/^\.[cm]?[jt]s$/.test(extname(path))) return fromModule(path, options);
  if (/^\.ya?ml$/.test(extname(path))) return fromYaml(path, options);
  throw new LabError('INVENTORY_NOT_FOUND', 'this file cannot be an inventory', {
    expected: 'a file that ends in .ts, .yml or .yaml',
    found: path,
  });
}

function absolute(file: string | URL, caller: string | undefined): string {
  if (file instanceof URL || file.startsWith('file://')) return fileURLToPath(file);
  return isAbsolute(file) ? file : resolvePath(caller === undefined ? process.cwd() : dirname(caller), file);
}

async function fromModule(file: string, { importModule }: LoadInventoryOptions): Promise<Inventory> {
  if (importModule === undefined) {
    const hint = `import inventory from '${file}'`;
    throw new LabError('USAGE', 'an inventory in TypeScript is imported, not loaded', { found: file, hint });
  }
  if ((await existing([file])).length === 0) throw notFound(file);
  const module = (await importModule(file)) as { default?: unknown; inventory?: unknown };
  const inventory = [module.default, module.inventory].find(isInventory);
  if (inventory !== undefined) return inventory;
  throw new LabError('INVENTORY_INVALID', 'the file exports no inventory', {
    at: { file },
    expected: 'export default defineInventory({ … })',
    found: `exports ${Object.keys(module).join(', ') || 'nothing'}`,
  });
}

/** By shape, not by class: the file may have loaded its own copy of the package. */
function isInventory(value: unknown): value is Inventory {
  const candidate = value as Partial<Inventory> | null | undefined;
  return candidate?.hosts instanceof Map && candidate.groups instanceof Map && Array.isArray(candidate.flows);
}

async function fromYaml(file: string, { resolveSecret }: LoadInventoryOptions): Promise<Inventory> {
  const { readYaml, SecretReference } = await import('./yaml-document.ts');
  const document = readYaml(await readText(file), file);
  const values = new Map<unknown, Secret>();
  const missing: LabError[] = [];
  for (const reference of document.secrets) {
    const { path, at } = reference;
    try {
      const resolve = resolveSecret ?? (await import('../secrets/secret.ts')).resolveSecret;
      values.set(reference, await resolve(path, at));
    } catch (thrown) {
      missing.push(asLabError(thrown, 'SECRET_MISSING').with({ at }));
      values.set(reference, new Secret('', path));
    }
  }
  // Notation that cannot be parsed leaves nothing to check.
  const input = document.value === undefined && document.problems.length > 0 ? { hosts: {} } : document.value;
  const inventory = resolveInventory(
    replace(input, (value) => (value instanceof SecretReference ? values.get(value) : value)),
    { at: { file }, locate: document.locate, locateParam: document.locate, problems: document.problems },
  );
  // Mistakes of the document come first: they need no identity to be seen.
  const [first, ...others] = missing;
  if (first !== undefined) throw others.length === 0 ? first : first.with({ others });
  return inventory;
}

function replace(value: unknown, leaf: (value: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => replace(item, leaf));
  if (isPlainObject(value))
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, replace(item, leaf)]));
  return leaf(value);
}

async function readText(file: string): Promise<string> {
  try {
    // A byte order mark is no part of the document.
    return (await readFile(file, 'utf8')).replace(/^\uFEFF/, '');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') throw notFound(file);
    throw new LabError('INVENTORY_NOT_FOUND', `the inventory cannot be read: ${(cause as Error).message}`, {
      found: file,
      cause,
    });
  }
}

function notFound(file: string): LabError {
  return new LabError('INVENTORY_NOT_FOUND', 'there is no such inventory', {
    expected: 'an existing file',
    found: file,
  });
}

async function existing(files: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    files.map((file) =>
      access(file).then(
        () => [file],
        () => [],
      ),
    ),
  );
  return found.flat();
}
