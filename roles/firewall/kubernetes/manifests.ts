import { createHash } from 'node:crypto';
import { type Endpoint, type Flow, type Inventory, LabError, type PortRange } from '../../../src/index.ts';
import { type AddressSet, families } from '../address-set.ts';
import { oneLine } from '../one-line.ts';
import type { Side } from '../permit.ts';
import { type Policy, policyOf, sideOf } from '../policy.ts';

/** What a pod may do, by the Pod Security Standards. */
export type PodSecurityLevel = 'privileged' | 'baseline' | 'restricted';

export interface KubernetesOptions {
  /** What is refused, and what is only told of (`warn`, `audit`). */
  readonly enforce: PodSecurityLevel;
  readonly warn: PodSecurityLevel;
  /** Of Kubernetes, `v1.31`: a newer one does not change what is refused until somebody says so. */
  readonly version: string;
}

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: 'Namespace' | 'NetworkPolicy';
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: NetworkPolicySpec;
}

export interface NetworkPolicySpec {
  readonly podSelector: { readonly matchLabels?: Readonly<Record<string, string>> };
  readonly policyTypes: readonly ('Ingress' | 'Egress')[];
  readonly ingress?: readonly { readonly from?: readonly PeerSelector[]; readonly ports?: readonly PolicyPort[] }[];
  readonly egress?: readonly { readonly to?: readonly PeerSelector[]; readonly ports?: readonly PolicyPort[] }[];
}

export interface PeerSelector {
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] };
  readonly namespaceSelector?: { readonly matchLabels: Readonly<Record<string, string>> };
  readonly podSelector?: { readonly matchLabels: Readonly<Record<string, string>> };
}

export interface PolicyPort {
  readonly protocol: 'TCP' | 'UDP';
  readonly port?: number;
  readonly endPort?: number;
}

/** By which what is ours is told from what is not; `kubectl apply --prune -l` takes it. */
const ours = { 'app.kubernetes.io/managed-by': 'lab' } as const;
/** Every namespace has it with its own name since Kubernetes 1.22. */
const nameLabel = 'kubernetes.io/metadata.name';
const securityLabel = 'pod-security.kubernetes.io';

/**
 * The namespaces that flows name, as Kubernetes is told of them: nothing in and nothing out but names and what a flow allows
 * (networking.k8s.io/v1 NetworkPolicy), and what pods may do there (Pod Security Admission). Pure.
 *
 * A namespace of the cluster itself (`kube-system`) can be named as the other end, and is left as it is.
 *
 * @throws LabError FIREWALL_POLICY for a namespace with a name that Kubernetes does not take (RFC 1123 label), or one with every
 *   port for the internet
 */
export function manifestsOf(inventory: Inventory, options: KubernetesOptions): readonly Manifest[] {
  const policy = policyOf(inventory);
  const names = new Set(inventory.flows.flatMap(({ from, to }) => [...from, ...to].flatMap(namespaceOf)));
  for (const name of names) refuseName(name);
  inventory.flows.forEach(refuseEveryPort);
  // What keeps the cluster itself running is its own business.
  return [...names]
    .filter((name) => !systemNamespaces.has(name))
    .sort()
    .flatMap((namespace) => [
      namespaceManifest(namespace, options),
      closed(namespace),
      dns(namespace),
      ...inventory.flows.flatMap((flow) => flowPolicies(namespace, flow, inventory, policy)),
    ]);
}

const systemNamespaces: ReadonlySet<string> = new Set(['kube-system', 'kube-public', 'kube-node-lease']);

function refuseEveryPort({ from, to, ports, reason }: Flow, index: number): void {
  if (ports.length > 0 || !from.some(({ kind }) => kind === 'internet')) return;
  const [name] = to.flatMap(namespaceOf);
  if (name === undefined) return;
  throw new LabError(
    'FIREWALL_POLICY',
    `the flow "${oneLine(reason, 80)}" opens every port of ${name} to the internet`,
    {
      expected: 'the ports that the internet shall reach',
      found: "ports: 'any'",
      path: ['flows', String(index), 'ports'],
      hint: 'name the ports, or who may reach all of them',
    },
  );
}

function namespaceOf(endpoint: Endpoint): string[] {
  return endpoint.kind === 'namespace' ? [endpoint.name] : [];
}

function refuseName(name: string): void {
  if (/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name)) return;
  throw new LabError('FIREWALL_POLICY', `"${name}" is no name of a namespace`, {
    expected: 'at most 63 small letters, digits and dashes, with a letter or digit at both ends (RFC 1123)',
    found: name,
    path: ['flows'],
  });
}

function namespaceManifest(name: string, { enforce, warn, version }: KubernetesOptions): Manifest {
  const levels = { enforce, warn, audit: warn };
  const labels = Object.entries(levels).flatMap(([mode, level]) => [
    [`${securityLabel}/${mode}`, level],
    [`${securityLabel}/${mode}-version`, version],
  ]);
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels: { ...ours, ...Object.fromEntries(labels) } },
  };
}

function closed(namespace: string): Manifest {
  const spec: NetworkPolicySpec = { podSelector: {}, policyTypes: ['Ingress', 'Egress'] };
  return networkPolicy(namespace, 'lab-closed', 'nothing in and nothing out but what a flow allows', spec);
}

function dns(namespace: string): Manifest {
  return networkPolicy(namespace, 'lab-names', 'every pod asks the resolver of the cluster', {
    podSelector: {},
    policyTypes: ['Egress'],
    egress: [
      {
        to: [
          {
            namespaceSelector: { matchLabels: { [nameLabel]: 'kube-system' } },
            podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } },
          },
        ],
        ports: [
          { protocol: 'UDP', port: 53 },
          { protocol: 'TCP', port: 53 },
        ],
      },
    ],
  });
}

function flowPolicies(namespace: string, flow: Flow, inventory: Inventory, policy: Policy): Manifest[] {
  const isHere = (endpoint: Endpoint) => endpoint.kind === 'namespace' && endpoint.name === namespace;
  const ports = portsOf(flow);
  const made: Manifest[] = [];
  if (flow.to.some(isHere)) {
    const from = flow.from.flatMap((endpoint) => peersOf(endpoint, inventory, policy.inside));
    if (from.length > 0) {
      const ingress = [{ from, ...(ports.length > 0 && { ports }) }];
      made.push(flowPolicy(namespace, 'in', flow, { podSelector: {}, policyTypes: ['Ingress'], ingress }));
    }
  }
  if (flow.from.some(isHere)) {
    const egress = flow.to.flatMap((endpoint) => {
      const to = peersOf(endpoint, inventory, policy.known);
      const own = endpoint.kind === 'service' ? servicePorts(endpoint.name, inventory) : ports;
      return to.length === 0 ? [] : [{ to, ...(own.length > 0 && { ports: own }) }];
    });
    if (egress.length > 0)
      made.push(flowPolicy(namespace, 'out', flow, { podSelector: {}, policyTypes: ['Egress'], egress }));
  }
  return made;
}

/** @param notInternet addresses that are not it */
function peersOf(endpoint: Endpoint, inventory: Inventory, notInternet: AddressSet): PeerSelector[] {
  if (endpoint.kind === 'namespace') return [{ namespaceSelector: { matchLabels: { [nameLabel]: endpoint.name } } }];
  const side = sideOf(endpoint, inventory);
  return side === undefined ? [] : blocksOf(side, notInternet);
}

function blocksOf({ who, addresses }: Side, notInternet: AddressSet): PeerSelector[] {
  if (who === 'addresses')
    return families.flatMap((family) => addresses.prefixes(family).map((cidr) => ({ ipBlock: { cidr } })));
  return families.map((family) => ({
    ipBlock: { cidr: family === 'ipv4' ? '0.0.0.0/0' : '::/0', except: notInternet.prefixes(family) },
  }));
}

function portsOf({ ports, protocol }: Flow): PolicyPort[] {
  const name = protocol === 'udp' ? 'UDP' : 'TCP';
  if (ports.length === 0) return protocol === undefined ? [] : [{ protocol: name }];
  return ports.map((range) => portOf(name, range));
}

function servicePorts(name: string, inventory: Inventory): PolicyPort[] {
  const service = inventory.services.get(name);
  if (service === undefined) return [];
  return [portOf(service.protocol === 'udp' ? 'UDP' : 'TCP', { first: service.port, last: service.port })];
}

function portOf(protocol: PolicyPort['protocol'], { first, last }: PortRange): PolicyPort {
  return { protocol, port: first, ...(last > first && { endPort: last }) };
}

/** Its name is that of what it says: it stays when flows are put in another order, and goes when it changes. */
function flowPolicy(namespace: string, direction: 'in' | 'out', { reason }: Flow, spec: NetworkPolicySpec): Manifest {
  const sum = createHash('sha256').update(JSON.stringify(spec)).digest('hex').slice(0, 12);
  return networkPolicy(namespace, `lab-${direction}-${sum}`, reason, spec);
}

function networkPolicy(namespace: string, name: string, reason: string, spec: NetworkPolicySpec): Manifest {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name, namespace, labels: ours, annotations: { 'labwright.dev/reason': oneLine(reason, 200) } },
    spec,
  };
}
