import { type Host, type Inventory, LabError } from '../../src/index.ts';
import { paramsFor } from '../wireguard/host-params.ts';
import { membersOf } from '../wireguard/mesh.ts';
import { interfacesOf, type Params, slots } from '../wireguard/params.ts';
import { anyone, hostSide, type Permit } from './permit.ts';

/** What the tunnels of an inventory need: that members who are dialled hear it. Packets prove themselves who they are. */
export function tunnelPermits(inventory: Inventory): Permit[] {
  return [...inventory.hosts.values()].flatMap((host) => {
    const tunnel = tunnelParamsOf(host, inventory);
    if (tunnel === undefined) return [];
    const self = membersOf(inventory, tunnel).find((member) => member.host === host.name);
    if (self?.gateway !== true && tunnel.topology !== 'mesh' && !tunnel.listen) return [];
    const ports = [{ first: tunnel.port, last: tunnel.port + slots.length - 1 }];
    const reason = `the tunnel ${tunnel.network}`;
    return [
      { from: anyone, to: hostSide(host.name, inventory), protocol: 'udp', ports, reason, origin: { kind: 'tunnel' } },
    ];
  });
}

/** The parameters of the tunnel that a host is part of, if it is of one. */
export function tunnelParamsOf(host: Host, inventory: Inventory): Params | undefined {
  const own = parsed(host);
  const network = own === undefined ? undefined : inventory.networks.get(own.network);
  return own?.state === 'present' && network?.tunnel === true && host.addresses.has(own.network) ? own : undefined;
}

/** Interfaces that the tunnel of a host may use, also during a rotation of keys. */
export function tunnelInterfacesOf(host: Host, inventory: Inventory): readonly string[] {
  const tunnel = tunnelParamsOf(host, inventory);
  return tunnel === undefined ? [] : interfacesOf(tunnel);
}

/** What is wrong with them is told by the role wireguard itself. */
function parsed(host: Host): Params | undefined {
  try {
    return paramsFor(host);
  } catch (error) {
    if (error instanceof LabError) return undefined;
    throw error;
  }
}
