import type { Endpoint, Group, Host, Inventory, Service } from '../model/types.ts';
import { formatEndpoints, formatPorts } from './inventory-flow.ts';
import { formatPublicNames, formatTarget } from './inventory-tables.ts';
import { tableLines } from './table.ts';
import { visibleLine } from './visible.ts';

interface Node {
  readonly text: string;
  readonly children: readonly Node[];
}

/** Groups, their hosts and the services there as a tree, then devices and flows. */
export function drawTree(inventory: Inventory): string[] {
  const drawn = new Set<string>();
  const host = (member: Host): Node => {
    const again = drawn.has(member.name);
    drawn.add(member.name);
    const services = [...inventory.services.values()].filter((service) => service.host === member.name);
    const text = `${member.name}  ${formatTarget(member)}`;
    if (again) return { text: services.length === 0 ? text : `${text}  (services: see above)`, children: [] };
    return { text, children: services.map((service) => ({ text: serviceText(service), children: [] })) };
  };
  const group = (members: Group): Node => ({
    text: members.name,
    children: [...childrenOf(members, inventory).map(group), ...directHosts(members, inventory).map(host)],
  });
  const roots = [...topGroups(inventory).map(group), ...ungrouped(inventory).map(host)];
  const devices = [...inventory.devices.values()].map(({ name, owner }) => ({
    text: owner === undefined ? name : `${name}  ${owner}'s`,
    children: [],
  }));
  const flows = tableLines(
    ['FROM', '', 'TO', 'PORTS', 'REASON'],
    inventory.flows.map((flow) => [
      formatEndpoints(flow.from, inventory),
      '→',
      formatEndpoints(flow.to, inventory),
      formatPorts(flow, inventory),
      flow.reason,
    ]),
  ).slice(1);
  return [
    'all',
    ...branches(roots),
    ...(devices.length === 0 ? [] : ['', 'devices', ...branches(devices)]),
    ...(flows.length === 0 ? [] : ['', 'flows', ...flows.map((line) => `  ${line}`)]),
  ];
}

function serviceText(service: Service): string {
  const names = [formatPublicNames(service), service.private.join(' ')].filter((text) => text !== '');
  return [`${service.name}  ${service.port}/${service.protocol}`, ...names].join('  ');
}

function branches(nodes: readonly Node[], indent = ''): string[] {
  return nodes.flatMap(({ text, children }, index) => {
    const isLast = index === nodes.length - 1;
    return [
      `${indent}${isLast ? '└─ ' : '├─ '}${visibleLine(text)}`,
      ...branches(children, `${indent}${isLast ? '   ' : '│  '}`),
    ];
  });
}

function topGroups(inventory: Inventory): Group[] {
  const groups = [...inventory.groups.values()];
  return groups.filter(({ name }) => !groups.some(({ children }) => children.includes(name)));
}

function childrenOf(group: Group, inventory: Inventory): Group[] {
  return group.children.flatMap((name) => inventory.groups.get(name) ?? []);
}

/** Hosts that are in the group but in none of the groups inside it. */
function directHosts(group: Group, inventory: Inventory): Host[] {
  const deeper = new Set(childrenOf(group, inventory).flatMap(({ hosts }) => hosts));
  return group.hosts.filter((name) => !deeper.has(name)).flatMap((name) => inventory.hosts.get(name) ?? []);
}

function ungrouped(inventory: Inventory): Host[] {
  return [...inventory.hosts.values()].filter(({ groups }) => groups.length === 0);
}

/** The same as a Mermaid flowchart. A host in several groups stands in the first. */
export function drawMermaid(inventory: Inventory): string[] {
  const ids = new Map<string, string>();
  const idOf = (name: string): string => {
    const id = ids.get(name) ?? `n${ids.size}`;
    ids.set(name, id);
    return id;
  };
  const drawn = new Set<string>();
  const host = (member: Host): string[] => {
    if (drawn.has(member.name)) return [];
    drawn.add(member.name);
    const services = [...inventory.services.values()].filter((service) => service.host === member.name);
    const title = label(`${member.name} ${member.connection.address}`);
    if (services.length === 0) return [`${idOf(member.name)}[${title}]`];
    const inside = services.map(
      (service) => `  ${idOf(service.name)}([${label(`${service.name} ${service.port}/${service.protocol}`)}])`,
    );
    return [`subgraph ${idOf(member.name)}[${title}]`, ...inside, 'end'];
  };
  const group = (members: Group): string[] => {
    const inside = [...childrenOf(members, inventory).flatMap(group), ...directHosts(members, inventory).flatMap(host)];
    if (inside.length === 0) return [];
    return [`subgraph ${idOf(members.name)}[${label(members.name)}]`, ...inside.map((line) => `  ${line}`), 'end'];
  };
  const machines = [...topGroups(inventory).flatMap(group), ...ungrouped(inventory).flatMap(host)];
  const devices = [...inventory.devices.keys()].map((name) => `${idOf(name)}[/${label(name)}/]`);
  const others = new Map<string, string>();
  const end = (endpoint: Endpoint): string => {
    const name =
      endpoint.kind === 'internet'
        ? 'internet'
        : endpoint.kind === 'namespace'
          ? `namespace ${endpoint.name}`
          : endpoint.name;
    if (!ids.has(name)) others.set(name, `${idOf(name)}((${label(name)}))`);
    return idOf(name);
  };
  const flows = inventory.flows.flatMap(({ from, to, reason }) =>
    from.flatMap((source) =>
      to
        .filter((target) => end(target) !== end(source))
        .map((target) => `${end(source)} -->|${label(reason)}| ${end(target)}`),
    ),
  );
  return ['flowchart LR', ...[...machines, ...devices, ...others.values(), ...flows].map((line) => `  ${line}`)];
}

/** Quoted, with the characters that Mermaid reads as markup as entities. */
function label(text: string): string {
  const escaped = visibleLine(text).replace(/["#<>&`]/g, (character) => `#${character.codePointAt(0)};`);
  return `"${escaped}"`;
}
