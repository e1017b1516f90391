import { paramsFor } from '../../../roles/wireguard/host-params.ts';
import { membersOf } from '../../../roles/wireguard/mesh.ts';
import { contains, formatPrefix, networkOf, overlap, parseAddress, parsePrefix } from '../../model/ip-address.ts';
import type { Inventory } from '../../model/types.ts';
import { LabError } from '../../shared/errors.ts';
import type { Adoption, Entries, Note } from '../entries.ts';
import { withEntries } from '../with-entries.ts';
import { declaredDevices, devicesOf, type FoundDevice, strayPeers } from './devices.ts';
import { differences } from './differences.ts';
import type { FoundTunnel } from './look.ts';
import { chooseMembers, type Member } from './members.ts';
import { freeName, isGlobal, networkOfTunnel, ownAddresses, type TunnelNetwork } from './network.ts';
import { optionNotes } from './options.ts';
import { paramEntries, paramsOfMember, type WantedParams } from './params.ts';

export interface AdoptedTunnel extends Adoption {
  /** Those of the inventory included. */
  readonly devices: readonly FoundDevice[];
  readonly members: readonly Member[];
  /** What the first run changes of what runs, with these entries; without any it only brings its own form in. */
  readonly differences: readonly Note[];
}

/**
 * What the inventory has to hold so that the role wireguard makes of these hosts what they are.
 *
 * @throws LabError PLAN_IMPOSSIBLE when no host has an interface that could be taken
 */
export function adoptTunnels(tunnels: readonly FoundTunnel[], inventory: Inventory, wanted?: string): AdoptedTunnel {
  const { members, notes } = chooseMembers(tunnels, wanted);
  if (members.length === 0) throw nothingToAdopt(notes, wanted);
  const network = networkOfTunnel(members, inventory);
  if (isBegun(tunnels, network, inventory)) return restOf(members, notes, inventory);
  const dials = dialledHosts(members);
  const gateways = gatewaysOf(members, dials);
  const [first] = gateways;
  if (first === undefined) throw new LabError('INTERNAL', 'a tunnel without a gateway');
  const { devices, notes: ofDevices } = devicesOf(first, members, network, inventory);
  const places = placesOf(gateways, dials, inventory);
  const params = new Map(
    members.map((member): [string, WantedParams] => [
      member.host,
      {
        ...(network.name === 'vpn' ? {} : { network: network.name }),
        ...paramsOfMember(member, gateways.includes(member)),
        topology: isMesh(members, gateways) ? 'mesh' : undefined,
        sites: sitesOf(member, first, members, network),
        endpoint: places.endpoints.get(member.host),
      },
    ]),
  );
  const draft = entriesOf(members, network, devices, places, paramEntries(params, inventory), inventory);
  const entries = withGateways(draft, gateways, inventory);
  return {
    entries,
    devices,
    members,
    notes: [
      ...notes,
      ...ofDevices,
      ...strayPeers(members, first, inventory, network),
      ...places.notes,
      ...optionNotes(members, devices),
    ],
    differences: differences(members, withEntries(inventory, entries)),
  };
}

/** The role has other hosts of the tunnel: the inventory describes all of it by now, these included. */
function isBegun(tunnels: readonly FoundTunnel[], network: TunnelNetwork, { hosts }: Inventory): boolean {
  return tunnels.some(({ host, isOurs }) => isOurs && hosts.get(host)?.addresses.has(network.name));
}

function restOf(members: readonly Member[], notes: readonly Note[], inventory: Inventory): AdoptedTunnel {
  const devices = declaredDevices(members, inventory);
  return {
    entries: {},
    devices,
    members,
    notes: [...notes, ...optionNotes(members, devices)],
    differences: differences(members, inventory),
  };
}

function nothingToAdopt(notes: readonly Note[], wanted: string | undefined): LabError {
  return new LabError('PLAN_IMPOSSIBLE', 'no host has a tunnel that could be taken over', {
    expected:
      wanted === undefined ? 'an interface of WireGuard that runs, and that lab did not make' : `${wanted}, running`,
    found:
      notes.map(({ host, found, instead }) => `${host}: ${found}, ${instead}`).join('; ') ||
      'no interface of WireGuard',
    hint: 'the login has to be root, or become: sudo; wg show lists what runs',
  });
}

type Dials = ReadonlyMap<string, readonly { readonly address: string; readonly port: number; readonly by: Member }[]>;

/** Host → where others dial it. */
function dialledHosts(members: readonly Member[]): Dials {
  const owners = new Map(members.map(({ host, running }) => [running.publicKey, host]));
  const dials = new Map<string, { address: string; port: number; by: Member }[]>();
  for (const by of members)
    for (const { publicKey, dialled } of by.peers) {
      const host = owners.get(publicKey);
      if (host !== undefined && dialled !== null) dials.set(host, [...(dials.get(host) ?? []), { ...dialled, by }]);
    }
  return dials;
}

/** Those that are dialled, the one with most peers first; where nobody dials anybody, whoever has most peers. */
function gatewaysOf(members: readonly Member[], dials: Dials): readonly Member[] {
  const byPeers = members.toSorted((a, b) => b.peers.length - a.peers.length);
  const dialled = byPeers.filter(({ host }) => dials.has(host));
  return dialled.length > 0 ? dialled : byPeers.slice(0, 1);
}

/** Two that are no gateways have a link of their own. */
function isMesh(members: readonly Member[], gateways: readonly Member[]): boolean {
  const others = members.filter((member) => !gateways.includes(member));
  return others.some((one) =>
    others.some((other) => other !== one && one.peers.some(({ publicKey }) => publicKey === other.running.publicKey)),
  );
}

/** Prefixes behind a host: those its gateway sends to it; of a gateway those that the others send to it and to nobody behind it. */
function sitesOf(
  member: Member,
  gateway: Member,
  members: readonly Member[],
  network: TunnelNetwork,
): readonly string[] | undefined {
  const told = members.filter((other) => other !== member && (member === gateway || other === gateway));
  const toOthers = member === gateway ? gateway.peers.flatMap(({ allowedIps }) => allowedIps) : [];
  const sites = told.flatMap(({ peers }) =>
    peers.filter(({ publicKey }) => publicKey === member.running.publicKey).flatMap(({ allowedIps }) => allowedIps),
  );
  const found = [...new Set(sites)].filter((text) => {
    const prefix = parsePrefix(text);
    if (prefix === undefined || prefix.bits === 0 || toOthers.includes(text)) return false;
    return !network.prefixes.some((inside) => {
      const other = parsePrefix(inside);
      return other !== undefined && overlap(other, prefix);
    });
  });
  return found.length === 0 ? undefined : found.map((text) => formatPrefix(networkOf(parsePrefix(text) as never)));
}

interface Places {
  /** Host → its address on a public network, with that network. */
  readonly public: ReadonlyMap<string, { readonly network: string; readonly address: string; readonly isNew: boolean }>;
  /** Host → where it is dialled, when that is no public address. */
  readonly endpoints: ReadonlyMap<string, string>;
  readonly notes: readonly Note[];
}

/** Where gateways are dialled: by an address on a public network, else by a name or an address of somebody's router. */
function placesOf(gateways: readonly Member[], dials: Dials, inventory: Inventory): Places {
  const publicPlaces = new Map<string, { network: string; address: string; isNew: boolean }>();
  const endpoints = new Map<string, string>();
  const notes: Note[] = [];
  for (const { host, running, tunnel } of gateways) {
    const [place, ...others] = dials.get(host) ?? [];
    const note = { host, file: tunnel.files[0] ?? null, line: null };
    if (place === undefined) {
      notes.push({
        ...note,
        found: `${tunnel.name} on ${host}`,
        instead: `nobody that was read dials it, so it is not known where devices do: give it an address on a network with public: true, or params: { wireguard: { endpoint: 'name or address' } }`,
      });
      continue;
    }
    for (const other of others)
      if (other.address !== place.address)
        notes.push({
          ...note,
          host: other.by.host,
          found: `Endpoint of ${host} is ${other.address}`,
          instead: `one for all: ${place.address}, where ${place.by.host} dials it`,
        });
    if (place.port !== running.port)
      notes.push({
        ...note,
        found: `dialled at port ${place.port}, listens on ${running.port}`,
        instead: 'no place for a port that a router changes: let both be the same',
      });
    const own = declaredPlace(host, place.address, inventory);
    if (own) continue;
    if (isGlobal(place.address))
      publicPlaces.set(host, { ...publicNetwork(place.address, inventory), address: place.address });
    else endpoints.set(host, place.address);
  }
  return { public: publicPlaces, endpoints, notes };
}

function declaredPlace(host: string, address: string, inventory: Inventory): boolean {
  const declared = inventory.hosts.get(host);
  if (declared?.params.get('wireguard')?.endpoint === address) return true;
  return [...(declared?.addresses ?? [])].some(
    ([network, addresses]) => inventory.networks.get(network)?.public === true && addresses[0] === address,
  );
}

function publicNetwork(text: string, inventory: Inventory): { network: string; isNew: boolean } {
  const address = parseAddress(text);
  const found = [...inventory.networks.values()].find((network) =>
    network.prefixes.some((prefix) => {
      const parsed = parsePrefix(prefix);
      return parsed !== undefined && address !== undefined && contains(parsed, address);
    }),
  );
  if (found !== undefined) return { network: found.name, isNew: false };
  return { network: freeName('public', inventory), isNew: true };
}

function entriesOf(
  members: readonly Member[],
  network: TunnelNetwork,
  devices: readonly FoundDevice[],
  places: Places,
  params: ReturnType<typeof paramEntries>,
  inventory: Inventory,
): Entries {
  const newPlaces = [...places.public.values()].filter(({ isNew }) => isNew);
  const networks = {
    ...(newPlaces.length === 0
      ? {}
      : {
          [newPlaces[0]?.network ?? '']: {
            prefixes: oneOrMore(newPlaces.map(({ address }) => `${address}/${address.includes(':') ? 128 : 32}`)),
            public: true,
          },
        }),
    ...(network.isNew ? { [network.name]: { prefixes: oneOrMore(network.prefixes), tunnel: true } } : {}),
  };
  const hosts = members.flatMap((member): [string, object][] => {
    const { host } = member;
    const own = ownAddresses(member);
    const place = places.public.get(host);
    const isDeclared = JSON.stringify(inventory.hosts.get(host)?.addresses.get(network.name)) === JSON.stringify(own);
    const addresses = {
      ...(place === undefined ? {} : { [place.network]: place.address }),
      ...(isDeclared ? {} : { [network.name]: oneOrMore(own) }),
    };
    const given = params.hosts.get(host);
    const entry = {
      ...(Object.keys(addresses).length === 0 ? {} : { addresses }),
      ...(given === undefined ? {} : { params: { wireguard: given } }),
    };
    return Object.keys(entry).length === 0 ? [] : [[host, entry]];
  });
  const fresh = devices.filter(({ isDeclared }) => !isDeclared);
  return {
    ...(Object.keys(params.all).length === 0 ? {} : { params: { wireguard: params.all as Record<string, unknown> } }),
    networks,
    hosts: Object.fromEntries(hosts),
    devices: Object.fromEntries(
      fresh.map(({ name, addresses }) => [name, { addresses: { [network.name]: oneOrMore(addresses) } }]),
    ),
  };
}

/** Named where they are not what the role would take for them: members on a public network, the first one first. */
function withGateways(entries: Entries, gateways: readonly Member[], inventory: Inventory): Entries {
  const merged = withEntries(inventory, entries);
  const [first] = gateways;
  const params = paramsFor(merged.hosts.get(first?.host ?? ''));
  const names = gateways.map(({ host }) => host);
  const taken = membersOf(merged, params)
    .filter(({ gateway }) => gateway)
    .map(({ host }) => host);
  if (JSON.stringify(taken.toSorted()) === JSON.stringify(names.toSorted())) return entries;
  const ordered = [...merged.hosts.keys()].filter((name) => names.includes(name));
  return { ...entries, params: { ...entries.params, wireguard: { ...entries.params?.wireguard, gateways: ordered } } };
}

function oneOrMore(values: readonly string[]): string | readonly string[] {
  const [only] = values;
  return values.length === 1 && only !== undefined ? only : values;
}
