import { existsSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { LabError } from '../../shared/errors.ts';
import type { InventoryData } from './inventory-data.ts';
import type { Notes } from './notes.ts';
import { entriesOf, isVaultFile, readText, yamlEndings } from './sources.ts';
import type { Variable, Variables } from './values.ts';
import { AnsibleYaml } from './yaml.ts';

/** The variables of groups and hosts in one `group_vars` and `host_vars`. */
export interface VariableFiles {
  readonly groups: ReadonlyMap<string, Variables>;
  readonly hosts: ReadonlyMap<string, Variables>;
}

/**
 * Reads `group_vars/` and `host_vars/` in a folder. For each name that is a folder, a file without ending, or one that ends
 * in .yml, .yaml or .json; the first of these counts.
 *
 * Source: Ansible documentation, Organizing host and group variables; ansible.builtin.host_group_vars.
 *
 * @throws LabError INVENTORY_INVALID
 */
export function readVariableFiles(folder: string, data: InventoryData, notes: Notes): VariableFiles {
  const read = (kind: 'group_vars' | 'host_vars', names: Iterable<string>): Map<string, Variables> => {
    const inside = join(folder, kind);
    if (statSync(inside, { throwIfNoEntry: false })?.isDirectory() !== true) return new Map();
    const known = [...names];
    tellUnused(inside, kind, known, notes);
    const found = known.map((name): [string, Variables] => [name, readEntity(inside, name, notes)]);
    return new Map(found.filter(([, variables]) => variables.size > 0));
  };
  return { groups: read('group_vars', data.groups.keys()), hosts: read('host_vars', data.hosts.keys()) };
}

function tellUnused(folder: string, kind: string, known: readonly string[], notes: Notes): void {
  for (const { name } of entriesOf(folder)) {
    const ending = yamlEndings.find((candidate) => name.endsWith(candidate)) ?? '';
    const entity = name.slice(0, name.length - ending.length);
    if (name.startsWith('.') || known.includes(entity) || known.includes(name)) continue;
    const what = kind === 'group_vars' ? 'group' : 'host';
    notes.add('left out', { file: join(folder, name) }, name, `no ${what} of the inventory is called "${entity}"`);
  }
}

function readEntity(folder: string, name: string, notes: Notes): Variables {
  // A host may be called as a path is: those have no files.
  if (name.includes('/') || name === '.' || name === '..') return new Map();
  const path = ['', ...yamlEndings]
    .map((ending) => join(folder, name + ending))
    .find((candidate) => existsSync(candidate));
  if (path === undefined) return new Map();
  const files = statSync(path).isDirectory() ? filesIn(path) : [path];
  return new Map(files.flatMap((file) => [...readFile(file, notes)]));
}

function filesIn(folder: string): string[] {
  return entriesOf(folder).flatMap(({ name }) => {
    const path = join(folder, name);
    if (name.startsWith('.') || name.endsWith('~')) return [];
    const ending = extname(name);
    if (statSync(path).isDirectory()) return ending === '' ? filesIn(path) : [];
    return ending === '' || yamlEndings.includes(ending) ? [path] : [];
  });
}

function readFile(file: string, notes: Notes): ReadonlyMap<string, Variable> {
  const text = readText(file);
  if (isVaultFile(text)) {
    const why = 'it is encrypted: ansible-vault view shows what belongs into lab secrets edit';
    notes.add('left out', { file }, 'a whole file', why);
    return new Map();
  }
  const yaml = new AnsibleYaml(text, file);
  const entries = yaml.root === null ? [] : yaml.entries(yaml.root);
  if (entries === undefined)
    throw new LabError('INVENTORY_INVALID', 'this file holds no variables', {
      at: { file },
      expected: 'a mapping of names to values',
    });
  return new Map(entries.map(({ key, node, at }) => [key, { value: yaml.value(node), at }]));
}
