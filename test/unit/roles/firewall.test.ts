import { describe, expect, it } from 'vitest';
import { permitFor } from '../../../roles/firewall/evaluate.ts';
import { rulesFor } from '../../../roles/firewall/host-rules.ts';
import { params } from '../../../roles/firewall/params.ts';
import { policyOf } from '../../../roles/firewall/policy.ts';
import { problemsOf } from '../../../roles/firewall/problems.ts';
import { openingsOf } from '../../../roles/firewall/reach.ts';
import { commented, renderNftables } from '../../../roles/firewall/render-nftables.ts';
import type { InventoryInput } from '../../../src/index.ts';
import { resolveInventory } from '../../../src/model/resolve-inventory.ts';

const input: InventoryInput = {
  networks: {
    public: { prefixes: '203.0.113.0/24', public: true },
    home: { prefixes: '192.168.1.0/24' },
    vpn: { prefixes: ['10.80.0.0/24', 'fd80::/64'], tunnel: true },
  },
  hosts: {
    vps: { addresses: { public: '203.0.113.10', vpn: ['10.80.0.1', 'fd80::1'] } },
    nas: { addresses: { home: '192.168.1.10', vpn: ['10.80.0.10', 'fd80::10'] } },
  },
  devices: { phone: { addresses: { vpn: ['10.80.0.2', 'fd80::2'] } } },
  services: {
    photos: { host: 'nas', port: 2342, public: 'photos.example.dev', gateways: 'vps' },
    git: { host: 'nas', port: 2222, mode: 'tcp', public: 'git.example.dev', gateways: 'vps' },
    files: { host: 'nas', port: 445 },
  },
};
type Flows = NonNullable<InventoryInput['flows']>;
const inventoryOf = (flows: Flows = [], more: Partial<InventoryInput> = {}) =>
  resolveInventory({ ...input, ...more, flows }, { at: undefined });
const opened = (flows: Flows, more: Partial<InventoryInput> = {}) => {
  const inventory = inventoryOf(flows, more);
  return openingsOf(policyOf(inventory), inventory)
    .filter(({ permit }) => permit.origin.kind !== 'tunnel')
    .map(({ from, to, permit }) =>
      `${from.name} → ${to.name} ${permit.ports.map(({ first }) => first)}/${permit.protocol} ${permit.via ?? ''}`.trim(),
    );
};
const rendered = (
  host: string,
  flows: Flows,
  given: Record<string, unknown> = {},
  more: Partial<InventoryInput> = {},
) => {
  const inventory = inventoryOf(flows, more);
  const found = inventory.hosts.get(host);
  if (found === undefined) throw new Error(host);
  const parsed = params.parse(given);
  return renderNftables(rulesFor(found, policyOf(inventory), inventory, parsed), parsed, 22);
};

describe('the policy', () => {
  it('opens the gateway to the internet, and the service to the gateway, for a public name', () => {
    expect(opened([], { services: { photos: input.services?.photos as never } })).toEqual([
      'internet → vps 80,443/tcp',
      'internet → vps 443/udp',
      'vps → nas 2342/tcp',
    ]);
  });

  it('lets packets through a gateway that passes them on, with the address of the client', () => {
    expect(opened([], { services: { git: input.services?.git as never } })).toEqual(['internet → nas 2222/tcp vps']);
  });

  it('opens what a gateway passes on under addresses that strangers have no other way to', () => {
    const nas = {
      addresses: { public: '203.0.113.20', home: '192.168.1.10', vpn: ['10.80.0.10', 'fd80::10'] },
    };
    const hosts = { ...input.hosts, nas } as NonNullable<InventoryInput['hosts']>;
    const policy = policyOf(inventoryOf([], { hosts }));
    const reaches = (destination: string) =>
      permitFor(policy, { source: '198.51.100.7', destination, protocol: 'tcp', port: 2222 }) !== undefined;
    expect(['203.0.113.20', '10.80.0.10'].map(reaches)).toEqual([false, true]);
    const text = rendered('nas', [], {}, { hosts });
    expect(text).toMatch(/daddr \{ 10\.80\.0\.10, 192\.168\.1\.10 \} jump incoming_at1/);
    expect(text.match(/set in_internet \{[^}]*\}/)?.[0]).not.toContain('2222');
  });

  it('lets a flow to a service lead there directly as well as through the gateway', () => {
    const services = { photos: input.services?.photos as never };
    expect(opened([{ from: 'phone', to: 'photos', reason: 'albums' }], { services })).toEqual(
      expect.arrayContaining(['phone → nas 2342/tcp', 'phone → vps 80,443/tcp']),
    );
  });

  it('opens nothing without a flow', () => {
    expect(opened([], { services: {} })).toEqual([]);
  });

  it('leads from a host to the internet, and not to hosts of the inventory that are there', () => {
    expect(opened([{ from: 'nas', to: 'internet', ports: 443, reason: 'updates' }], { services: {} })).toEqual([
      'nas → internet 443/tcp',
    ]);
  });

  it('refuses all ports of a host for the internet, and names the flow', () => {
    const inventory = inventoryOf([{ from: 'internet', to: 'vps', ports: 'any', reason: 'by mistake' }]);
    expect(() => policyOf(inventory)).toThrow(/the flow "by mistake" opens every port of vps to the internet/);
  });
});

describe('what nobody can have meant', () => {
  const messages = (flows: Flows, more: Partial<InventoryInput> = {}) => {
    const inventory = inventoryOf(flows, { services: { files: input.services?.files as never }, ...more });
    return problemsOf(policyOf(inventory), inventory).map(({ message }) => message);
  };

  it('is a service that no flow leads to', () => {
    expect(messages([])).toEqual(['nobody can reach the service files (nas:445/tcp): no flow leads to it']);
    expect(messages([{ from: 'home', to: 'files', reason: 'films' }])).toEqual([]);
  });

  it('is a flow that another makes superfluous', () => {
    expect(
      messages([
        { from: 'home', to: 'files', reason: 'films' },
        { from: 'home', to: 'nas', ports: '400-500', reason: 'everything' },
      ]),
    ).toEqual(['flow 1 (films) adds nothing: flow 2 (everything) allows it already']);
  });

  it('is a flow of somebody without an address', () => {
    expect(
      messages(
        [
          { from: ['home', 'tablet'], to: 'files', reason: 'films' },
          { from: 'tablet', to: 'nas', ports: 80, reason: 'notes' },
        ],
        {
          devices: { tablet: {} },
        },
      ),
    ).toEqual(['flow 2 (notes) can never match: tablet has no address']);
  });
});

describe('a range of ports', () => {
  it.each([
    ['8010-8000', 'this range of ports is reversed'],
    ['0-10', 'this is no range of ports'],
    ['80-70000', 'this is no range of ports'],
  ])('%s is refused', (ports, message) => {
    expect(() => inventoryOf([{ from: 'phone', to: 'nas', ports: ports as '1-2', reason: 'r' }])).toThrow(message);
  });
});

describe('rules for nft', () => {
  it('hold a packet against sets, and not against one rule after the other', () => {
    const flows = (count: number): Flows =>
      Array.from({ length: count }, (_, at) => ({ from: 'phone', to: 'nas', ports: 1000 + 2 * at, reason: `r${at}` }));
    const rules = (text: string) => text.slice(text.indexOf('\tchain ')).split('\n').length;
    expect(rules(rendered('nas', flows(500)))).toBe(rules(rendered('nas', flows(1))));
  });

  it('take what comes from the tunnel by its interfaces alone, also those of a rotation of keys', () => {
    const text = rendered('nas', []);
    expect(text).toContain('"wg0",\n\t\t\t"wg0b",\n\t\t\t"wg0c",\n\t\t\t"wg0d"');
    expect(text).toContain('ip saddr @through_tunnel4 counter drop');
  });

  it('take a private network by the interfaces that it is declared to be on', () => {
    expect(rendered('nas', [], { interfaces: { home: ['eth1', 'eth2'] } })).toContain(
      'ip saddr { 192.168.1.0/24 } iifname != { "eth1", "eth2" } counter drop',
    );
    expect(() => rendered('nas', [], { interfaces: { hme: 'eth1' } })).toThrow(/no network "hme"/);
  });

  it('leave alone what the host sends itself, unless it is asked for', () => {
    expect(rendered('nas', [])).not.toContain('hook output');
    expect(rendered('nas', [], { egress: 'declared' })).toContain('hook output');
  });

  it('give what leaves the tunnel for the internet the address of the gateway', () => {
    const flows: Flows = [{ from: 'phone', to: 'internet', ports: 'any', reason: 'full tunnel' }];
    expect(rendered('vps', flows)).toContain('ip daddr != @known4 snat ip to 203.0.113.10');
    expect(rendered('vps', [])).not.toContain('snat');
  });

  it('show the reason of each flow, whatever is in it', () => {
    const reason = `"; flush ruleset; \n$(reboot) ${'ä'.repeat(200)}`;
    const text = rendered('nas', [{ from: 'phone', to: 'nas', ports: 22, reason }]);
    expect(text).toContain(`comment "phone → nas: '; flush ruleset; $(reboot) ää`);
    expect(text).not.toContain('\n$(reboot)');
    const [, comment = ''] = / comment "(.*)"$/.exec(commented(reason)) ?? [];
    expect(Buffer.byteLength(comment)).toBeLessThan(128);
  });
});
