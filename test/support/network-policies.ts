import ipaddr from 'ipaddr.js';
import type { Manifest, PeerSelector, PolicyPort } from '../../roles/firewall/kubernetes/manifests.ts';

/** One end of a connection: a pod of a namespace, with labels, or an address outside of the cluster. */
export type ClusterEnd =
  | { readonly namespace: string; readonly labels?: Readonly<Record<string, string>> }
  | { readonly address: string };

export interface ClusterPacket {
  readonly from: ClusterEnd;
  readonly to: ClusterEnd;
  readonly protocol: 'TCP' | 'UDP';
  readonly port: number;
}

/**
 * Whether policies allow a connection, as the specification says (Kubernetes documentation, "Network Policies"): a pod that a
 * policy of its namespace selects for a direction is closed in that direction but for what a rule of any such policy allows;
 * both ends have to allow it; what no policy selects is open.
 */
export function isAllowed(manifests: readonly Manifest[], packet: ClusterPacket): boolean {
  return (
    opens(manifests, 'Ingress', packet.to, packet.from, packet) &&
    opens(manifests, 'Egress', packet.from, packet.to, packet)
  );
}

function opens(
  manifests: readonly Manifest[],
  direction: 'Ingress' | 'Egress',
  self: ClusterEnd,
  other: ClusterEnd,
  { protocol, port }: ClusterPacket,
): boolean {
  if ('address' in self) return true;
  const selecting = manifests.flatMap(({ metadata, spec }) =>
    spec !== undefined &&
    metadata.namespace === self.namespace &&
    spec.policyTypes.includes(direction) &&
    matches(spec.podSelector.matchLabels, self.labels)
      ? [spec]
      : [],
  );
  if (selecting.length === 0) return true;
  return selecting.some((spec) => {
    const rules =
      direction === 'Ingress'
        ? (spec.ingress ?? []).map(({ from, ports }) => ({ peers: from, ports }))
        : (spec.egress ?? []).map(({ to, ports }) => ({ peers: to, ports }));
    // An absent or empty list means everything.
    return rules.some(
      ({ peers = [], ports = [] }) =>
        (peers.length === 0 || peers.some((peer) => isPeer(peer, other))) &&
        (ports.length === 0 || ports.some((one) => isPort(one, protocol, port))),
    );
  });
}

function isPeer({ ipBlock, namespaceSelector, podSelector }: PeerSelector, end: ClusterEnd): boolean {
  if (ipBlock !== undefined)
    return (
      'address' in end &&
      isIn(end.address, ipBlock.cidr) &&
      !(ipBlock.except ?? []).some((cidr) => isIn(end.address, cidr))
    );
  if ('address' in end) return false;
  const labels = { 'kubernetes.io/metadata.name': end.namespace };
  return matches(namespaceSelector?.matchLabels, labels) && matches(podSelector?.matchLabels, end.labels);
}

function isPort(one: PolicyPort, protocol: string, port: number): boolean {
  if (one.protocol !== protocol) return false;
  return one.port === undefined || (one.port <= port && port <= (one.endPort ?? one.port));
}

function matches(
  wanted: Readonly<Record<string, string>> = {},
  labels: Readonly<Record<string, string>> = {},
): boolean {
  return Object.entries(wanted).every(([name, value]) => labels[name] === value);
}

function isIn(address: string, cidr: string): boolean {
  const parsed = ipaddr.parse(address);
  const [network, bits] = ipaddr.parseCIDR(cidr);
  return parsed.kind() === network.kind() && parsed.match(network, bits);
}
