import { matchedPeers } from '../../../roles/wireguard/found/match.ts';
import { paramsFor } from '../../../roles/wireguard/host-params.ts';
import { endpoint, type Peer, type Tunnel, tunnelOf } from '../../../roles/wireguard/mesh.ts';
import { canonicalAddress, formatPrefix, networkOf, parsePrefix } from '../../model/ip-address.ts';
import type { Inventory } from '../../model/types.ts';
import { LabError } from '../../shared/errors.ts';
import type { Note } from '../entries.ts';
import type { Member, MemberPeer } from './members.ts';
import { ownAddresses } from './network.ts';

/** What the role makes different from what runs. */
export function differences(members: readonly Member[], inventory: Inventory): Note[] {
  return members.flatMap((member) => {
    const host = inventory.hosts.get(member.host);
    if (host === undefined) return [];
    try {
      const params = paramsFor(host);
      const tunnel = tunnelOf(host, inventory, params);
      const pairs = matchedPeers(member.peers, tunnel.peers, inventory, params);
      return [
        ...ofInterface(member, tunnel, params),
        ...pairs.flatMap(([peer, found]) => ofPeer(member, peer, found as MemberPeer)),
        ...member.peers
          .filter((found) => pairs.every(([, one]) => one !== found))
          .map((found) =>
            note(member, found, `peer ${found.publicKey}`, 'no peer: nobody of the inventory has its addresses'),
          ),
        ...tunnel.peers
          .filter((peer) => !peer.isDevice && pairs.every(([one]) => one !== peer))
          .map(({ name }) => note(member, undefined, 'no peer', `a link with ${name}`)),
      ];
    } catch (thrown) {
      if (!(thrown instanceof LabError)) throw thrown;
      return [
        note(
          member,
          undefined,
          member.tunnel.name,
          `${thrown.message}${thrown.details.hint === undefined ? '' : `: ${thrown.details.hint}`}`,
        ),
      ];
    }
  });
}

function ofInterface(member: Member, tunnel: Tunnel, { mtu, port }: { mtu: number; port: number }): Note[] {
  const { running } = member;
  const addresses = ownAddresses(member).toSorted().join(', ');
  const wanted = tunnel.addresses.map(canonicalAddress).toSorted().join(', ');
  return [
    ...(running.mark === null
      ? []
      : [note(member, undefined, `firewall mark ${running.mark}`, 'none: the run refuses it')]),
    ...(addresses === wanted ? [] : [note(member, undefined, `addresses ${addresses}`, `addresses ${wanted}`)]),
    ...(running.mtu === mtu ? [] : [note(member, undefined, `MTU ${running.mtu}`, `MTU ${mtu}`)]),
    ...(!tunnel.listens || running.port === port
      ? []
      : [note(member, undefined, `port ${running.port}`, `port ${port}`)]),
  ];
}

function ofPeer(member: Member, peer: Peer, found: MemberPeer): Note[] {
  const before = new Set(found.allowedIps.map(canonicalPrefix));
  const after = new Set(peer.allowedIps.map(canonicalPrefix).filter((prefix) => !prefix.startsWith('fe80:')));
  const gone = [...before].filter((prefix) => !after.has(prefix));
  const come = [...after].filter((prefix) => !before.has(prefix));
  const dial = peer.dial === null ? null : endpoint(peer.dial, peer.base.port);
  const dialled = found.dialled === null ? null : endpoint(found.dialled.address, found.dialled.port);
  return [
    ...(gone.length + come.length === 0
      ? []
      : [
          note(
            member,
            found,
            `AllowedIPs of ${peer.name} ${[...before].join(', ')}`,
            `AllowedIPs ${[...after].join(', ')}`,
          ),
        ]),
    ...(dial === dialled
      ? []
      : [
          note(
            member,
            found,
            `Endpoint of ${peer.name} ${dialled ?? 'none'}`,
            dial === null ? 'none: it dials itself; where it is now stays known' : `Endpoint ${dial}`,
          ),
        ]),
    ...(peer.keepalive === found.keepalive
      ? []
      : [
          note(
            member,
            found,
            `PersistentKeepalive of ${peer.name} ${found.keepalive}`,
            peer.keepalive === 0 ? 'none: who dials keeps the way open' : `PersistentKeepalive ${peer.keepalive}`,
          ),
        ]),
  ];
}

function canonicalPrefix(text: string): string {
  const prefix = parsePrefix(text);
  return prefix === undefined ? text : formatPrefix(networkOf(prefix));
}

function note({ host, tunnel }: Member, peer: MemberPeer | undefined, found: string, instead: string): Note {
  return {
    host,
    file: peer?.section?.file ?? tunnel.files[0] ?? null,
    line: peer?.section?.line ?? null,
    found,
    instead,
  };
}
