import type { Host, Inventory } from '../../src/index.ts';
import { LabError } from '../../src/index.ts';
import type { Params } from './params.ts';

/** One end of a tunnel as the model has it. */
export interface Member {
  readonly host: string;
  /** Its addresses inside, without a prefix length. */
  readonly addresses: readonly string[];
  /** Prefixes behind it. */
  readonly sites: readonly string[];
  readonly gateway: boolean;
}

/** What one member says of another in its configuration, but for the key. */
export interface Peer {
  readonly host: string;
  /** What may come from it and is sent to it; each prefix belongs to one peer. */
  readonly allowedIps: readonly string[];
  /** `address:port`, where this member can dial it. */
  readonly endpoint: string | null;
  /** Seconds; 0 is never. */
  readonly keepalive: number;
}

/** How the tunnel looks from one host. */
export interface Tunnel {
  /** With the network's prefix length: `10.80.0.1/24`. */
  readonly addresses: readonly string[];
  readonly peers: readonly Peer[];
  /** Whether anybody dials this host. */
  readonly listens: boolean;
  /** Whether this host carries what others send each other. */
  readonly forwards: boolean;
}

/**
 * Compiles the model to the tunnel of one host: who its peers are, what belongs to each, and who dials whom. Pure, and from
 * the whole inventory: a host that a run does not select keeps its place.
 *
 * A gateway is dialled by everybody. With several, the first in the inventory carries what members send each other; the
 * others carry what is for themselves and their sites.
 *
 * @throws LabError PLAN_IMPOSSIBLE when the model has no such tunnel, or nobody can be dialled
 */
export function tunnelOf(host: Host, inventory: Inventory, params: Params): Tunnel {
  const network = inventory.networks.get(params.network);
  if (network === undefined || !network.tunnel)
    throw new LabError('PLAN_IMPOSSIBLE', `the inventory has no tunnel "${params.network}"`, {
      expected: `networks: { ${params.network}: { prefixes: '10.80.0.0/24', tunnel: true } }`,
      found: network === undefined ? 'no network of that name' : 'a network without tunnel: true',
      hint: 'declare it, give each member an address on it, or name another one with the parameter "network"',
    });
  const members = membersOf(inventory, params);
  const self = members.find((member) => member.host === host.name);
  if (self === undefined)
    throw new LabError('PLAN_IMPOSSIBLE', `${host.name} has no address on the tunnel "${params.network}"`, {
      expected: `addresses: { ${params.network}: '…' } in the inventory`,
      found: 'none',
      hint: 'give the host an address, or leave it out of the play',
    });
  const gateways = members.filter(({ gateway }) => gateway);
  if (gateways.length === 0)
    throw new LabError('PLAN_IMPOSSIBLE', `nobody in the tunnel "${params.network}" can be dialled`, {
      expected: 'a member with an address on a public network, or the parameter gateways',
      found: `members ${members.map((member) => member.host).join(', ')}`,
    });
  refuseOverlaps(members);
  return {
    addresses: self.addresses.map((address) => `${address}/${lengthFor(address, network.prefixes)}`),
    peers: self.gateway
      ? peersOfGateway(self, members, inventory, params)
      : peersOfSpoke(self, members, network.prefixes, inventory, params),
    listens: self.gateway || params.topology === 'mesh',
    forwards: self.gateway || self.sites.length > 0,
  };
}

export function membersOf(inventory: Inventory, params: Params): readonly Member[] {
  const isPublic = (host: Host) =>
    [...host.addresses.keys()].some((name) => inventory.networks.get(name)?.public === true);
  return [...inventory.hosts.values()].flatMap((host) => {
    const addresses = host.addresses.get(params.network);
    if (addresses === undefined) return [];
    const gateway = params.gateways === undefined ? isPublic(host) : params.gateways.includes(host.name);
    const sites = host.params.get('wireguard')?.sites;
    return [{ host: host.name, addresses, sites: Array.isArray(sites) ? (sites as string[]) : [], gateway }];
  });
}

function peersOfGateway(self: Member, members: readonly Member[], inventory: Inventory, params: Params): Peer[] {
  return members
    .filter((member) => member !== self)
    .map((member) => ({
      host: member.host,
      allowedIps: ownPrefixes(member),
      endpoint: member.gateway ? publicEndpoint(member, inventory, params) : null,
      keepalive: 0,
    }));
}

function peersOfSpoke(
  self: Member,
  members: readonly Member[],
  prefixes: readonly string[],
  inventory: Inventory,
  params: Params,
): Peer[] {
  const gateways = members.filter(({ gateway }) => gateway);
  const direct =
    params.topology === 'mesh'
      ? members.filter(
          (member) =>
            !member.gateway && member !== self && commonNetwork(self, member, inventory, params) !== undefined,
        )
      : [];
  // What belongs to no other peer goes through the first gateway.
  const viaFirst = members
    .filter((member) => member !== self && !member.gateway && !direct.includes(member))
    .flatMap(({ sites }) => sites);
  return [
    ...gateways.map((gateway, index) => ({
      host: gateway.host,
      allowedIps: index === 0 ? [...prefixes, ...gateway.sites, ...viaFirst] : ownPrefixes(gateway),
      endpoint: publicEndpoint(gateway, inventory, params),
      keepalive: params.keepalive,
    })),
    ...direct.map((member) => ({
      host: member.host,
      allowedIps: ownPrefixes(member),
      endpoint: bracketed(commonNetwork(self, member, inventory, params) ?? '', params.port),
      keepalive: 0,
    })),
  ];
}

function ownPrefixes({ addresses, sites }: Member): string[] {
  return [...addresses.map((address) => `${address}/${address.includes(':') ? 128 : 32}`), ...sites];
}

function publicEndpoint({ host }: Member, inventory: Inventory, params: Params): string | null {
  const { addresses } = inventory.hosts.get(host) ?? { addresses: new Map<string, readonly string[]>() };
  const open = [...addresses].find(([name]) => inventory.networks.get(name)?.public === true)?.[1][0];
  const other = [...addresses].find(([name]) => inventory.networks.get(name)?.tunnel !== true)?.[1][0];
  const address = open ?? other;
  return address === undefined ? null : bracketed(address, params.port);
}

/** The other's address on a network that both have a wire to. */
function commonNetwork(self: Member, other: Member, inventory: Inventory, params: Params): string | undefined {
  const mine = inventory.hosts.get(self.host)?.addresses ?? new Map<string, readonly string[]>();
  const theirs = inventory.hosts.get(other.host)?.addresses ?? new Map<string, readonly string[]>();
  for (const [name, addresses] of theirs)
    if (name !== params.network && mine.has(name) && inventory.networks.get(name)?.tunnel !== true) return addresses[0];
  return undefined;
}

function bracketed(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function lengthFor(address: string, prefixes: readonly string[]): string {
  const isV6 = address.includes(':');
  const prefix = prefixes.find((each) => each.includes(':') === isV6);
  return prefix?.split('/')[1] ?? (isV6 ? '128' : '32');
}

/** An allowed prefix has one owner: the kernel gives it to the peer that was told last. */
function refuseOverlaps(members: readonly Member[]): void {
  const owners = new Map<string, string>();
  for (const { host, sites } of members)
    for (const site of sites) {
      const other = owners.get(site);
      if (other !== undefined)
        throw new LabError('PLAN_IMPOSSIBLE', `the prefix ${site} is behind two hosts`, {
          expected: 'one owner for each prefix in a tunnel',
          found: `${other} and ${host}`,
        });
      owners.set(site, host);
    }
}
