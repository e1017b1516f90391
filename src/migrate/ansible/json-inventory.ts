import { LabError, type SourceLocation } from '../../shared/errors.ts';
import type { AnsibleGroup, InventoryData } from './inventory-data.ts';
import { isList } from './values.ts';
import type { AnsibleYaml, YamlEntry } from './yaml.ts';

/**
 * Reads what `ansible-inventory --list`, with or without `--export`, and inventory scripts print: groups with lists of
 * hosts and children, and the variables of hosts below `_meta`.
 *
 * Source: Ansible documentation, Developing dynamic inventory, Inventory script conventions.
 *
 * @throws LabError INVENTORY_INVALID
 */
export function readJsonInventory(yaml: AnsibleYaml, data: InventoryData): void {
  const reader = new JsonInventoryReader(yaml, data);
  const entries = yaml.entries(yaml.root) ?? [];
  for (const entry of entries) if (entry.key !== '_meta') reader.group(entry);
  for (const entry of entries) if (entry.key === '_meta') reader.hostVariables(entry);
}

class JsonInventoryReader {
  readonly #yaml: AnsibleYaml;
  readonly #data: InventoryData;

  constructor(yaml: AnsibleYaml, data: InventoryData) {
    this.#yaml = yaml;
    this.#data = data;
  }

  group({ key: name, node, at }: YamlEntry): void {
    const group = this.#data.addGroup(name, at);
    const sections = this.#yaml.entries(node);
    if (sections === undefined) {
      this.#hosts(group, { key: 'hosts', node, at });
      return;
    }
    for (const section of sections) {
      if (section.key === 'hosts') this.#hosts(group, section);
      else if (section.key === 'vars') this.#variables(name, section);
      else if (section.key === 'children')
        for (const child of this.#names(section))
          this.#data.addChild(group, this.#data.addGroup(child, section.at), section.at);
    }
  }

  hostVariables({ node, at }: YamlEntry): void {
    const all = this.#yaml.entries(node)?.find(({ key }) => key === 'hostvars');
    for (const host of this.#yaml.entries(all?.node ?? null) ?? []) {
      if (!this.#data.hosts.has(host.key)) this.#data.addHost(host.key, this.#data.addGroup('ungrouped', at), host.at);
      this.#variables(host.key, host);
    }
  }

  #hosts(group: AnsibleGroup, section: YamlEntry): void {
    for (const name of this.#names(section)) this.#data.addHost(name, group, section.at);
  }

  #variables(owner: string, { key, node, at }: YamlEntry): void {
    const entries = this.#yaml.entries(node);
    if (entries === undefined) throw wrong(`the variables of "${key}" have to be a mapping`, at);
    for (const entry of entries)
      this.#data.setVariable(owner, entry.key, { value: this.#yaml.value(entry.node), at: entry.at });
  }

  #names({ key, node, at }: YamlEntry): string[] {
    const value = this.#yaml.value(node);
    if (isList(value) && value.every((item) => typeof item === 'string')) return [...(value as string[])];
    throw wrong(`"${key}" has to be a list of names`, at);
  }
}

function wrong(message: string, at: SourceLocation): LabError {
  return new LabError('INVENTORY_INVALID', message, {
    at,
    hint: 'make the file with: ansible-inventory -i INVENTORY --list --export',
  });
}
