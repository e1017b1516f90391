import { type Host, type Inventory, LabError } from '../../../src/index.ts';
import { paramsFor } from '../host-params.ts';
import { type Tunnel, tunnelOf } from '../mesh.ts';
import type { Params } from '../params.ts';
import type { TunnelState } from '../state.ts';
import { type LinkStatus, type Side, statusOf } from './classify.ts';
import type { Reading } from './reading.ts';

/** The tunnel as the model has it. */
export interface TunnelModel {
  /** Host → the role's parameters there, as the inventory has them. */
  readonly params: ReadonlyMap<string, Params>;
  readonly tunnels: ReadonlyMap<string, Tunnel>;
  /** Pairs of hosts, or a host and a device, each once: the one that is dialled first. */
  readonly pairs: readonly (readonly [string, string])[];
}

/**
 * Every host that has an address on its tunnel, and whom it has links to. What cannot be is a mistake of the inventory: nothing
 * else is asked.
 *
 * @throws LabError INVENTORY_INVALID when the inventory has no tunnel, or not one that can be; ROLE_PARAMS
 */
export function modelOf(inventory: Inventory): TunnelModel {
  const hosts = [...inventory.hosts.values()];
  const all = new Map(hosts.map((host) => [host.name, paramsFor(host)]));
  const members = hosts.flatMap((host): [Host, Params][] => {
    const params = all.get(host.name);
    return params !== undefined && params.state === 'present' && host.addresses.has(params.network)
      ? [[host, params]]
      : [];
  });
  if (members.length === 0) throw noTunnel(inventory, [...all.values()][0]);
  const tunnels = new Map(members.map(([host, params]) => [host.name, tunnelIn(inventory, host, params)]));
  const pairs = new Map<string, readonly [string, string]>();
  for (const [host, { peers }] of tunnels)
    for (const { name, isDevice } of peers)
      if ((isDevice || tunnels.has(name)) && !pairs.has(JSON.stringify([name, host])))
        pairs.set(JSON.stringify([host, name]), [host, name]);
  return { params: all, tunnels, pairs: [...pairs.values()] };
}

function tunnelIn(inventory: Inventory, host: Host, params: Params): Tunnel {
  try {
    return tunnelOf(host, inventory, params);
  } catch (thrown) {
    throw thrown instanceof LabError ? new LabError('INVENTORY_INVALID', thrown.message, thrown.details) : thrown;
  }
}

function noTunnel(inventory: Inventory, params: Params | undefined): LabError {
  const network = params?.network ?? 'vpn';
  const declared = inventory.networks.get(network)?.tunnel === true;
  return new LabError(
    'INVENTORY_INVALID',
    declared ? `no host is in the tunnel "${network}"` : `the inventory has no tunnel "${network}"`,
    {
      expected: declared
        ? `hosts with addresses: { ${network}: '…' }`
        : `networks: { ${network}: { prefixes: '10.80.0.0/24', tunnel: true } }, and hosts with an address on it`,
      hint: 'parameters of the role count as far as they are in the inventory, not in a play: params: { wireguard: { network: … } }',
    },
  );
}

/** What every link of these pairs is doing. */
export function linkStatuses(
  { tunnels }: TunnelModel,
  pairs: TunnelModel['pairs'],
  readings: ReadonlyMap<string, Reading>,
  devices: ReadonlyMap<string, TunnelState>,
): LinkStatus[] {
  const side = (name: string, other: string): Side => {
    const peer = tunnels.get(name)?.peers.find((one) => one.name === other);
    return {
      name,
      reading: readings.get(name),
      prefixes: peer?.allowedIps.filter((prefix) => !prefix.startsWith('fe80:')) ?? [],
      keepalive: peer?.keepalive ?? 0,
      device: tunnels.has(name) ? undefined : (devices.get(name) ?? { keys: new Map(), links: new Map() }),
    };
  };
  return pairs.map(([a, b]) => statusOf(side(a, b), side(b, a)));
}
