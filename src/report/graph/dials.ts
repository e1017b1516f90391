import { tunnelParamsOf } from '../../../roles/firewall/tunnel-permits.ts';
import { endpoint, endpointOf, tunnelOf } from '../../../roles/wireguard/mesh.ts';
import type { Inventory } from '../../model/types.ts';
import { LabError } from '../../shared/errors.ts';

/** That one member of a tunnel dials another. */
export interface Dial {
  /** The network that the tunnel makes. */
  readonly network: string;
  readonly from: string;
  readonly to: string;
  /** Address and UDP port. */
  readonly at: string;
  /** Seconds between words that keep the way open; 0 is never. */
  readonly keepalive: number;
}

export interface Tunnels {
  readonly dials: readonly Dial[];
  /** Host → the gateway through which it reaches the internet. */
  readonly internet: ReadonlyMap<string, string>;
  /** Host → prefixes behind it. */
  readonly sites: ReadonlyMap<string, readonly string[]>;
  /** Why a tunnel has no links: it cannot be as it is declared. Each sentence once. */
  readonly problems: readonly string[];
}

/** Who dials whom, as the role wireguard compiles it from what the inventory alone says. */
export function tunnelsOf(inventory: Inventory): Tunnels {
  const dials: Dial[] = [];
  const internet = new Map<string, string>();
  const sites = new Map<string, readonly string[]>();
  const problems = new Set<string>();
  for (const host of inventory.hosts.values()) {
    const params = tunnelParamsOf(host, inventory);
    if (params === undefined) continue;
    const { network } = params;
    try {
      const tunnel = tunnelOf(host, inventory, params);
      if (tunnel.internet !== null) internet.set(host.name, tunnel.internet);
      if (params.sites.length > 0) sites.set(host.name, params.sites);
      for (const { name, dial, keepalive, isDevice } of tunnel.peers) {
        const other = inventory.hosts.get(name);
        const port = (other === undefined ? undefined : tunnelParamsOf(other, inventory))?.port ?? params.port;
        if (dial !== null) dials.push({ network, from: host.name, to: name, at: endpoint(dial, port), keepalive });
        else if (isDevice) {
          const at = endpointOf(host.name, params.interface, inventory, params);
          if (at !== null) dials.push({ network, from: name, to: host.name, at, keepalive: params.keepalive });
        }
      }
    } catch (thrown) {
      if (!(thrown instanceof LabError)) throw thrown;
      problems.add(thrown.message);
    }
  }
  return { dials, internet, sites, problems: [...problems] };
}
