import { type Dirent, readdirSync, readFileSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { LabError } from '../../shared/errors.ts';
import { readIni } from './ini.ts';
import { InventoryData } from './inventory-data.ts';
import { readJsonInventory } from './json-inventory.ts';
import type { Notes } from './notes.ts';
import { AnsibleYaml } from './yaml.ts';
import { readYamlInventory } from './yaml-inventory.ts';

/** Ends of names that Ansible passes over in a folder of inventories: its INVENTORY_IGNORE_EXTS. */
const ignoredEnds = '.pyc .pyo .swp .bak ~ .rpm .md .txt .rst .orig .ini .cfg .retry'.split(' ');
const notSources = new Set(['host_vars', 'group_vars', 'vars_plugins']);
export const yamlEndings = ['.yml', '.yaml', '.json'];
const export_ = 'ansible-inventory -i INVENTORY --list --export > inventory.json, and import that file';

/**
 * Reads a file or a folder of inventories, as Ansible's `-i`.
 *
 * @throws LabError INVENTORY_NOT_FOUND, INVENTORY_INVALID
 */
export function readSources(path: string, notes: Notes): InventoryData {
  const data = new InventoryData({ file: path });
  if (isFolder(path)) readFolder(path, data, notes);
  else readSource(path, data, notes);
  if (data.hosts.size === 0)
    throw new LabError('INVENTORY_INVALID', 'this inventory has no hosts', {
      at: { file: path },
      expected: 'at least one',
    });
  return data;
}

/** @throws LabError INVENTORY_NOT_FOUND */
export function isFolder(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined)
    throw new LabError('INVENTORY_NOT_FOUND', 'there is no such inventory', {
      expected: "a file or folder, as behind Ansible's -i",
      found: path,
    });
  return found.isDirectory();
}

/** @throws LabError INVENTORY_INVALID for what is no UTF-8 */
export function readText(file: string): string {
  const bytes = readFileSync(file);
  try {
    // The decoder drops a byte order mark.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new LabError('INVENTORY_INVALID', 'this file is no text', { at: { file }, expected: 'UTF-8' });
  }
}

export function isVaultFile(text: string): boolean {
  return text.startsWith('$ANSIBLE_VAULT');
}

function readFolder(folder: string, data: InventoryData, notes: Notes): void {
  for (const entry of entriesOf(folder)) {
    const path = join(folder, entry.name);
    const end = ignoredEnds.find((ignored) => entry.name.endsWith(ignored));
    if (entry.name.startsWith('.') || notSources.has(entry.name)) continue;
    if (end !== undefined) {
      const hint = end === '.ini' ? '; name the file itself to import it' : '';
      notes.add('left out', { file: path }, entry.name, `Ansible passes over *${end} in a folder${hint}`);
    } else if (isFolder(path)) readFolder(path, data, notes);
    else readSource(path, data, notes);
  }
}

/** In the order of Ansible, which is that of code points. */
export function entriesOf(folder: string): Dirent[] {
  return readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
}

function readSource(file: string, data: InventoryData, notes: Notes): void {
  const text = readText(file);
  if (isVaultFile(text))
    throw cannotRead(
      'this inventory is encrypted',
      file,
      'ansible-vault decrypt it into another file, and import that',
    );
  if (text.startsWith('#!')) throw cannotRead('this inventory is a program', file, export_);
  if (extname(file) === '.toml') throw cannotRead('this inventory is TOML', file, export_);
  const yaml = yamlOf(text, file);
  if (yaml === undefined) readIni(text, file, data);
  else readYamlSource(yaml, file, data, notes);
}

/** Without an ending a file is YAML if it can be; Ansible tries both, in this order. */
function yamlOf(text: string, file: string): AnsibleYaml | undefined {
  const ending = extname(file);
  if (yamlEndings.includes(ending)) return new AnsibleYaml(text, file);
  if (ending !== '') return undefined;
  try {
    const yaml = new AnsibleYaml(text, file);
    return yaml.entries(yaml.root) === undefined ? undefined : yaml;
  } catch {
    return undefined;
  }
}

function readYamlSource(yaml: AnsibleYaml, file: string, data: InventoryData, notes: Notes): void {
  const entries = yaml.entries(yaml.root);
  const plugin = entries?.find(({ key }) => key === 'plugin');
  if (plugin !== undefined)
    throw new LabError(
      'INVENTORY_INVALID',
      `this configures the inventory plugin "${String(yaml.value(plugin.node))}"`,
      {
        at: plugin.at,
        expected: 'hosts and groups',
        hint: export_,
      },
    );
  if (entries === undefined)
    throw new LabError('INVENTORY_INVALID', 'this is no inventory of Ansible', {
      at: { file },
      expected: 'a mapping of groups such as "all: { hosts: { … } }"',
      found: yaml.root === null ? 'an empty file' : 'a text or a list',
    });
  if (entries.some(({ key }) => key === '_meta')) readJsonInventory(yaml, data);
  else readYamlInventory(yaml, data, notes);
}

function cannotRead(message: string, file: string, hint: string): LabError {
  return new LabError('INVENTORY_INVALID', message, {
    at: { file },
    expected: 'an inventory in INI, YAML or JSON',
    hint,
  });
}
