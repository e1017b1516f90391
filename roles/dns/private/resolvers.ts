import { type Host, type Inventory, LabError, type Network } from '../../../src/index.ts';
import { suggestion } from '../../../src/shared/suggest.ts';
import { type PrivateParams, privateParams, privateParamsSchema } from './params.ts';

/** A resolver as the inventory has it. */
export interface Resolver {
  readonly host: string;
  /** Networks that it answers. */
  readonly networks: readonly Network[];
  /** Its own addresses on them, where it listens; tunnels first. */
  readonly addresses: readonly string[];
}

/** The private parameters of a host, for what is no run of a playbook; undefined where there are none or they do not fit. */
export function privateParamsOf(host: Host | undefined): PrivateParams | undefined {
  const given = host?.params.get('dns');
  if (given === undefined) return undefined;
  const own = Object.fromEntries(Object.entries(given).filter(([key]) => Object.hasOwn(privateParams, key)));
  const parsed = privateParamsSchema.safeParse(own);
  // What is wrong with them is told by the role itself.
  return parsed.success && parsed.data.resolvers.length > 0 ? parsed.data : undefined;
}

/** The resolvers of an inventory, each by its own parameters; those that cannot be any are left out. */
export function resolversOf(inventory: Inventory): readonly Resolver[] {
  return [...inventory.hosts.values()].flatMap((host) => {
    const params = privateParamsOf(host);
    if (params === undefined || !params.resolvers.includes(host.name)) return [];
    try {
      return [resolverOf(host.name, inventory, params)];
    } catch (error) {
      if (error instanceof LabError) return [];
      throw error;
    }
  });
}

/**
 * @throws LabError PLAN_IMPOSSIBLE for a resolver that is no host or has no address inside, and for networks that there are not or
 *   that are public
 */
export function resolverOf(name: string, inventory: Inventory, params: PrivateParams): Resolver {
  const host = inventory.hosts.get(name);
  if (host === undefined)
    throw new LabError('PLAN_IMPOSSIBLE', `the resolver "${name}" is no host`, {
      at: inventory.source,
      path: ['params', 'dns', 'resolvers'],
      expected: 'names of hosts of the inventory',
      found: name,
      hint: suggestion(name, [...inventory.hosts.keys()]),
    });
  const networks = params.networks?.map((one) => answeredNetwork(one, inventory)) ?? ownNetworks(host, inventory);
  const addresses = insideFirst(networks).flatMap((network) => host.addresses.get(network.name) ?? []);
  if (addresses.length > 0) return { host: name, networks, addresses };
  throw new LabError('PLAN_IMPOSSIBLE', `the resolver "${name}" has no address on which it could answer`, {
    at: inventory.source,
    path: ['params', 'dns', 'resolvers'],
    expected: 'an address on a tunnel or another network that is not public',
    found: `addresses on ${[...host.addresses.keys()].join(', ') || 'no network'}`,
    hint: `give it one: ${name}: { addresses: { vpn: 'auto' } }`,
  });
}

function answeredNetwork(name: string, inventory: Inventory): Network {
  const network = inventory.networks.get(name);
  const problem = (message: string, found: string, hint: string) =>
    new LabError('PLAN_IMPOSSIBLE', message, {
      at: inventory.source,
      path: ['params', 'dns', 'networks'],
      expected: 'networks of the inventory that are not public',
      found,
      hint,
    });
  if (network === undefined)
    throw problem(`there is no network "${name}" to answer`, name, suggestion(name, [...inventory.networks.keys()]));
  if (network.public)
    throw problem(
      `the network "${name}" is public: who answers it is an open resolver`,
      'a network with public: true',
      'an open resolver is found within hours, and used to attack others (RFC 5358)',
    );
  return network;
}

/** Those of a host that are not public. */
export function ownNetworks(host: Pick<Host, 'addresses'>, inventory: Inventory): readonly Network[] {
  return [...host.addresses.keys()].flatMap((name) => {
    const network = inventory.networks.get(name);
    return network === undefined || network.public ? [] : [network];
  });
}

function insideFirst(networks: readonly Network[]): readonly Network[] {
  return networks.toSorted((a, b) => Number(b.tunnel) - Number(a.tunnel));
}

/** What a name of a host or device leads to: its addresses on tunnels, and without any those on networks that are not public. */
export function insideAddresses(member: Pick<Host, 'addresses'>, inventory: Inventory): readonly string[] {
  const networks = ownNetworks(member, inventory);
  const tunnels = networks.filter(({ tunnel }) => tunnel);
  return (tunnels.length > 0 ? tunnels : networks).flatMap(({ name }) => member.addresses.get(name) ?? []);
}

/** Where a host asks a resolver: itself on loopback, else on a network that both are on; tunnels come first. */
export function askedAt(host: Host, resolver: Resolver, inventory: Inventory): string | undefined {
  if (host.name === resolver.host) return '127.0.0.1';
  const addresses = inventory.hosts.get(resolver.host)?.addresses;
  return insideFirst(resolver.networks)
    .filter(({ name }) => host.addresses.has(name))
    .flatMap(({ name }) => addresses?.get(name) ?? [])
    .toSorted((a, b) => Number(a.includes(':')) - Number(b.includes(':')))
    .at(0);
}
