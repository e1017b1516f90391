import { LabError, type SourceLocation } from '../../shared/errors.ts';
import type { Value, Variable } from './values.ts';

/** A host or group as Ansible's own inventory holds it. */
export interface Entity {
  readonly name: string;
  /** Where it was named first. */
  readonly at: SourceLocation;
  /** What the inventory itself says, without group_vars and host_vars. */
  readonly variables: Map<string, Variable>;
}

export interface AnsibleGroup extends Entity {
  /** Direct members. */
  readonly hosts: Set<string>;
  readonly children: Set<string>;
  /** `ansible_group_priority`: of groups of one depth, the highest counts last. Default 1. */
  priority: number;
}

/** Hosts, groups and variables while sources are read; the groups `all` and `ungrouped` are always there. */
export class InventoryData {
  readonly groups = new Map<string, AnsibleGroup>();
  readonly hosts = new Map<string, Entity>();

  constructor(at: SourceLocation) {
    this.addGroup('all', at).children.add('ungrouped');
    this.addGroup('ungrouped', at);
  }

  addGroup(name: string, at: SourceLocation): AnsibleGroup {
    const known = this.groups.get(name);
    if (known !== undefined) return known;
    const group = {
      name,
      at,
      variables: new Map(),
      hosts: new Set<string>(),
      children: new Set<string>(),
      priority: 1,
    };
    this.groups.set(name, group);
    return group;
  }

  addHost(name: string, group: AnsibleGroup, at: SourceLocation, port?: number): void {
    if (name === '') throw new LabError('INVENTORY_INVALID', 'a host has no name', { at });
    const isNew = !this.hosts.has(name);
    if (isNew) this.hosts.set(name, { name, at, variables: new Map() });
    // Only where a host is named first does Ansible look at the port behind its name, and 0 is none.
    if (isNew && port !== undefined && port > 0)
      this.hosts.get(name)?.variables.set('ansible_port', { value: port, at });
    group.hosts.add(name);
  }

  /** @throws LabError INVENTORY_INVALID when the group would contain itself */
  addChild(parent: AnsibleGroup, child: AnsibleGroup, at: SourceLocation): void {
    if (parent === child || this.#descendants(child).has(parent.name))
      throw new LabError('INVENTORY_INVALID', `the group "${child.name}" contains itself`, {
        at,
        found: `"${child.name}" in "${parent.name}"`,
        hint: 'take one of them out of the other',
      });
    parent.children.add(child.name);
  }

  /** Of a group and a host with the same name, the group gets it: Ansible looks for groups first. */
  setVariable(name: string, key: string, variable: Variable): void {
    const group = this.groups.get(name);
    if (group !== undefined && key === 'ansible_group_priority') group.priority = priorityOf(variable);
    else (group ?? this.hosts.get(name))?.variables.set(key, variable);
  }

  /** The groups of a host, also those around them, without `all`, in the order in which their variables count. */
  groupsOf(host: string): readonly AnsibleGroup[] {
    return this.#withParents([...this.groups.values()].filter((group) => this.isMember(host, group)));
  }

  /** The groups around a group, in the same order. */
  groupsAround(group: AnsibleGroup): readonly AnsibleGroup[] {
    return this.#withParents([group]).filter((found) => found !== group);
  }

  /** Of equal depth the priority counts, then the name. */
  #withParents(groups: readonly AnsibleGroup[]): readonly AnsibleGroup[] {
    const found = new Set(groups);
    for (const group of found)
      for (const parent of this.groups.values()) if (parent.children.has(group.name)) found.add(parent);
    return [...found]
      .filter(({ name }) => name !== 'all')
      .map((group) => ({ group, depth: this.#depthOf(group) }))
      .sort(
        (a, b) => a.depth - b.depth || a.group.priority - b.group.priority || (a.group.name < b.group.name ? -1 : 1),
      )
      .map(({ group }) => group);
  }

  /** Direct membership, after Ansible's tidying up: in `ungrouped` is who is in no other group. */
  isMember(host: string, group: AnsibleGroup): boolean {
    if (group.name !== 'ungrouped') return group.hosts.has(host);
    return ![...this.groups.values()].some(
      ({ name, hosts }) => name !== 'all' && name !== 'ungrouped' && hosts.has(host),
    );
  }

  /** Groups around a group on the longest way; `all` has 0. */
  #depthOf({ name }: AnsibleGroup): number {
    if (name === 'all') return 0;
    const parents = [...this.groups.values()].filter((group) => group.name !== 'all' && group.children.has(name));
    return 1 + Math.max(0, ...parents.map((parent) => this.#depthOf(parent)));
  }

  #descendants({ children }: AnsibleGroup): Set<string> {
    const found = new Set(children);
    for (const name of found) for (const child of this.groups.get(name)?.children ?? []) found.add(child);
    return found;
  }
}

function priorityOf({ value, at }: Variable): number {
  const number = Number(typeof value === 'string' ? value.trim() : (value as Value & number));
  if (Number.isInteger(number)) return number;
  throw new LabError('INVENTORY_INVALID', 'this is no priority of a group', {
    at,
    path: ['ansible_group_priority'],
    expected: 'a whole number',
    found: JSON.stringify(value),
  });
}
