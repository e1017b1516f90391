import type { Inventory, Network } from '../../src/index.ts';
import { resolversOf } from '../dns/private/resolvers.ts';
import { AddressSet } from './address-set.ts';
import type { Permit, Side } from './permit.ts';

/** What the resolvers of an inventory need: that the networks which they answer may ask them, where they listen. */
export function namesPermits(inventory: Inventory): Permit[] {
  // The same side is part of many permits.
  const sides = new Map<string, Side>();
  const sideOf = (network: Network) => {
    const side = sides.get(network.name) ?? networkSide(network, inventory);
    sides.set(network.name, side);
    return side;
  };
  return resolversOf(inventory).flatMap(({ host, networks, addresses }) => {
    const to: Side = { name: host, hosts: new Set([host]), who: 'addresses', addresses: AddressSet.of(addresses) };
    return networks.flatMap((network) =>
      (['udp', 'tcp'] as const).map((protocol): Permit => {
        const ports = [{ first: 53, last: 53 }];
        return { from: sideOf(network), to, protocol, ports, reason: 'names', origin: { kind: 'names' } };
      }),
    );
  });
}

function networkSide({ name, prefixes }: Network, { hosts }: Inventory): Side {
  const members = [...hosts.values()].filter(({ addresses }) => addresses.has(name));
  const names = new Set(members.map((host) => host.name));
  return { name, hosts: names, who: 'addresses', addresses: AddressSet.of(prefixes) };
}
