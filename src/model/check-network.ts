import ipaddr from 'ipaddr.js';
import { addressesIn, auto } from './addresses-input.ts';
import type { InventoryInput } from './input.ts';
import {
  type Address,
  contains,
  formatAddress,
  formatPrefix,
  networkOf,
  overlap,
  type Prefix,
  parseAddress,
  parsePrefix,
  reservedAs,
} from './ip-address.ts';
import { type DocumentPath, itemsAt, type Problem } from './problems.ts';

type Placed<T> = { readonly value: T; readonly owner: string; readonly path: DocumentPath };

/** Prefixes and addresses: malformed, overlapping, outside their network, used twice. */
export function checkNetworks(input: InventoryInput): Problem[] {
  const problems: Problem[] = [];
  const prefixes: Placed<Prefix>[] = [];
  for (const [owner, network] of Object.entries(input.networks ?? {})) {
    const items = itemsAt(network.prefixes, ['networks', owner, 'prefixes']);
    if (items.length === 0) {
      problems.push({
        message: 'a network needs at least one prefix',
        path: ['networks', owner, 'prefixes'],
        expected: 'a prefix such as 10.77.1.0/24',
        found: '[]',
      });
    }
    for (const { item, path } of items) {
      const value = parsePrefix(item);
      const problem = problemOfPrefix(item, value, path) ?? problemOfOverlap(value, owner, path, prefixes);
      if (problem !== undefined) problems.push(problem);
      else if (value !== undefined) prefixes.push({ value, owner, path });
    }
  }
  const used = new Map<string, string>();
  for (const { name, network, value, path } of addressesIn(input)) {
    if (value === auto) problems.push(...problemsOfAuto(network, path, input));
    else {
      const mine = prefixes.filter(({ owner }) => owner === network).map(({ value }) => value);
      for (const { item, path: at } of itemsAt(value, path))
        problems.push(...problemsOfAddress(item, at, name, network, mine, used));
    }
  }
  return problems;
}

/** Where there are wires, somebody else says which address a machine has. */
function problemsOfAuto(name: string, path: DocumentPath, { networks = {} }: InventoryInput): Problem[] {
  const network = Object.hasOwn(networks, name) ? networks[name] : undefined;
  if (network === undefined || network.tunnel === true) return [];
  return [
    {
      message: `no address is assigned on the network "${name}", which is no tunnel`,
      path,
      expected: 'an address, or a network with tunnel: true',
      found: auto,
      hint: 'write the address that it has there',
    },
  ];
}

function problemOfPrefix(text: string, prefix: Prefix | undefined, path: DocumentPath): Problem | undefined {
  if (prefix === undefined) {
    const alone = parseAddress(text);
    const hint =
      alone === undefined ? undefined : `write the length too, as in ${text}/${alone.kind() === 'ipv4' ? 24 : 64}`;
    return {
      message: 'this is no prefix',
      path,
      expected: 'an address and a length, such as 10.77.1.0/24 or fd00:77::/64',
      found: text,
      hint,
    };
  }
  const exact = formatPrefix(networkOf(prefix));
  if (formatPrefix(prefix) !== exact)
    return { message: 'this prefix has bits set beyond its length', path, expected: exact, found: text };
  if (overlap(prefix, ipv4Mapped) && prefix.bits > 0) return problemOfMapped(text, path);
  if (prefix.bits > 0) return undefined;
  return {
    message: 'this prefix is every address there is',
    path,
    expected: 'the addresses of one network',
    found: text,
    hint: 'whoever is outside is called internet: { from: "internet", … }',
  };
}

/** IPv4 written as IPv6 (RFC 4291, 2.5.5.2), which no packet on a wire has: a rule for it would never match. */
const ipv4Mapped = networkOf({ network: ipaddr.IPv6.parse('::ffff:0:0'), bits: 96 });

function problemOfMapped(text: string, path: DocumentPath): Problem {
  const address = parseAddress(text);
  const plain = address instanceof ipaddr.IPv6 ? address.toIPv4Address().toString() : undefined;
  return {
    message: 'this is an IPv4 address in the form of an IPv6 address, which no packet has',
    path,
    expected: plain ?? 'IPv4 as it is written: 10.77.1.0/24',
    found: text,
  };
}

function problemOfOverlap(
  prefix: Prefix | undefined,
  owner: string,
  path: DocumentPath,
  earlier: readonly Placed<Prefix>[],
): Problem | undefined {
  if (prefix === undefined) return undefined;
  const other = earlier.find(({ value }) => overlap(value, prefix));
  if (other === undefined) return undefined;
  const whose = other.owner === owner ? 'the same network' : `the network "${other.owner}"`;
  return {
    message: `this prefix overlaps one of ${whose}`,
    path,
    expected: 'prefixes that share no address',
    found: `${formatPrefix(prefix)} and ${formatPrefix(other.value)}`,
  };
}

function problemsOfAddress(
  text: string,
  path: DocumentPath,
  owner: string,
  network: string,
  prefixes: readonly Prefix[],
  used: Map<string, string>,
): Problem[] {
  const address = parseAddress(text);
  if (address === undefined) {
    return [
      {
        message: 'this is no IP address',
        path,
        expected: 'an address such as 10.77.1.10 or fd00:77::10',
        found: text,
        hint: hintForAddress(text),
      },
    ];
  }
  if (contains(ipv4Mapped, address)) return [problemOfMapped(text, path)];
  const key = formatAddress(address);
  const other = used.get(key);
  if (other !== undefined) {
    return [
      {
        message: `this address is used twice`,
        path,
        expected: 'an address of its own',
        found: `${key}, which "${other}" has already`,
      },
    ];
  }
  used.set(key, owner);
  return problemsOfPlace(address, path, network, prefixes);
}

function problemsOfPlace(
  address: Address,
  path: DocumentPath,
  network: string,
  prefixes: readonly Prefix[],
): Problem[] {
  if (prefixes.length === 0) return [];
  const found = formatAddress(address);
  const home = prefixes.find((prefix) => contains(prefix, address));
  if (home === undefined) {
    return [
      {
        message: `this address is outside the network "${network}"`,
        path,
        expected: `an address in ${prefixes.map(formatPrefix).join(' or ')}`,
        found,
      },
    ];
  }
  const role = reservedAs(home, address);
  if (role === undefined) return [];
  return [
    {
      message: `this is the ${role} address of ${formatPrefix(home)}, which nobody can have`,
      path,
      expected: 'an address between network and broadcast address',
      found,
    },
  ];
}

function hintForAddress(text: string): string | undefined {
  if (text.toLowerCase() === auto)
    return 'an address is assigned where the whole value is the word auto, as in vpn: auto';
  if (text.includes('/')) return 'leave the length out: it belongs to the network';
  return /^0\d|\.0\d/.test(text) ? 'leave out leading zeros: some programs read them as octal' : undefined;
}
