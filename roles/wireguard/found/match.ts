import type { Inventory } from '../../../src/index.ts';
import { type Address, contains, parseAddress, parsePrefix } from '../../../src/model/ip-address.ts';
import { paramsFor } from '../host-params.ts';
import type { Peer, Tunnel } from '../mesh.ts';
import type { Params } from '../params.ts';
import { deviceInterfaces, type LinkEnd, type TunnelState } from '../state.ts';
import type { FoundInterface, FoundPeer } from './found.ts';

/**
 * What an interface that somebody made by hand is in the tunnel of the model: a peer is who has the address that WireGuard
 * itself would look for it by (the longest of the prefixes that it allows). So its key and its preshared key stay.
 */
export function stateOfFound(
  name: string,
  found: FoundInterface,
  tunnel: Tunnel,
  inventory: Inventory,
  params: Params,
): TunnelState {
  const links = new Map(
    matchedPeers(found.peers, tunnel.peers, inventory, params).map(([peer, { publicKey, presharedKey }]) => [
      peer.name,
      [
        {
          interface: name,
          peerInterface: peer.isDevice ? deviceInterfaces[0] : interfaceOf(peer.name, inventory, params),
          presharedKey,
          phase: 'active',
          peerKey: publicKey,
        } satisfies LinkEnd,
      ],
    ]),
  );
  return { keys: new Map([[name, found.publicKey]]), links };
}

/** Peers of the model, each with the one of the interface that is it; those without one are left out. */
export function matchedPeers(
  found: readonly FoundPeer[],
  wanted: readonly Peer[],
  inventory: Inventory,
  params: Pick<Params, 'network'>,
): (readonly [Peer, FoundPeer])[] {
  const claims = wanted.flatMap((peer) => {
    const claim = best(found, addressesOf(peer, inventory, params));
    return claim === undefined ? [] : [{ peer, ...claim }];
  });
  // Several of the model behind one peer: it is who has an address to itself, else who is dialled.
  const owners = new Map(
    claims
      .toSorted(
        (a, b) => Number(a.isAlone) - Number(b.isAlone) || Number(a.peer.dial !== null) - Number(b.peer.dial !== null),
      )
      .map(({ peer, one }) => [one, peer]),
  );
  return claims.filter(({ peer, one }) => owners.get(one) === peer).map(({ peer, one }) => [peer, one] as const);
}

/** The peer that packets to one of these addresses go to: the one with the longest prefix. */
function best(found: readonly FoundPeer[], addresses: readonly Address[]) {
  const fits = found.flatMap((one) =>
    one.allowedIps.flatMap((text) => {
      const prefix = parsePrefix(text);
      if (prefix === undefined || !addresses.some((address) => contains(prefix, address))) return [];
      const free = (prefix.network.kind() === 'ipv4' ? 32 : 128) - prefix.bits;
      return [{ one, free, isAlone: free === 0 }];
    }),
  );
  return fits.sort((a, b) => a.free - b.free)[0];
}

function addressesOf({ name, isDevice }: Peer, inventory: Inventory, { network }: Pick<Params, 'network'>): Address[] {
  const owner = isDevice ? inventory.devices.get(name) : inventory.hosts.get(name);
  return (owner?.addresses.get(network) ?? []).flatMap((address) => parseAddress(address) ?? []);
}

function interfaceOf(host: string, inventory: Inventory, params: Params): string {
  const given = inventory.hosts.get(host)?.params.get('wireguard')?.interface;
  return given === undefined ? params.interface : paramsFor(inventory.hosts.get(host)).interface;
}
