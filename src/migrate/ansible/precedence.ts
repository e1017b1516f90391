import type { AnsibleGroup, InventoryData } from './inventory-data.ts';
import type { Variable, Variables } from './values.ts';
import type { VariableFiles } from './variable-files.ts';

/** An inventory with the files of variables beside it and, if asked for, beside the playbooks. */
export interface AnsibleInventory {
  readonly data: InventoryData;
  readonly beside: VariableFiles;
  readonly playbook: VariableFiles;
}

/** Whose a variable is: `all`, a group or a host. */
export interface Owner {
  readonly kind: 'group' | 'host';
  readonly name: string;
}

export interface OwnedVariable extends Variable {
  readonly owner: Owner;
}

export type OwnedVariables = ReadonlyMap<string, OwnedVariable>;

/** What is declared for a group or host itself. */
export function declaredFor({ data, beside, playbook }: AnsibleInventory, owner: Owner): OwnedVariables {
  const isHost = owner.kind === 'host';
  const inside = (isHost ? data.hosts : data.groups).get(owner.name)?.variables;
  const files = [beside, playbook].map(({ hosts, groups }) => (isHost ? hosts : groups).get(owner.name));
  return merged([inside, ...files].map((variables) => ({ variables, owner })));
}

/**
 * What counts for a host. A value replaces the one before as a whole. Files count after the inventory itself at each
 * level, also those of an outer group after the inventory's words on an inner one.
 *
 * Source: Ansible documentation, Understanding variable precedence; VARIABLE_PRECEDENCE of its configuration.
 */
export function effectiveFor(inventory: AnsibleInventory, host: string): OwnedVariables {
  const { data, beside, playbook } = inventory;
  const all: Owner = { kind: 'group', name: 'all' };
  const groups = data.groupsOf(host).map(({ name }): Owner => ({ kind: 'group', name }));
  const from = (files: VariableFiles, owners: readonly Owner[]): Layer[] =>
    owners.map((owner) => ({ variables: files.groups.get(owner.name), owner }));
  return merged([
    ...[all, ...groups].map((owner) => ({ variables: data.groups.get(owner.name)?.variables, owner })),
    ...from(beside, [all]),
    ...from(playbook, [all]),
    ...from(beside, groups),
    ...from(playbook, groups),
    ...[...declaredFor(inventory, { kind: 'host', name: host })].map(
      ([name, variable]): Layer => ({ variables: new Map([[name, variable]]), owner: variable.owner }),
    ),
  ]);
}

/** What counts in a group for a host that is in nothing else, and without the group's own words what counts around it. */
export function visibleIn(
  inventory: AnsibleInventory,
  group: AnsibleGroup,
): { readonly around: OwnedVariables; readonly all: OwnedVariables } {
  const owners = group.name === 'all' ? [] : ['all', ...inventory.data.groupsAround(group).map(({ name }) => name)];
  const around = new Map(owners.flatMap((name) => [...declaredFor(inventory, { kind: 'group', name })]));
  return { around, all: new Map([...around, ...declaredFor(inventory, { kind: 'group', name: group.name })]) };
}

interface Layer {
  readonly variables: Variables | undefined;
  readonly owner: Owner;
}

function merged(layers: readonly Layer[]): OwnedVariables {
  return new Map(
    layers.flatMap(({ variables, owner }) =>
      [...(variables ?? [])].map(([name, variable]): [string, OwnedVariable] => [name, { ...variable, owner }]),
    ),
  );
}
