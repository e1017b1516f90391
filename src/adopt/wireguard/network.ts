import {
  addressAt,
  canonicalAddress,
  contains,
  formatPrefix,
  networkOf,
  overlap,
  type Prefix,
  parseAddress,
  parsePrefix,
} from '../../model/ip-address.ts';
import type { Inventory, Network } from '../../model/types.ts';
import type { Member } from './members.ts';

/** The network of a tunnel: one of the inventory, or a new one. */
export interface TunnelNetwork {
  readonly name: string;
  readonly prefixes: readonly string[];
  readonly isNew: boolean;
}

/** Addresses of a member on its interface, without a length. */
export function ownAddresses({ running }: Member): string[] {
  return running.addresses.map((text) => canonicalAddress(text.split('/')[0] ?? ''));
}

/** Prefixes with exactly one address: `10.80.0.50` of `10.80.0.50/32`. */
export function singleAddresses(prefixes: readonly string[]): string[] {
  return prefixes.flatMap((text) => {
    const prefix = parsePrefix(text);
    return prefix !== undefined && isSingle(prefix) ? [canonicalAddress(text.split('/')[0] ?? '')] : [];
  });
}

/** The network that all addresses lie in: by what the interfaces and their peers say, or the smallest that holds them. */
export function networkOfTunnel(members: readonly Member[], inventory: Inventory): TunnelNetwork {
  const own = members.flatMap(ownAddresses);
  const said = members.flatMap(({ running }) => [
    ...running.addresses,
    ...running.peers.flatMap(({ allowedIps }) => allowedIps),
  ]);
  const prefixes = (['ipv4', 'ipv6'] as const).flatMap((family) => {
    const mine = own.flatMap((text) => parseAddress(text) ?? []).filter((address) => address.kind() === family);
    if (mine.length === 0) return [];
    const candidates = said
      .flatMap((text) => parsePrefix(text) ?? [])
      .map(networkOf)
      .filter((prefix) => prefix.bits > 0 && !isSingle(prefix) && mine.every((address) => contains(prefix, address)))
      .sort((a, b) => b.bits - a.bits);
    const [best = around(mine)] = candidates;
    return [formatPrefix(best)];
  });
  const declared = [...inventory.networks.values()].find((network) => network.tunnel && overlaps(network, prefixes));
  if (declared !== undefined) return { name: declared.name, prefixes: declared.prefixes, isNew: false };
  return { name: freeName('vpn', inventory), prefixes, isNew: true };
}

function isSingle({ network, bits }: Prefix): boolean {
  return bits === (network.kind() === 'ipv4' ? 32 : 128);
}

function overlaps({ prefixes }: Network, others: readonly string[]): boolean {
  return prefixes.some((text) =>
    others.some((other) => {
      const [a, b] = [parsePrefix(text), parsePrefix(other)];
      return a !== undefined && b !== undefined && overlap(a, b);
    }),
  );
}

/** The smallest network of at most /24 or /64 that holds all of them. */
function around(addresses: readonly Prefix['network'][]): Prefix {
  const [first] = addresses;
  if (first === undefined) throw new TypeError('no address');
  for (let bits = first.kind() === 'ipv4' ? 24 : 64; bits > 0; bits--) {
    const prefix = networkOf({ network: first, bits });
    if (addresses.every((address) => contains(prefix, address))) return prefix;
  }
  return { network: addressAt({ network: first, bits: 0 }, 0n), bits: 0 };
}

/** Hosts, groups, devices, networks and services share their names. */
export function freeName(wanted: string, inventory: Inventory, taken: ReadonlySet<string> = new Set()): string {
  const { hosts, groups, devices, networks, services } = inventory;
  const isTaken = (name: string) =>
    taken.has(name) ||
    name === 'all' ||
    name === 'internet' ||
    [hosts, groups, devices, networks, services].some((map) => map.has(name));
  if (!isTaken(wanted)) return wanted;
  for (let number = 2; ; number++) if (!isTaken(`${wanted}${number}`)) return `${wanted}${number}`;
}

/** Whether strangers could have it as an address of somebody: it is in no range that is kept for something (RFC 6890). */
export function isGlobal(text: string): boolean {
  return parseAddress(text)?.range() === 'unicast';
}
