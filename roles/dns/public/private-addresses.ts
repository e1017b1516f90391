import type { Inventory } from '../../../src/index.ts';
import { canonicalAddress, parseAddress, parsePrefix } from '../../../src/model/ip-address.ts';
import { AddressSet } from '../../firewall/address-set.ts';
import { insideOf } from '../../firewall/policy.ts';
import type { RecordType } from './record-set.ts';

/**
 * What a record would tell of the inside or of a home, in words; undefined when nothing: an address that is on no public network,
 * one under which a host at home is reached, or a name of such a one. Pure.
 *
 * @param text as declared
 * @param value the same in its canonical form
 */
export function leakIn(type: RecordType, text: string, value: string, inventory: Inventory): string | undefined {
  const homes = homesOf(inventory);
  const home = (where: string) => {
    const host = homes.get(where);
    return host === undefined ? undefined : `where ${host} is reached, which has no public network`;
  };
  if (type === 'A' || type === 'AAAA') return home(value) ?? insider(value, inventory);
  if (type === 'TXT') {
    // SPF (RFC 7208, 5.6) names addresses in plain text.
    const named = [...text.matchAll(/\bip[46]:([0-9a-fA-F.:]+(?:\/\d+)?)/g)].map(([, address = '']) => address);
    return named.map((address) => home(canonicalAddress(address)) ?? insider(address, inventory)).find(Boolean);
  }
  if (type === 'CAA') return undefined;
  return home(value.split(' ').at(-1)?.replace(/\.$/, '') ?? '');
}

function insider(text: string, inventory: Inventory): string | undefined {
  if (parseAddress(text) === undefined && parsePrefix(text) === undefined) return undefined;
  const inside = insideOf(inventory);
  return AddressSet.of([text]).without(inside).isEmpty ? `${text}, which is not public` : undefined;
}

/** Address or name → host, where that is no host on a public network: what a router at home has, or a name that follows it. */
function homesOf(inventory: Inventory): ReadonlyMap<string, string> {
  return new Map(
    [...inventory.hosts.values()]
      .filter(({ addresses }) => ![...addresses.keys()].some((name) => inventory.networks.get(name)?.public === true))
      .flatMap(({ name, connection }) => {
        const all = [connection, ...(connection.fallback ?? [])].flatMap(({ address }) => address ?? []);
        return all.map((address) => [canonicalAddress(address).toLowerCase(), name] as const);
      }),
  );
}
