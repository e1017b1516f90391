import type { Host, Inventory } from '../../src/index.ts';

/**
 * Firewall mark (ip-rule(8)) of what the tunnel itself sends: it leaves by the host's own line, where all else goes through the
 * tunnel. In the lowest byte, which neither kube-proxy, Calico, Cilium nor Tailscale use.
 */
export const tunnelMark = '0x4c';

/** Routing table with the way to the internet through the tunnel. The switch to it is the role firewall's. */
export const internetTable = 76;

/** Whether what a host sends to the internet leaves through the tunnel: the parameter `internet` of the role firewall. */
export function leavesByTunnel(host: Host): boolean {
  const given = host.params.get('firewall');
  return given?.internet === 'tunnel' && given.state !== 'absent';
}

/** Whether strangers reach this host through the tunnel: a gateway forwards their packets, and the answers go back by the tunnel. */
export function isReachedByTunnel(host: Host, inventory: Inventory): boolean {
  return [...inventory.services.values()].some(
    ({ host: name, mode, public: names, gateways }) =>
      name === host.name &&
      (mode === 'tcp' || mode === 'udp') &&
      names.length > 0 &&
      gateways.some((gateway) => gateway !== name),
  );
}
