import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1';
import { Namespace } from 'kubernetes-models/v1';
import { describe, expect, it } from 'vitest';
import { hasPort } from '../../../roles/firewall/evaluate.ts';
import { type KubernetesOptions, type Manifest, manifestsOf } from '../../../roles/firewall/kubernetes/manifests.ts';
import { policyOf } from '../../../roles/firewall/policy.ts';
import type { InventoryInput } from '../../../src/index.ts';
import { resolveInventory } from '../../../src/model/resolve-inventory.ts';
import type { Endpoint, Inventory } from '../../../src/model/types.ts';
import fc from '../../support/fast-check.ts';
import { type ClusterEnd, type ClusterPacket, isAllowed } from '../../support/network-policies.ts';

const options: KubernetesOptions = { enforce: 'baseline', warn: 'restricted', version: 'v1.31' };
const inventoryOf = (flows: InventoryInput['flows']): Inventory =>
  resolveInventory(
    {
      networks: {
        public: { prefixes: ['198.51.100.0/24', '2001:db8::/64'], public: true },
        home: { prefixes: ['10.77.1.0/24', 'fd77::/64'] },
      },
      hosts: {
        vps: { addresses: { public: ['198.51.100.10', '2001:db8::10'] } },
        nas: { addresses: { home: ['10.77.1.10', 'fd77::10'] } },
      },
      services: { db: { host: 'nas', port: 5432 } },
      flows: flows ?? [],
    },
    { at: undefined },
  );
const apps = { namespace: 'apps' };
const named = (manifests: readonly Manifest[]) =>
  manifests.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''} ${metadata.name}`);

describe('the manifests of a namespace', () => {
  it('are those that the interface of Kubernetes takes', () => {
    const flows = [
      { from: 'internet', to: apps, ports: [80, '8000-8010'], reason: 'the world' },
      { from: apps, to: 'db', reason: 'data' },
      { from: apps, to: { namespace: 'data' }, ports: 'any', reason: 'all of it' },
    ] as const;
    const manifests = manifestsOf(inventoryOf(flows as unknown as InventoryInput['flows']), options);
    for (const manifest of manifests) {
      const Model = manifest.kind === 'Namespace' ? Namespace : NetworkPolicy;
      const { apiVersion, kind, ...rest } = manifest;
      const model = new Model(rest as never);
      model.validate();
      expect([model.apiVersion, model.kind]).toEqual([apiVersion, kind]);
    }
    expect(manifests.length).toBeGreaterThan(8);
  });

  it('close it but for names, and say what pods may do there, with a version', () => {
    const manifests = manifestsOf(inventoryOf([{ from: 'vps', to: apps, ports: 80, reason: 'r' }]), options);
    expect(named(manifests).slice(0, 3)).toEqual([
      'Namespace  apps',
      'NetworkPolicy apps lab-closed',
      'NetworkPolicy apps lab-names',
    ]);
    expect(manifests[0]?.metadata.labels).toMatchObject({
      'pod-security.kubernetes.io/enforce': 'baseline',
      'pod-security.kubernetes.io/enforce-version': 'v1.31',
      'pod-security.kubernetes.io/warn': 'restricted',
      'pod-security.kubernetes.io/audit': 'restricted',
    });
  });

  it('have the reason of a flow, and keep their names when flows change places', () => {
    const first = { from: 'vps', to: apps, ports: 80, reason: 'one "quoted"\nreason' };
    const second = { from: 'nas', to: apps, ports: 81, reason: 'two' };
    const one = manifestsOf(inventoryOf([first, second] as InventoryInput['flows']), options);
    const other = manifestsOf(inventoryOf([second, first] as InventoryInput['flows']), options);
    expect(named(one).sort()).toEqual(named(other).sort());
    expect(one.map(({ metadata }) => metadata.annotations?.['labwright.dev/reason'])).toContain('one "quoted" reason');
  });

  it('are refused for a name that no namespace can have', () => {
    expect(() =>
      manifestsOf(inventoryOf([{ from: 'vps', to: { namespace: 'Apps $(x)' }, ports: 80, reason: 'r' }]), options),
    ).toThrow(/no name of a namespace/);
  });
});

describe('network policies', () => {
  const parties = [apps, { namespace: 'data' }, 'internet', 'nas', 'home', 'db'] as const;
  const flow = fc.record({
    from: fc.constantFrom(...parties.filter((one) => one !== 'db')),
    to: fc.constantFrom(...parties),
    ports: fc.constantFrom(80, '8000-8010', [443, 5432] as const),
    protocol: fc.constantFrom('tcp', 'udp', undefined),
  });
  const ends: readonly ClusterEnd[] = [
    { namespace: 'apps' },
    { namespace: 'data' },
    { namespace: 'other' },
    ...[
      '1.1.1.1',
      '10.77.1.10',
      '10.77.1.99',
      '10.9.9.9',
      '198.51.100.10',
      '198.51.100.7',
      '2606:4700::1',
      'fd77::10',
      'fe80::1',
    ].map((address) => ({ address })),
  ];

  it('allow what flows allow, and nothing else', () => {
    fc.assert(
      fc.property(fc.array(flow, { minLength: 1, maxLength: 6 }), (given) => {
        const flows = given.map(({ ports, protocol, ...rest }) => ({
          ...rest,
          ...(rest.to === 'db' ? {} : { ports, ...(protocol && { protocol }) }),
          reason: 'r',
        }));
        const inventory = inventoryOf(flows as unknown as InventoryInput['flows']);
        const manifests = manifestsOf(inventory, options);
        const known = new Set(manifests.flatMap(({ kind, metadata }) => (kind === 'Namespace' ? metadata.name : [])));
        const wrong: ClusterPacket[] = [];
        for (const from of ends)
          for (const to of ends)
            for (const port of [80, 443, 5432, 8000, 8005, 8011])
              for (const protocol of ['TCP', 'UDP'] as const) {
                const packet = { from, to, protocol, port };
                if (!isOurs(from, known) && !isOurs(to, known)) continue;
                if (isAllowed(manifests, packet) !== isDeclared(inventory, packet, known)) wrong.push(packet);
              }
        expect(wrong).toEqual([]);
      }),
      { numRuns: 30 },
    );
  }, 60_000);

  it('let every pod ask the resolver of the cluster, and nobody else there', () => {
    const manifests = manifestsOf(inventoryOf([{ from: apps, to: 'nas', ports: 80, reason: 'r' }]), options);
    const ask = (labels: Record<string, string>, port: number) =>
      isAllowed(manifests, { from: apps, to: { namespace: 'kube-system', labels }, protocol: 'UDP', port });
    expect([ask({ 'k8s-app': 'kube-dns' }, 53), ask({ 'k8s-app': 'kube-dns' }, 54), ask({}, 53)]).toEqual([
      true,
      false,
      false,
    ]);
  });

  const isOurs = (end: ClusterEnd, known: ReadonlySet<string>) => 'namespace' in end && known.has(end.namespace);

  /** By the flows themselves. */
  function isDeclared(
    inventory: Inventory,
    { from, to, protocol, port }: ClusterPacket,
    known: ReadonlySet<string>,
  ): boolean {
    const { inside, known: hosts } = policyOf(inventory);
    const is = (endpoint: Endpoint, end: ClusterEnd, notInternet: typeof inside) => {
      if (endpoint.kind === 'namespace') return 'namespace' in end && end.namespace === endpoint.name;
      if (!('address' in end)) return false;
      if (endpoint.kind === 'internet') return !notInternet.has(end.address);
      if (endpoint.kind === 'network') return /^10\.77\.1\.|^fd77::/.test(end.address);
      return ['10.77.1.10', 'fd77::10'].includes(end.address);
    };
    const allows = (self: ClusterEnd, side: 'from' | 'to') =>
      !isOurs(self, known) ||
      inventory.flows.some(
        ({ from: sources, to: targets, ports, protocol: asked }) =>
          sources.some((source) => is(source, from, inside)) &&
          targets.some(
            (target) =>
              is(target, to, hosts) &&
              (target.kind === 'service'
                ? protocol === 'TCP' && port === 5432
                : protocol === (asked === 'udp' ? 'UDP' : 'TCP') && hasPort(ports, port)),
          ) &&
          (side === 'from' ? sources : targets).some((one) => one.kind === 'namespace'),
      );
    return allows(from, 'from') && allows(to, 'to');
  }
});
