import { describe, expect, it } from 'vitest';
import { carriedBy, renderWayOut, wayOutOf } from '../../../roles/firewall/internet/way-out.ts';
import { params } from '../../../roles/firewall/params.ts';
import { policyOf } from '../../../roles/firewall/policy.ts';
import type { InventoryInput } from '../../../src/index.ts';
import { resolveInventory } from '../../../src/model/resolve-inventory.ts';
import type { Host } from '../../../src/model/types.ts';

const byTunnel = { firewall: { internet: 'tunnel' } };
const input: InventoryInput = {
  networks: {
    public: { prefixes: '203.0.113.0/24', public: true },
    home: { prefixes: '192.168.1.0/24' },
    vpn: { prefixes: ['10.80.0.0/24', 'fd80::/64'], tunnel: true },
  },
  hosts: {
    vps: { addresses: { public: '203.0.113.10', vpn: ['10.80.0.1', 'fd80::1'] } },
    nas: { addresses: { home: '192.168.1.10', vpn: ['10.80.0.10', 'fd80::10'] }, params: byTunnel },
    node: { addresses: { home: '192.168.1.11', vpn: ['10.80.0.11', 'fd80::11'] } },
    bare: { addresses: { home: '192.168.1.12' }, params: byTunnel },
  },
  flows: [{ from: 'all', to: 'internet', ports: 443, reason: 'updates' }],
};
const way = (host: string, more: Partial<InventoryInput> = {}, given: object = byTunnel.firewall) => {
  const inventory = resolveInventory({ ...input, ...more }, { at: undefined });
  return wayOutOf(inventory.hosts.get(host) as Host, inventory, policyOf(inventory), params.parse(given));
};

describe('the way to the internet', () => {
  it('is the own line of a host unless the inventory says otherwise', () => {
    expect(way('node', {}, {})).toBeUndefined();
  });

  it('leads through the gateway, by the tunnel alone', () => {
    const found = way('nas');
    expect(found).toMatchObject({ gateway: 'vps' });
    const text = found === undefined ? '' : renderWayOut(found);
    expect(text).toContain('# rule -4 to 192.168.1.0/24 lookup main pref 7600');
    expect(text).toContain('# rule -6 not fwmark 0x4c lookup 76 pref 7602');
    expect(text).toContain('meta mark 0x4c ip daddr { 203.0.113.10 } udp dport 51820-51823 accept');
  });

  it('is known to the gateway', () => {
    const inventory = resolveInventory(input, { at: undefined });
    const carried = (name: string) => carriedBy(inventory.hosts.get(name) as Host, inventory, policyOf(inventory));
    expect([carried('vps'), carried('nas')]).toEqual([['nas'], []]);
  });

  it.each([
    ['a host without a tunnel', 'bare', {}, /bare has no tunnel/],
    ['no flow to the internet', 'nas', { flows: [] }, /no flow leads from nas to the internet/],
    ['a parameter of a play alone', 'node', {}, /parameter of a play/],
  ] as const)('is refused for %s', (_, host, more, message) => {
    expect(() => way(host, more)).toThrow(message);
  });

  it('is refused for a gateway', () => {
    const hosts = { ...input.hosts, vps: { ...input.hosts.vps, params: byTunnel } } as InventoryInput['hosts'];
    expect(() => way('vps', { hosts })).toThrow(/vps is a gateway/);
  });
});
