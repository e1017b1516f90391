import type { Node } from 'yaml';
import { LabError, type SourceLocation } from '../../shared/errors.ts';
import { patternOf } from './ini.ts';
import type { AnsibleGroup, InventoryData } from './inventory-data.ts';
import type { Notes } from './notes.ts';
import type { AnsibleYaml, YamlEntry } from './yaml.ts';

/**
 * Reads an inventory in Ansible's YAML format.
 *
 * Source: Ansible documentation, ansible.builtin.yaml inventory.
 *
 * @throws LabError INVENTORY_INVALID
 */
export function readYamlInventory(yaml: AnsibleYaml, data: InventoryData, notes: Notes): void {
  const reader = new YamlInventoryReader(yaml, data, notes);
  for (const entry of yaml.entries(yaml.root) ?? []) reader.group(entry);
}

class YamlInventoryReader {
  readonly #yaml: AnsibleYaml;
  readonly #data: InventoryData;
  readonly #notes: Notes;

  constructor(yaml: AnsibleYaml, data: InventoryData, notes: Notes) {
    this.#yaml = yaml;
    this.#data = data;
    this.#notes = notes;
  }

  group({ key: name, node, at }: YamlEntry): AnsibleGroup | undefined {
    const sections = this.#mapping(node);
    if (sections === undefined) {
      this.#notes.add('left out', at, name, 'no group, as it is no mapping: Ansible skips it too');
      return undefined;
    }
    const group = this.#data.addGroup(name, at);
    for (const section of sections) this.#section(group, section);
    return group;
  }

  #section(group: AnsibleGroup, section: YamlEntry): void {
    if (section.key === 'vars') this.#variables(group.name, this.#entriesOf(section));
    else if (section.key === 'hosts') for (const entry of this.#entriesOf(section)) this.#hosts(group, entry);
    else if (section.key === 'children') {
      for (const entry of this.#entriesOf(section)) {
        const child = this.group(entry);
        if (child !== undefined) this.#data.addChild(group, child, entry.at);
      }
    } else {
      const why = `the group "${group.name}" can have hosts, vars and children: Ansible skips it too`;
      this.#notes.add('left out', section.at, section.key, why);
    }
  }

  #hosts(group: AnsibleGroup, { key, node, at }: YamlEntry): void {
    const variables = this.#mapping(node);
    if (variables === undefined)
      throw new LabError('INVENTORY_INVALID', 'the variables of a host have to be a mapping', { at, path: [key] });
    const { names, port } = patternOf(key, at);
    for (const name of names) {
      this.#data.addHost(name, group, at, port);
      this.#variables(name, variables);
    }
  }

  #variables(owner: string, entries: readonly YamlEntry[]): void {
    for (const { key, node, at } of entries) this.#data.setVariable(owner, key, { value: this.#yaml.value(node), at });
  }

  /** A name alone stands for a mapping with that key. */
  #entriesOf({ key, node, at }: YamlEntry): readonly YamlEntry[] {
    const entries = this.#mapping(node);
    if (entries !== undefined) return entries;
    const value = this.#yaml.value(node);
    if (typeof value === 'string') return [{ key: value, node: null, at: this.#yaml.at(node) }];
    throw wrongSection(key, at);
  }

  #mapping(node: Node | null): readonly YamlEntry[] | undefined {
    return this.#yaml.entries(node) ?? (this.#yaml.value(node) === null ? [] : undefined);
  }
}

function wrongSection(key: string, at: SourceLocation): LabError {
  return new LabError('INVENTORY_INVALID', `"${key}" has to be a mapping`, {
    at,
    expected: key === 'hosts' ? 'a name with a colon in each line, no list' : 'a mapping',
  });
}
