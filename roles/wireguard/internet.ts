import type { Host } from '../../src/index.ts';

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
