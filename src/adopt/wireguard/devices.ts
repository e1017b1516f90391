import { matchedPeers } from '../../../roles/wireguard/found/match.ts';
import { paramsFor } from '../../../roles/wireguard/host-params.ts';
import { tunnelOf } from '../../../roles/wireguard/mesh.ts';
import { contains, parseAddress, parsePrefix } from '../../model/ip-address.ts';
import type { Inventory } from '../../model/types.ts';
import type { Note } from '../entries.ts';
import type { Member, MemberPeer } from './members.ts';
import { freeName, singleAddresses, type TunnelNetwork } from './network.ts';

export interface FoundDevice {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly publicKey: string;
  /** Of the inventory already. */
  readonly isDeclared: boolean;
}

/**
 * Peers of the gateway that are no host that was read: a device each, called as the comment beside it says. What is no place in
 * the tunnel is told.
 */
export function devicesOf(
  gateway: Member,
  members: readonly Member[],
  network: TunnelNetwork,
  inventory: Inventory,
): { readonly devices: readonly FoundDevice[]; readonly notes: readonly Note[] } {
  const known = new Set(members.map(({ running }) => running.publicKey));
  const devices: FoundDevice[] = [];
  const notes: Note[] = [];
  const taken = new Set([network.name]);
  for (const peer of gateway.peers) {
    if (known.has(peer.publicKey)) continue;
    const inside = singleAddresses(peer.allowedIps).filter((address) => isInside(address, network));
    if (ownerOf(inside, inventory.hosts, network) !== undefined) continue;
    if (inside.length === 0) {
      notes.push(
        noteOf(
          gateway,
          peer,
          `no address of ${network.prefixes.join(', ')} is its own, so it has no place in the tunnel: the first run takes it out`,
        ),
      );
      continue;
    }
    const declared = ownerOf(inside, inventory.devices, network);
    const name = declared ?? freeName(nameFor(peer, inside), inventory, taken);
    taken.add(name);
    devices.push({ name, addresses: inside, publicKey: peer.publicKey, isDeclared: declared !== undefined });
    const more = peer.allowedIps.filter((prefix) =>
      singleAddresses([prefix]).every((address) => !inside.includes(address)),
    );
    if (more.length > 0)
      notes.push(
        noteOf(
          gateway,
          peer,
          `a device has no networks behind it: ${more.join(', ')} goes; one that lab can log in to is a host, with params: { wireguard: { sites: […] } }`,
        ),
      );
  }
  return { devices, notes };
}

/** Peers that are devices of the inventory. */
export function declaredDevices(members: readonly Member[], inventory: Inventory): FoundDevice[] {
  return members.flatMap(({ host, peers }) => {
    const declared = inventory.hosts.get(host);
    if (declared === undefined) return [];
    const params = paramsFor(declared);
    return matchedPeers(peers, tunnelOf(declared, inventory, params).peers, inventory, params).flatMap(
      ([{ name, isDevice }, { publicKey, allowedIps }]) =>
        isDevice ? [{ name, addresses: singleAddresses(allowedIps), publicKey, isDeclared: true }] : [],
    );
  });
}

/** Peers that only another member knows: devices dial the gateway. */
export function strayPeers(
  members: readonly Member[],
  gateway: Member,
  inventory: Inventory,
  network: TunnelNetwork,
): Note[] {
  const known = new Set(members.map(({ running }) => running.publicKey));
  return members
    .filter((member) => member !== gateway)
    .flatMap((member) =>
      member.peers
        .filter(({ publicKey }) => !known.has(publicKey))
        .filter(({ allowedIps }) => ownerOf(singleAddresses(allowedIps), inventory.hosts, network) === undefined)
        .map((peer) =>
          noteOf(
            member,
            peer,
            `no host that was read: devices are peers of ${gateway.host} alone, so the first run takes it out here; read its host as well, or let it dial ${gateway.host}`,
          ),
        ),
    );
}

function noteOf({ host, tunnel }: Member, { section, publicKey }: MemberPeer, instead: string): Note {
  return {
    host,
    file: section?.file ?? tunnel.files[0] ?? null,
    line: section?.line ?? null,
    found: `peer ${publicKey}`,
    instead,
  };
}

function isInside(address: string, { prefixes }: TunnelNetwork): boolean {
  const parsed = parseAddress(address);
  return prefixes.some((text) => {
    const prefix = parsePrefix(text);
    return prefix !== undefined && parsed !== undefined && contains(prefix, parsed);
  });
}

function ownerOf(
  addresses: readonly string[],
  owners: Inventory['hosts'] | Inventory['devices'],
  { name }: TunnelNetwork,
): string | undefined {
  return [...owners.values()].find((owner) => owner.addresses.get(name)?.some((one) => addresses.includes(one)))?.name;
}

/** Words that stand around names in what tools write: `# Client: phone`, `### begin phone ###`, `# friendly_name = phone`. */
const aroundNames = /^(?:begin|end|peer|client|name|friendly_name|user|device|for|the)\b[\s:=_-]*/i;

function nameFor({ section }: MemberPeer, addresses: readonly string[]): string {
  for (const { text } of section?.comments ?? []) {
    let words = text
      .replace(/^#+\s*/, '')
      .replace(/\s*#+$/, '')
      .replace(/\s*\([^)]*\)\s*$/, '');
    while (aroundNames.test(words)) words = words.replace(aroundNames, '');
    const name = words
      .normalize('NFKD')
      .replaceAll(/[\u0300-\u036f'’]/g, '')
      .toLowerCase()
      .replaceAll(/[^a-z0-9.]+/g, '-')
      .replaceAll(/^[-.]+|[-.]+$/g, '');
    if (name !== '' && name.length <= 30 && !/^\d+$/.test(name) && !text.includes('(hidden)')) return name;
  }
  return `peer-${(addresses[0] ?? '').replaceAll(/[^0-9a-f]+/g, '-')}`;
}
