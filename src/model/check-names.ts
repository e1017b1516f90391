import { nearest, suggestion } from '../shared/suggest.ts';
import { addressesIn } from './addresses-input.ts';
import type { EndpointInput, InventoryInput } from './input.ts';
import { type DocumentPath, itemsAt, type Problem } from './problems.ts';
import { namePattern } from './schema.ts';

const sections = ['hosts', 'groups', 'devices', 'networks', 'services'] as const;
type Section = (typeof sections)[number];
const singular: Readonly<Record<Section, string>> = {
  hosts: 'host',
  groups: 'group',
  devices: 'device',
  networks: 'network',
  services: 'service',
};

/** Names with a meaning of their own in patterns and flows. */
const reserved = new Map([
  ['all', 'every host'],
  ['internet', 'whatever is outside'],
]);

/** The names that a document declares, also those of entries that are otherwise wrong. */
export type DeclaredNames = Readonly<Record<Section, readonly string[]>>;

export function declaredNames(input: unknown): DeclaredNames {
  const keys = (section: Section): readonly string[] => {
    const value = (input as Record<string, unknown> | null | undefined)?.[section];
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.keys(value) : [];
  };
  return Object.fromEntries(sections.map((section) => [section, keys(section)])) as unknown as DeclaredNames;
}

/** Names that cannot be used, or are used for two things: hosts, groups, devices, networks and services share one space. */
export function checkNames(names: DeclaredNames): Problem[] {
  const first = new Map<string, Section>();
  return sections.flatMap((section) =>
    names[section].flatMap((name): Problem[] => {
      const path = [section, name];
      if (!namePattern.test(name)) {
        const expected = 'letters, digits, "-", "_" and ".", not digits alone, at most 63 characters';
        return [
          { message: `this cannot be the name of a ${singular[section]}`, path, expected, found: JSON.stringify(name) },
        ];
      }
      const meaning = reserved.get(name);
      if (meaning !== undefined) {
        return [{ message: `the name "${name}" is taken: it means ${meaning}`, path, hint: 'choose another name' }];
      }
      const earlier = first.get(name);
      if (earlier === undefined) first.set(name, section);
      else {
        const hint =
          'hosts, groups, devices, networks and services share one space of names, so that a flow is unambiguous';
        return [{ message: `"${name}" is a ${singular[earlier]} already`, path, hint }];
      }
      return [];
    }),
  );
}

/** Every reference to a name that is not declared. */
export function checkReferences(input: InventoryInput, names: DeclaredNames): Problem[] {
  const problems: Problem[] = [];
  const refer = (name: string, path: DocumentPath, ...kinds: Section[]): void => {
    const candidates = kinds.flatMap((kind) => names[kind]);
    if (candidates.includes(name)) return;
    const what = listed(kinds.map((kind) => singular[kind]));
    const message = kinds.length > 2 ? `nothing is called "${name}"` : `no ${what} is called "${name}"`;
    problems.push({
      message,
      path,
      expected: `the name of a ${what}`,
      found: name,
      ...hintFor(name, candidates, names),
    });
  };
  for (const [name, group] of Object.entries(input.groups ?? {})) {
    for (const { item, path } of itemsAt(group.children, ['groups', name, 'children'])) refer(item, path, 'groups');
  }
  for (const [name, host] of Object.entries(input.hosts)) {
    for (const { item, path } of itemsAt(host.groups, ['hosts', name, 'groups'])) refer(item, path, 'groups');
  }
  for (const { network, path } of addressesIn(input)) refer(network, path, 'networks');
  for (const [name, service] of Object.entries(input.services ?? {})) {
    refer(service.host, ['services', name, 'host'], 'hosts');
    for (const { item, path } of itemsAt(service.gateways, ['services', name, 'gateways'])) refer(item, path, 'hosts');
    for (const { item, path } of itemsAt(service.replicas, ['services', name, 'replicas'])) refer(item, path, 'hosts');
  }
  for (const [index, flow] of (input.flows ?? []).entries()) {
    for (const side of ['from', 'to'] as const) {
      for (const { item, path } of itemsAt<EndpointInput>(flow[side], ['flows', index, side])) {
        if (typeof item === 'string' && !reserved.has(item)) refer(item, path, ...sections);
      }
    }
  }
  return problems;
}

/** `host, group or service` */
function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

function hintFor(name: string, candidates: readonly string[], names: DeclaredNames): { hint: string } {
  const elsewhere = sections.find((section) => names[section].includes(name));
  if (elsewhere !== undefined && nearest(name, candidates) === undefined) {
    const declared = candidates.length === 0 ? 'none is declared' : `declared: ${candidates.join(', ')}`;
    return { hint: `"${name}" is a ${singular[elsewhere]}; ${declared}` };
  }
  return { hint: suggestion(name, candidates) };
}

/** Groups that contain themselves, each cycle once. */
export function checkCycles(input: InventoryInput): Problem[] {
  const groups = input.groups ?? {};
  const done = new Set<string>();
  const problems: Problem[] = [];
  const visit = (name: string, above: readonly string[]): void => {
    const start = above.indexOf(name);
    if (start >= 0) {
      const parent = above.at(-1) ?? name;
      const cycle = [...above.slice(start), name].join(' → ');
      const path = ['groups', parent, 'children', (groups[parent]?.children ?? []).indexOf(name)];
      problems.push({
        message: `the group "${name}" contains itself`,
        path,
        found: cycle,
        hint: 'take one of them out of the other',
      });
      return;
    }
    if (done.has(name)) return;
    for (const child of groups[name]?.children ?? []) visit(child, [...above, name]);
    done.add(name);
  };
  for (const name of Object.keys(groups)) visit(name, []);
  return problems;
}
