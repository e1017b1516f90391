import type { Host, Inventory } from '../../src/index.ts';
import { LabError } from '../../src/index.ts';
import { contains, overlap, parseAddress, parsePrefix } from '../../src/model/ip-address.ts';
import { isReachedByTunnel, leavesByTunnel } from './internet.ts';
import { type Params, portOf, params as schema } from './params.ts';
import { linkLocalOf } from './probe-address.ts';

const defaults = schema.parse({});

/** One end of a tunnel as the model has it. */
export interface Member {
  readonly host: string;
  /** Its addresses inside, without a prefix length. */
  readonly addresses: readonly string[];
  /** Prefixes behind it. */
  readonly sites: readonly string[];
  readonly gateway: boolean;
}

/** What one member says of another in its configuration, but for the keys. */
export interface Peer {
  readonly name: string;
  /** What may come from it and is sent to it; each prefix belongs to one peer. */
  readonly allowedIps: readonly string[];
  /** The address, or name, where this member can dial it. */
  readonly dial: string | null;
  /** Its first interface and port. */
  readonly base: Pick<Params, 'interface' | 'port'>;
  /** Seconds; 0 is never. */
  readonly keepalive: number;
  readonly isDevice: boolean;
}

/** How the tunnel looks from one host. */
export interface Tunnel {
  /** Its own, without a prefix length: what is inside is reached by routes. */
  readonly addresses: readonly string[];
  readonly peers: readonly Peer[];
  /** Whether anybody dials this host. */
  readonly listens: boolean;
  /** Whether this host carries what others send each other. */
  readonly forwards: boolean;
  /** The peer through which this host talks with the internet, be it that it leaves so or only answers; null by its own line. */
  readonly internet: string | null;
}

/**
 * Compiles the model to the tunnel of one host: who its peers are, what belongs to each, and who dials whom. Pure, and from
 * the whole inventory: a host that a run does not select keeps its place.
 *
 * A gateway is dialled by everybody. With several, the first in the inventory carries what members send each other, and the
 * devices; the others carry what is for themselves and their sites.
 *
 * @throws LabError PLAN_IMPOSSIBLE when the model has no such tunnel, or nobody can be dialled
 */
export function tunnelOf(host: Host, inventory: Inventory, params: Params): Tunnel {
  const prefixes = tunnelPrefixes(inventory, params);
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
      hint: "a server with the address 203.0.113.10: networks: { public: { prefixes: '203.0.113.10/32', public: true } }, and addresses: { public: '203.0.113.10' } for the host; without a server, name one that the others reach: params: { wireguard: { gateways: ['nas'] } }",
    });
  refuseOverlaps(members, prefixes);
  const [first] = gateways;
  const byTunnel = leavesByTunnel(host);
  if (byTunnel && self.gateway)
    throw new LabError(
      'PLAN_IMPOSSIBLE',
      `${host.name} is a gateway: there is no tunnel through which it could leave`,
      {
        expected: "params.firewall.internet: 'direct' for those that the others dial",
        found: "internet: 'tunnel'",
        host: host.name,
      },
    );
  const peers = self.gateway
    ? peersOfGateway(self, members, inventory, params)
    : peersOfSpoke(self, members, prefixes, inventory, params);
  return {
    addresses: self.addresses,
    peers: peers.map((peer) => ({ ...peer, allowedIps: withoutOwnNetworks(peer.allowedIps, host, inventory) })),
    listens: self.gateway || params.topology === 'mesh' || params.listen,
    forwards: self.gateway || self.sites.length > 0,
    internet: byTunnel || (!self.gateway && isReachedByTunnel(host, inventory)) ? (first?.host ?? null) : null,
  };
}

/** @throws LabError PLAN_IMPOSSIBLE when the inventory has no such tunnel */
export function tunnelPrefixes(inventory: Inventory, params: Pick<Params, 'network'>): readonly string[] {
  const network = inventory.networks.get(params.network);
  if (network?.tunnel === true) return network.prefixes;
  throw new LabError('PLAN_IMPOSSIBLE', `the inventory has no tunnel "${params.network}"`, {
    expected: `networks: { ${params.network}: { prefixes: '10.80.0.0/24', tunnel: true } }`,
    found: network === undefined ? 'no network of that name' : 'a network without tunnel: true',
    hint: 'declare it, give each member an address on it, or name another one with the parameter "network"',
  });
}

/** Hosts with an address on the tunnel. */
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

/** Devices with an address on the tunnel: name → addresses. */
export function devicesOf(
  inventory: Inventory,
  params: Pick<Params, 'network'>,
): ReadonlyMap<string, readonly string[]> {
  return new Map(
    [...inventory.devices.values()].flatMap((device): [string, readonly string[]][] => {
      const addresses = device.addresses.get(params.network);
      return addresses === undefined ? [] : [[device.name, addresses]];
    }),
  );
}

/** The gateway that devices dial. */
export function deviceGateway(inventory: Inventory, params: Params): string | undefined {
  return membersOf(inventory, params).find(({ gateway }) => gateway)?.host;
}

function peersOfGateway(self: Member, members: readonly Member[], inventory: Inventory, params: Params): Peer[] {
  const first = members.find(({ gateway }) => gateway);
  const devices = [...devicesOf(inventory, params)];
  const deviceAddresses = devices.flatMap(([, addresses]) => addresses.map(alone));
  const hosts = members
    .filter((member) => member !== self)
    .map((member) => ({
      name: member.host,
      // The others find the devices behind the gateway that they dial.
      allowedIps: [...ownPrefixes(member), ...(member === first ? deviceAddresses : [])],
      dial: member.gateway ? publicAddress(member, inventory) : null,
      base: baseOf(member.host, self.host, inventory, params),
      keepalive: 0,
      isDevice: false,
    }));
  if (self !== first) return hosts;
  return [
    ...hosts,
    ...devices.map(([name, addresses]) => ({
      name,
      allowedIps: addresses.map(alone),
      dial: null,
      base: baseOf(name, self.host, inventory, params),
      keepalive: 0,
      isDevice: true,
    })),
  ];
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
      name: gateway.host,
      allowedIps:
        index === 0
          ? [...prefixes, ...gateway.sites, ...viaFirst, `${linkLocalOf(gateway.host)}/128`]
          : ownPrefixes(gateway),
      dial: publicAddress(gateway, inventory),
      base: baseOf(gateway.host, self.host, inventory, params),
      keepalive: params.keepalive,
      isDevice: false,
    })),
    ...direct.map((member) => ({
      name: member.host,
      allowedIps: ownPrefixes(member),
      dial: commonNetwork(self, member, inventory, params) ?? null,
      base: baseOf(member.host, self.host, inventory, params),
      keepalive: 0,
      isDevice: false,
    })),
  ];
}

function ownPrefixes({ host, addresses, sites }: Member): string[] {
  return [...addresses.map(alone), ...sites, `${linkLocalOf(host)}/128`];
}

/** The prefix that holds this address alone. */
export function alone(address: string): string {
  return `${address}/${address.includes(':') ? 128 : 32}`;
}

/**
 * Hosts may have a first interface or port of their own. What a play gives wins over that, and a play gives the same to all: it
 * has given something when this host's own value is not what the inventory has.
 */
function baseOf(host: string, self: string, inventory: Inventory, params: Params): Peer['base'] {
  const given = (name: string) => inventory.hosts.get(name)?.params.get('wireguard') ?? {};
  const settingOf = <Name extends keyof Peer['base']>(name: Name): Params[Name] => {
    const isOwn = given(self)[name] === params[name];
    const other = given(host)[name] as Params[Name] | undefined;
    return other === undefined ? (isOwn ? defaults[name] : params[name]) : other;
  };
  return { interface: settingOf('interface'), port: settingOf('port') };
}

function publicAddress({ host }: Member, inventory: Inventory): string | null {
  const given = inventory.hosts.get(host)?.params.get('wireguard')?.endpoint;
  if (typeof given === 'string') return given;
  const { addresses } = inventory.hosts.get(host) ?? { addresses: new Map<string, readonly string[]>() };
  const open = [...addresses].find(([name]) => inventory.networks.get(name)?.public === true)?.[1][0];
  const other = [...addresses].find(([name]) => inventory.networks.get(name)?.tunnel !== true)?.[1][0];
  return open ?? other ?? null;
}

/** Where devices dial a gateway: `203.0.113.10:51820`. */
export function endpointOf(host: string, interfaceName: string, inventory: Inventory, params: Params): string | null {
  const member = membersOf(inventory, params).find((one) => one.host === host);
  const address = member === undefined ? null : publicAddress(member, inventory);
  return address === null ? null : endpoint(address, portOf(params, interfaceName));
}

/** The other's address on a network that both have a wire to. */
function commonNetwork(self: Member, other: Member, inventory: Inventory, params: Params): string | undefined {
  const mine = inventory.hosts.get(self.host)?.addresses ?? new Map<string, readonly string[]>();
  const theirs = inventory.hosts.get(other.host)?.addresses ?? new Map<string, readonly string[]>();
  for (const [name, addresses] of theirs)
    if (name !== params.network && mine.has(name) && inventory.networks.get(name)?.tunnel !== true) return addresses[0];
  return undefined;
}

/** `192.0.2.1:51820`, `[2001:db8::1]:51820` */
export function endpoint(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** A host that stands in a site itself reaches it by its own wire, not through the tunnel. */
function withoutOwnNetworks(prefixes: readonly string[], host: Host, inventory: Inventory): string[] {
  const wired = [...host.addresses]
    .filter(([name]) => inventory.networks.get(name)?.tunnel !== true)
    .flatMap(([, addresses]) => addresses.flatMap((address) => parseAddress(address) ?? []));
  return prefixes.filter((text) => {
    const prefix = parsePrefix(text);
    return prefix === undefined || !wired.some((address) => contains(prefix, address));
  });
}

/** An allowed prefix has one owner: the kernel gives it to the peer that was told last. */
function refuseOverlaps(members: readonly Member[], prefixes: readonly string[]): void {
  const taken = prefixes.map((text) => ({ text, owner: 'the tunnel itself' }));
  for (const { host, sites } of members)
    for (const site of sites) {
      const prefix = parsePrefix(site);
      if (prefix === undefined)
        throw new LabError('PLAN_IMPOSSIBLE', `the site "${site}" of ${host} is no prefix`, {
          expected: 'an address and a length, such as 10.9.0.0/16',
          found: site,
          hint: `params.wireguard.sites of ${host}`,
        });
      const other = taken.find(({ text }) => {
        const earlier = parsePrefix(text);
        return earlier !== undefined && overlap(earlier, prefix);
      });
      if (other !== undefined)
        throw new LabError('PLAN_IMPOSSIBLE', `the prefix ${site} belongs to two in the tunnel`, {
          expected: 'prefixes that share no address: each has one owner in a tunnel',
          found: `${site} behind ${host}, ${other.text} of ${other.owner}`,
        });
      taken.push({ text: site, owner: host });
    }
}
