import { dirname } from 'node:path';
import { isPlainObject } from '../../model/layers.ts';
import type { Locate } from '../../model/problems.ts';
import { resolveInventory } from '../../model/resolve-inventory.ts';
import { SecretReference } from '../../model/yaml-document.ts';
import { visibleLine } from '../../report/visible.ts';
import { LabError } from '../../shared/errors.ts';
import { Secret } from '../../shared/secret.ts';
import { type Draft, Drafting, secretsOf } from './draft.ts';
import type { InventoryData } from './inventory-data.ts';
import { type Names, translateNames } from './names.ts';
import { Notes } from './notes.ts';
import type { AnsibleInventory } from './precedence.ts';
import { isFolder, readSources } from './sources.ts';
import { readVariableFiles, type VariableFiles } from './variable-files.ts';
import { type Writable, writeTypeScript } from './write-typescript.ts';
import { writeYaml } from './write-yaml.ts';

export interface ImportOptions {
  /** Its `group_vars` and `host_vars` count too, as with `ansible-inventory --playbook-dir`. */
  readonly playbookFolder?: string | undefined;
  /** Role whose parameters the variables become. */
  readonly role: string;
  readonly format: 'ts' | 'yaml';
}

export interface Imported {
  /** The inventory of lab. */
  readonly text: string;
  readonly hosts: number;
  readonly groups: number;
  /** Names of the variables that became parameters. */
  readonly parameters: readonly string[];
  /** Paths of secrets that have to be filled. */
  readonly secrets: readonly SecretReference[];
  readonly notes: Notes;
}

/**
 * Reads an inventory of Ansible, a file or a folder, and writes it as one of lab. No host is contacted, no program started.
 *
 * @throws LabError INVENTORY_NOT_FOUND, INVENTORY_INVALID with the place in Ansible's files
 */
export function importAnsible(path: string, options: ImportOptions): Imported {
  const notes = new Notes();
  const data = readSources(path, notes);
  const inventory: AnsibleInventory = {
    data,
    beside: readVariableFiles(isFolder(path) ? path : dirname(path), data, notes),
    playbook: options.playbookFolder === undefined ? nothing : readVariableFiles(options.playbookFolder, data, notes),
  };
  const names = translateNames(data, notes);
  const draft = new Drafting(inventory, names, notes).draft();
  const document = documentOf(draft, options.role);
  check(document, path, placesOf(data, names));
  const comment = `Taken over from Ansible's ${visibleLine(path)} by: lab import ansible`;
  return {
    text: (options.format === 'ts' ? writeTypeScript : writeYaml)(document, comment),
    hosts: draft.hosts.size,
    groups: draft.groups.size,
    parameters: parameterNames(draft),
    secrets: secretsOf(draft),
    notes,
  };
}

const nothing: VariableFiles = { groups: new Map(), hosts: new Map() };

function documentOf(draft: Draft, role: string): { readonly [key: string]: Writable | undefined } {
  const part = ({ ssh, params }: Pick<Draft, 'ssh' | 'params'>) => ({
    ssh: Object.keys(ssh).length === 0 ? undefined : ssh,
    params: Object.keys(params).length === 0 ? undefined : { [role]: params },
  });
  const groups = [...draft.groups].map(([name, { children, ...rest }]) => [
    name,
    { children: children.length === 0 ? undefined : children, ...part(rest) },
  ]);
  const hosts = [...draft.hosts].map(([name, { groups: memberOf, address, ...rest }]) => [
    name,
    { groups: memberOf.length === 0 ? undefined : memberOf, address, ...part(rest) },
  ]);
  return {
    ...part(draft),
    groups: groups.length === 0 ? undefined : Object.fromEntries(groups),
    hosts: Object.fromEntries(hosts),
  };
}

/** What lab would not load is told now, with the place in Ansible's inventory. */
function check(document: unknown, path: string, locate: Locate): void {
  try {
    resolveInventory(withPlaceholders(document), { at: { file: path }, locate });
  } catch (thrown) {
    if (!(thrown instanceof LabError)) throw thrown;
    throw thrown.with({ hint: 'lab takes no such inventory: change a copy of it, and import that' });
  }
}

function withPlaceholders(value: unknown): unknown {
  if (value instanceof SecretReference) return new Secret('', value.path);
  if (Array.isArray(value)) return value.map(withPlaceholders);
  if (!isPlainObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) => (item === undefined ? [] : [[key, withPlaceholders(item)]])),
  );
}

function placesOf({ hosts, groups }: InventoryData, names: Names): Locate {
  const original = (map: ReadonlyMap<string, string>, name: unknown) =>
    [...map].find(([, translated]) => translated === name)?.[0] ?? '';
  return ([section, name]) =>
    section === 'hosts' ? hosts.get(original(names.hosts, name))?.at : groups.get(original(names.groups, name))?.at;
}

function parameterNames(draft: Draft): string[] {
  const parts = [draft, ...draft.groups.values(), ...draft.hosts.values()];
  return [...new Set(parts.flatMap(({ params }) => Object.keys(params)))];
}
