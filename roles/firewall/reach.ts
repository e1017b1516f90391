import type { Inventory } from '../../src/index.ts';
import { AddressSet } from './address-set.ts';
import { hasPort } from './evaluate.ts';
import { hostSide, internet, type Permit, type Side } from './permit.ts';
import type { Policy } from './policy.ts';

/** Who could begin to talk, or be talked to: the rows and columns of the matrix. */
export interface Party {
  readonly kind: 'internet' | 'network' | 'device' | 'host';
  readonly name: string;
  readonly side: Side;
}

/** That one party may reach another, and by what. */
export interface Opening {
  readonly from: Party;
  readonly to: Party;
  readonly permit: Permit;
}

/**
 * Everybody that the inventory knows: the internet, whoever else is on a network with wires, devices and hosts. Members of a
 * tunnel are all known: it has nobody else.
 */
export function partiesOf(inventory: Inventory): readonly Party[] {
  const hosts = [...inventory.hosts.keys()].map(
    (name): Party => ({ kind: 'host', name, side: hostSide(name, inventory) }),
  );
  const devices = [...inventory.devices.values()].map(
    ({ name, addresses }): Party => ({
      kind: 'device',
      name,
      side: { name, hosts: new Set(), who: 'addresses', addresses: AddressSet.of([...addresses.values()].flat()) },
    }),
  );
  const known = AddressSet.union([...hosts, ...devices].map(({ side }) => side.addresses));
  const networks = [...inventory.networks.values()]
    .filter((network) => !network.public && !network.tunnel)
    .map(({ name, prefixes }): Party => {
      const addresses = AddressSet.of(prefixes).without(known);
      return { kind: 'network', name, side: { name, hosts: new Set(), who: 'addresses', addresses } };
    });
  return [{ kind: 'internet', name: 'internet', side: internet }, ...networks, ...devices, ...hosts];
}

/** Everything that the policy opens, by who to whom. */
export function openingsOf(policy: Policy, inventory: Inventory): Opening[] {
  const parties = partiesOf(inventory);
  return policy.permits.flatMap((permit) =>
    parties
      .filter(({ name, side }) => name !== permit.via && includes(permit.from, side, policy.inside))
      .flatMap((from) =>
        parties
          .filter((to) => to.name !== from.name && includes(permit.to, to.side, policy.known))
          .map((to) => ({ from, to, permit })),
      ),
  );
}

function includes(side: Side, party: Side, inside: AddressSet): boolean {
  if (side.who === 'anyone') return true;
  if (party.who === 'internet') return side.who === 'internet';
  if (side.who === 'internet') return !inside.covers(party.addresses);
  return side.addresses.overlaps(party.addresses);
}

/** The openings that lead through this port. */
export function throughPort(openings: readonly Opening[], port: number, protocol: 'tcp' | 'udp'): Opening[] {
  return openings.filter(
    ({ permit }) => (permit.protocol === 'any' || permit.protocol === protocol) && hasPort(permit.ports, port),
  );
}
