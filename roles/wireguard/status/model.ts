import type { Host, Inventory } from '../../../src/index.ts';
import { paramsFor } from '../host-params.ts';
import { membersOf, type Tunnel, tunnelOf } from '../mesh.ts';
import type { Params } from '../params.ts';
import type { TunnelState } from '../state.ts';
import { type LinkStatus, type Side, statusOf } from './classify.ts';
import type { Reading } from './reading.ts';

/** The tunnel as the model has it. */
export interface TunnelModel {
  readonly params: Params;
  readonly tunnels: ReadonlyMap<string, Tunnel>;
  /** Pairs of hosts, or a host and a device, each once: the one that is dialled first. */
  readonly pairs: readonly (readonly [string, string])[];
}

/**
 * @throws LabError PLAN_IMPOSSIBLE when the inventory has no tunnel; ROLE_PARAMS
 */
export function modelOf(inventory: Inventory): TunnelModel {
  const params = paramsFor([...inventory.hosts.values()][0]);
  const tunnels = new Map(
    membersOf(inventory, params).map(({ host: name }): [string, Tunnel] => {
      const host = inventory.hosts.get(name) as Host;
      return [name, tunnelOf(host, inventory, paramsFor(host))];
    }),
  );
  const pairs = new Map<string, readonly [string, string]>();
  for (const [host, { peers }] of tunnels)
    for (const { name } of peers)
      if (!pairs.has(JSON.stringify([name, host]))) pairs.set(JSON.stringify([host, name]), [host, name]);
  return { params, tunnels, pairs: [...pairs.values()] };
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
      keepsAlive: (peer?.keepalive ?? 0) > 0,
      device: tunnels.has(name) ? undefined : (devices.get(name) ?? { keys: new Map(), links: new Map() }),
    };
  };
  return pairs.map(([a, b]) => statusOf(side(a, b), side(b, a)));
}
