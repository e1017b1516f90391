import { type Endpoint, type Flow, type Inventory, LabError, type PortRange, type Service } from '../../src/index.ts';
import { AddressSet } from './address-set.ts';
import { publicDnsPermits } from './dns-permits.ts';
import { namesPermits } from './names-permits.ts';
import { hostSide, internet, type Permit, type Side } from './permit.ts';
import { tunnelPermits } from './tunnel-permits.ts';

/** The one policy of a homelab. What no permit allows is denied. */
export interface Policy {
  readonly permits: readonly Permit[];
  /** Addresses that are not the internet. */
  readonly inside: AddressSet;
  /** Those, and the addresses of hosts of the inventory: a flow to the internet leads to none of them. */
  readonly known: AddressSet;
}

/**
 * Special-purpose addresses that no packet of the internet has (RFC 6890): they are outside only where the inventory declares
 * a public network in them.
 */
const notGlobal = AddressSet.of([
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.168.0.0/16'],
  ...['192.0.0.0/24', '198.18.0.0/15', '224.0.0.0/3'],
  ...['::/8', '100::/64', 'fc00::/7', 'fe80::/10', 'ff00::/8'],
]);

/** Addresses that are not the internet: those of networks that are not public, and those that nobody outside has. */
export function insideOf(inventory: Inventory): AddressSet {
  const prefixes = (isPublic: boolean) =>
    AddressSet.of(
      [...inventory.networks.values()].flatMap((network) => (network.public === isPublic ? network.prefixes : [])),
    );
  return notGlobal.without(prefixes(true)).with(prefixes(false));
}

/**
 * The policy that an inventory declares: its flows, and what its public services, its tunnel and its resolvers need. Pure, and from the whole
 * inventory: whichever hosts a run selects, the policy is the same.
 *
 * A flow to a service with gateways leads to the gateways as well, and from them to the service: where TLS ends at the gateway
 * or is passed on by name, clients come to its ports 443 and 80. A public name is a flow from the internet by itself.
 *
 * @throws LabError FIREWALL_POLICY for a flow that names nothing that could have an address, or all ports of a host for the internet
 */
export function policyOf(inventory: Inventory): Policy {
  // Every host of a run is compiled from the same.
  const before = policies.get(inventory);
  if (before !== undefined) return before;
  const policy = compilePolicy(inventory);
  policies.set(inventory, policy);
  return policy;
}

const policies = new WeakMap<Inventory, Policy>();

function compilePolicy(inventory: Inventory): Policy {
  // An endpoint is named by many flows.
  const sides = new Map<string, Side | undefined>();
  const flows = inventory.flows.flatMap((flow, index) =>
    permitsOf(flow, index, inventory, (endpoint) => {
      const key = `${endpoint.kind} ${'name' in endpoint ? endpoint.name : ''}`;
      if (!sides.has(key)) sides.set(key, sideOf(endpoint, inventory));
      return sides.get(key);
    }),
  );
  const implied = [...inventory.services.values()].flatMap((service) =>
    service.public.length === 0 || isOpen(service, inventory.flows)
      ? []
      : permitsOfService(internet, service, `public as ${service.public.join(', ')}`, { kind: 'service' }, inventory),
  );
  const inside = insideOf(inventory);
  const hosts = [...inventory.hosts.keys()].map((name) => hostSide(name, inventory).addresses);
  return {
    permits: [
      ...flows,
      ...implied,
      ...tunnelPermits(inventory),
      ...publicDnsPermits(inventory),
      ...namesPermits(inventory),
    ],
    inside,
    known: AddressSet.union([inside, ...hosts]),
  };
}

function isOpen({ name }: Service, flows: readonly Flow[]): boolean {
  return flows.some(
    ({ from, to }) =>
      from.some(({ kind }) => kind === 'internet') && to.some((end) => end.kind === 'service' && end.name === name),
  );
}

function permitsOf(
  flow: Flow,
  index: number,
  inventory: Inventory,
  side: (endpoint: Endpoint) => Side | undefined,
): Permit[] {
  const origin = { kind: 'flow', index } as const;
  const from = flow.from.flatMap((endpoint) => side(endpoint) ?? []);
  return flow.to.flatMap((endpoint): Permit[] => {
    const service = endpoint.kind === 'service' ? inventory.services.get(endpoint.name) : undefined;
    if (service !== undefined)
      return from.flatMap((one) => permitsOfService(one, service, flow.reason, origin, inventory));
    const to = side(endpoint);
    if (to === undefined) return [];
    return from.flatMap((one) => {
      if (one.who === 'internet' && flow.ports.length === 0) throw openToAll(index, flow, to);
      return [{ from: one, to, protocol: flow.protocol ?? 'any', ports: flow.ports, reason: flow.reason, origin }];
    });
  });
}

/** `undefined` for a namespace: it has no addresses that a host could know. */
export function sideOf(endpoint: Endpoint, inventory: Inventory): Side | undefined {
  if (endpoint.kind === 'internet') return internet;
  if (endpoint.kind === 'namespace') return undefined;
  const { kind, name } = endpoint;
  if (kind === 'host') return hostSide(name, inventory);
  if (kind === 'service') {
    const service = inventory.services.get(name);
    return service === undefined ? undefined : serviceSide(service, inventory);
  }
  if (kind === 'device') {
    const addresses = [...(inventory.devices.get(name)?.addresses.values() ?? [])].flat();
    return { name, hosts: new Set(), who: 'addresses', addresses: AddressSet.of(addresses) };
  }
  if (kind === 'group') {
    const hosts = inventory.groups.get(name)?.hosts ?? [];
    const addresses = AddressSet.union(hosts.map((host) => hostSide(host, inventory).addresses));
    return { name, hosts: new Set(hosts), who: 'addresses', addresses };
  }
  const members = [...inventory.hosts.values()].filter(({ addresses }) => addresses.has(name));
  return {
    name,
    hosts: new Set(members.map((host) => host.name)),
    who: 'addresses',
    addresses: AddressSet.of(inventory.networks.get(name)?.prefixes ?? []),
  };
}

/** All hosts that offer it. */
function serviceSide({ name, host, replicas = [] }: Service, inventory: Inventory): Side {
  if (replicas.length === 0) return hostSide(host, inventory, name);
  const sides = [host, ...replicas].map((one) => hostSide(one, inventory));
  return {
    name,
    hosts: new Set([host, ...replicas]),
    who: 'addresses',
    addresses: AddressSet.union(sides.map(({ addresses }) => addresses)),
  };
}

/** From somebody to a service: directly, where its host can be reached, and through its gateways. */
function permitsOfService(
  from: Side,
  service: Service,
  reason: string,
  origin: Permit['origin'],
  inventory: Inventory,
): Permit[] {
  const { protocol, mode, gateways } = service;
  const to = serviceSide(service, inventory);
  const ports = [{ first: service.port, last: service.port }];
  const others = gateways.filter((name) => name !== service.host);
  const outside = from.who === 'internet';
  if (outside && others.length > 0 && mode !== 'http' && mode !== 'tls-passthrough') {
    const behind = behindGateway(to, service.host, inventory);
    return others.map((via) => ({ from, to: behind, protocol, ports, reason, origin, via }));
  }
  const behindTls = mode === 'http' || mode === 'tls-passthrough';
  const direct = outside && gateways.length > 0 && behindTls ? [] : [{ from, to, protocol, ports, reason, origin }];
  if (!behindTls) return direct;
  return [
    ...direct,
    ...gateways.flatMap((name): Permit[] => {
      const gateway = { ...hostSide(name, inventory), name: `${service.name} (${name})` };
      const behind = (service.replicas ?? []).length > 0 || name !== service.host;
      return [
        { from, to: gateway, protocol: 'tcp', ports: webPorts, reason, origin },
        // HTTP/3 (RFC 9114) is over UDP.
        ...(mode === 'http'
          ? [{ from, to: gateway, protocol: 'udp' as const, ports: [httpsPort], reason, origin }]
          : []),
        // The authority may ask any of them about what another has asked for.
        ...(mode === 'http'
          ? gateways
              .filter((other) => other !== name)
              .map((other) => ({
                from: hostSide(other, inventory),
                to: gateway,
                protocol: 'tcp' as const,
                ports: [{ first: 80, last: 80 }],
                reason: 'challenges of the certificate authority',
                origin,
              }))
          : []),
        ...(!behind
          ? []
          : [
              {
                from: hostSide(name, inventory),
                to,
                protocol,
                ports,
                reason: `the gateway of ${service.name}`,
                origin,
              },
            ]),
      ];
    }),
  ];
}

/** Where a gateway reaches a host: not under the addresses at which strangers could reach it as well. */
function behindGateway(side: Side, host: string, inventory: Inventory): Side {
  const shut = [...(inventory.hosts.get(host)?.addresses ?? [])].flatMap(([network, addresses]) =>
    inventory.networks.get(network)?.public === true ? [] : addresses,
  );
  return shut.length === 0 ? side : { ...side, addresses: AddressSet.of(shut) };
}

const httpsPort: PortRange = { first: 443, last: 443 };
const webPorts: readonly PortRange[] = [{ first: 80, last: 80 }, httpsPort];

function openToAll(index: number, flow: Flow, to: Side): LabError {
  return new LabError('FIREWALL_POLICY', `the flow "${flow.reason}" opens every port of ${to.name} to the internet`, {
    expected: 'the ports that the internet shall reach',
    found: "ports: 'any'",
    path: ['flows', String(index), 'ports'],
    hint: 'name the ports, or who may reach all of them',
  });
}
