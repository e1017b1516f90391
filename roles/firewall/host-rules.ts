import { type Host, type Inventory, LabError, type Network, type PortRange } from '../../src/index.ts';
import { suggestion } from '../../src/shared/suggest.ts';
import { tunnelOf } from '../wireguard/mesh.ts';
import { AddressSet, families } from './address-set.ts';
import { carriedBy, type WayOut, wayOutOf } from './internet/way-out.ts';
import type { Params } from './params.ts';
import type { Permit, Side, Who } from './permit.ts';
import type { Policy } from './policy.ts';
import { tunnelInterfacesOf, tunnelParamsOf } from './tunnel-permits.ts';

/** Addresses that may begin to talk, or be talked to, on these ports. */
export interface Rule {
  /** The others: sources of what comes in, destinations of what goes out. */
  readonly who: Who;
  readonly addresses: AddressSet;
  readonly protocol: Permit['protocol'];
  /** Empty: every port. */
  readonly ports: readonly PortRange[];
  /** Under which of its own addresses the host is asked, or asks; null is every one. */
  readonly at: AddressSet | null;
  /** `internet → photos: friends look at the albums` */
  readonly comment: string;
}

/** What may be forwarded, from one side to another. */
export interface ForwardRule extends Rule {
  readonly to: AddressSet;
}

/** A policy as one host enforces it. */
export interface HostRules {
  readonly host: string;
  readonly input: readonly Rule[];
  readonly output: readonly Rule[];
  /** Between members and sites of the tunnel, where this host carries what others send each other. */
  readonly forward: readonly ForwardRule[];
  /** Ports that this host passes on to another (DNAT), by what they lead to. */
  readonly passedOn: readonly ForwardRule[];
  /** From behind the tunnel to the internet, under this host's own public address. */
  readonly outward: readonly Rule[];
  /** That address, of each family that it has. */
  readonly publicAddresses: readonly string[];
  readonly inside: AddressSet;
  /** Those, and the addresses of hosts of the inventory: what leads to the internet leads to none of them. */
  readonly known: AddressSet;
  /** What comes through the tunnel and from nowhere else: members, devices, sites, and private networks without a wire to here. */
  readonly throughTunnel: AddressSet;
  readonly tunnelInterfaces: readonly string[];
  /** How this host reaches the internet through the tunnel, if that is how it does. */
  readonly wayOut: WayOut | undefined;
  /** Hosts that reach it through this one. */
  readonly carries: readonly string[];
  /** Networks whose packets come in by certain interfaces alone. */
  readonly bound: readonly { readonly addresses: AddressSet; readonly interfaces: readonly string[] }[];
}

/**
 * Compiles the policy for one host. Pure.
 *
 * @throws LabError FIREWALL_POLICY when `interfaces` names a network that the inventory does not have
 */
export function rulesFor(host: Host, policy: Policy, inventory: Inventory, params: Params): HostRules {
  const own = AddressSet.of([...host.addresses.values()].flat());
  const { addresses: behind, forwards } = behindTunnel(host, inventory);
  const direct = policy.permits.filter(({ via }) => via === undefined);
  // The same side is part of many permits.
  const ours = remembered((side) => {
    const part = partOf(side, own, policy.inside);
    return part.covers(own) ? null : part;
  });
  const others = remembered(({ addresses }) => addresses.without(own));
  return {
    host: host.name,
    // No host of the inventory is the internet that a flow leads to.
    input: policy.permits
      .filter(({ to }) => to.who !== 'internet')
      .flatMap((permit) => rule(permit, permit.from, others(permit.from), ours(permit.to))),
    output: direct.flatMap((permit) => rule(permit, permit.to, others(permit.to), ours(permit.from))),
    forward: forwards
      ? direct.flatMap((permit) => {
          const to = permit.to.addresses.within(behind);
          if (permit.from.who !== 'addresses' || to.isEmpty) return [];
          return rule(permit, permit.from, permit.from.addresses.within(behind)).map((one) => ({ ...one, to }));
        })
      : [],
    passedOn: policy.permits.flatMap((permit) =>
      permit.via === host.name
        ? rule(permit, permit.from, permit.from.addresses).map((one) => ({ ...one, to: permit.to.addresses }))
        : [],
    ),
    outward: forwards
      ? direct.flatMap((permit) =>
          permit.to.who === 'internet' && permit.from.who === 'addresses'
            ? rule(permit, permit.from, permit.from.addresses.within(behind))
            : [],
        )
      : [],
    publicAddresses: publicAddressesOf(host, inventory),
    inside: policy.inside,
    known: policy.known,
    throughTunnel: behind.with(unwired(host, inventory)),
    tunnelInterfaces: tunnelInterfacesOf(host, inventory),
    wayOut: wayOutOf(host, inventory, policy, params),
    carries: carriedBy(host, inventory, policy),
    bound: Object.entries(params.interfaces).map(([name, interfaces]) => ({
      addresses: AddressSet.of(networkNamed(name, host, inventory).prefixes),
      interfaces: [interfaces].flat(),
    })),
  };
}

function remembered<Value>(of: (side: Side) => Value): (side: Side) => Value {
  const known = new Map<Side, { readonly value: Value }>();
  return (side) => {
    const before = known.get(side);
    if (before !== undefined) return before.value;
    const value = of(side);
    known.set(side, { value });
    return value;
  };
}

/** Those of these addresses that are on a side. */
function partOf({ who, addresses }: Side, of: AddressSet, inside: AddressSet): AddressSet {
  if (who === 'anyone') return of;
  return who === 'internet' ? of.without(inside) : addresses.within(of);
}

function rule(
  { protocol, ports, reason, from, to }: Permit,
  side: Side,
  addresses: AddressSet,
  at: AddressSet | null = null,
): Rule[] {
  if (at?.isEmpty === true || (side.who === 'addresses' && addresses.isEmpty)) return [];
  return [{ who: side.who, addresses, protocol, ports, at, comment: `${from.name} → ${to.name}: ${reason}` }];
}

function networkNamed(name: string, host: Host, inventory: Inventory): Network {
  const network = inventory.networks.get(name);
  if (network !== undefined) return network;
  throw new LabError('FIREWALL_POLICY', `there is no network "${name}" that ${host.name} could have an interface on`, {
    expected: `one of ${[...inventory.networks.keys()].join(', ')}`,
    found: name,
    hint: suggestion(name, [...inventory.networks.keys()]),
    path: ['params', 'firewall', 'interfaces'],
    host: host.name,
  });
}

function publicAddressesOf(host: Host, inventory: Inventory): string[] {
  const all = [...host.addresses].flatMap(([name, list]) =>
    inventory.networks.get(name)?.public === true ? list : [],
  );
  return families.flatMap((family) => all.find((address) => address.includes(':') === (family === 'ipv6')) ?? []);
}

/** Private networks, seen from a host that is on public ones alone: a packet that says it comes from there by wire is forged. */
function unwired(host: Host, inventory: Inventory): AddressSet {
  const networks = [...inventory.networks.values()].filter(({ tunnel }) => !tunnel);
  const mine = networks.filter(({ name }) => host.addresses.has(name));
  if (mine.length === 0 || mine.some((network) => !network.public)) return AddressSet.empty;
  return AddressSet.of(networks.flatMap((network) => (network.public ? [] : network.prefixes)));
}

/** Everything that is reached through the tunnel of a host, but itself. */
function behindTunnel(
  host: Host,
  inventory: Inventory,
): { readonly addresses: AddressSet; readonly forwards: boolean } {
  const params = tunnelParamsOf(host, inventory);
  if (params === undefined) return { addresses: AddressSet.empty, forwards: false };
  const { peers, addresses, forwards } = tunnelOf(host, inventory, params);
  const allowed = AddressSet.of(peers.flatMap(({ allowedIps }) => allowedIps));
  const network = AddressSet.of(inventory.networks.get(params.network)?.prefixes ?? []);
  return { addresses: allowed.with(network).without(AddressSet.of([...addresses, 'fe80::/10'])), forwards };
}
