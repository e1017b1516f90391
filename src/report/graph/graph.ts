import type { Endpoint, Flow, Inventory, Network, Service } from '../../model/types.ts';
import { type Tunnels, tunnelsOf } from './dials.ts';
import { Relations } from './relations.ts';

export type AreaKind = 'public' | 'tunnel' | 'private' | 'none';

/** A network and who stands in it. Everybody stands in one area, also who has addresses on several networks. */
export interface Area {
  /** Undefined for those without an address on a network. */
  readonly network: Network | undefined;
  readonly kind: AreaKind;
  /** Hosts, then devices. */
  readonly members: readonly string[];
  /** Others with an address on this network, who stand elsewhere. */
  readonly others: readonly string[];
}

/** What a gateway carries, or a host that strangers can reach by itself. */
export interface Route {
  readonly service: Service;
  /** Undefined: the name leads to the host of the service. */
  readonly gateway: string | undefined;
}

/** The homelab as the picture has it. */
export interface Graph {
  readonly inventory: Inventory;
  readonly areas: readonly Area[];
  readonly routes: readonly Route[];
  readonly tunnels: Tunnels;
  readonly relations: Relations;
}

/** Pure, and from the inventory alone. */
export function graphOf(inventory: Inventory): Graph {
  const tunnels = tunnelsOf(inventory);
  const routes = [...inventory.services.values()]
    .filter((service) => service.public.length > 0)
    .flatMap((service): Route[] =>
      service.gateways.length === 0
        ? [{ service, gateway: undefined }]
        : service.gateways.map((gateway) => ({ service, gateway })),
    );
  return { inventory, areas: areasOf(inventory), routes, tunnels, relations: relationsOf(inventory, routes, tunnels) };
}

const order: readonly AreaKind[] = ['public', 'tunnel', 'private', 'none'];

export function kindOf(network: Network | undefined): AreaKind {
  if (network === undefined) return 'none';
  return network.tunnel ? 'tunnel' : network.public ? 'public' : 'private';
}

function areasOf(inventory: Inventory): Area[] {
  const everybody = [...inventory.hosts.values(), ...inventory.devices.values()];
  // Where somebody stands: the first network with wires, and a tunnel only for who has no other.
  const placeOf = new Map(
    everybody.map(({ name, addresses }) => {
      const networks = [...addresses.keys()];
      const wired = networks.find((network) => inventory.networks.get(network)?.tunnel !== true);
      return [name, wired ?? networks[0]];
    }),
  );
  const members = (place: string | undefined) =>
    everybody.map(({ name }) => name).filter((name) => placeOf.get(name) === place);
  const areas = [...inventory.networks.values()].map((network): Area => {
    const inside = members(network.name);
    const others = everybody.filter(({ name, addresses }) => addresses.has(network.name) && !inside.includes(name));
    return { network, kind: kindOf(network), members: inside, others: others.map(({ name }) => name) };
  });
  const homeless = members(undefined);
  if (homeless.length > 0) areas.push({ network: undefined, kind: 'none', members: homeless, others: [] });
  return areas.sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
}

/** Everybody whom an endpoint of a flow means. */
export function partiesIn(endpoint: Endpoint, inventory: Inventory): string[] {
  if (endpoint.kind === 'internet') return ['internet'];
  if (endpoint.kind === 'namespace') return [];
  const { kind, name } = endpoint;
  if (kind === 'group') return [...(inventory.groups.get(name)?.hosts ?? [])];
  if (kind === 'service') return [name, inventory.services.get(name)?.host ?? name];
  if (kind !== 'network') return [name];
  const inside = [...inventory.hosts.values(), ...inventory.devices.values()].filter(({ addresses }) =>
    addresses.has(name),
  );
  return [name, ...inside.map((one) => one.name)];
}

export function partiesOfFlow(flow: Flow, inventory: Inventory): string[] {
  return [...new Set([...flow.from, ...flow.to].flatMap((endpoint) => partiesIn(endpoint, inventory)))];
}

function relationsOf(inventory: Inventory, routes: readonly Route[], { dials }: Tunnels): Relations {
  const { hosts, devices, networks, services, flows } = inventory;
  const relations = new Relations([
    'internet',
    ...hosts.keys(),
    ...devices.keys(),
    ...services.keys(),
    ...networks.keys(),
  ]);
  for (const { name, addresses } of [...hosts.values(), ...devices.values()])
    for (const network of addresses.keys()) relations.relate(name, network);
  for (const { name, host } of services.values()) relations.relate(name, host);
  for (const { service, gateway } of routes)
    for (const one of ['internet', gateway ?? service.host])
      for (const other of ['internet', gateway ?? service.host, service.host, service.name])
        relations.relate(one, other);
  for (const { from, to } of dials) relations.relate(from, to);
  for (const flow of flows) {
    const to = [...new Set(flow.to.flatMap((endpoint) => partiesIn(endpoint, inventory)))];
    for (const one of new Set(flow.from.flatMap((endpoint) => partiesIn(endpoint, inventory))))
      for (const other of to) relations.relate(one, other);
  }
  return relations;
}
