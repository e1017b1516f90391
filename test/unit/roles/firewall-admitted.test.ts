import { describe, expect, it } from 'vitest';
import { admittedBy, refuseLockOut } from '../../../roles/firewall/admitted.ts';
import { rulesFor } from '../../../roles/firewall/host-rules.ts';
import { params } from '../../../roles/firewall/params.ts';
import { policyOf } from '../../../roles/firewall/policy.ts';
import type { InventoryInput, LabError } from '../../../src/index.ts';
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
  flows: [{ from: ['home', 'vpn', 'internet'], to: 'all', ports: 22, reason: 'administration' }],
};

/** What is said of a login from one address to another, by an interface. */
function saidOf(
  host: string,
  [from, to, device]: readonly [string, string, string],
  { flows = input.flows, ...given }: Record<string, unknown> = {},
) {
  const inventory = resolveInventory({ ...input, flows } as InventoryInput, { at: undefined });
  const rules = rulesFor(inventory.hosts.get(host) as never, policyOf(inventory), inventory, params.parse(given));
  try {
    refuseLockOut(admittedBy(rules), [from, '50000', to, '22', device]);
    return 'let in';
  } catch (error) {
    const { code, details } = error as LabError;
    return `${code}: ${details.expected}, found: ${details.found}`;
  }
}

describe('a login that is in use', () => {
  it('is let in by the way that its address is believed by', () => {
    expect(saidOf('vps', ['198.51.100.7', '203.0.113.10', 'eth0'])).toBe('let in');
    expect(saidOf('vps', ['10.80.0.2', '10.80.0.1', 'wg0'])).toBe('let in');
    expect(saidOf('vps', ['fd80::2', 'fd80::1', 'wg0'])).toBe('let in');
    expect(saidOf('nas', ['192.168.1.7', '192.168.1.10', 'eth0'])).toBe('let in');
  });

  it('needs a flow', () => {
    const flows = [{ from: 'home', to: 'nas', ports: 22, reason: 'administration' }];
    expect(saidOf('vps', ['198.51.100.7', '203.0.113.10', 'eth0'], { flows })).toBe(
      'PLAN_IMPOSSIBLE: a flow that lets 198.51.100.7 reach port 22 of this host at 203.0.113.10, found: none',
    );
  });

  it.each([
    ['a private network that the host is not on', ['192.168.1.7', '203.0.113.10', 'eth0']],
    ['a member of the tunnel', ['10.80.0.2', '203.0.113.10', 'eth0']],
    ['a member of the tunnel, over IPv6', ['fd80::2', 'fd80::1', 'eth0']],
  ] as const)('is refused with the address of %s, by wire', (_, login) => {
    expect(saidOf('vps', login)).toBe(
      `PLAN_IMPOSSIBLE: a connection from ${login[0]} that comes in by wg0, wg0b, wg0c, wg0d: by any other way such a source is forged, found: it comes in by eth0`,
    );
  });

  it('is refused by an interface that its network is not bound to', () => {
    const interfaces = { home: ['lan0', 'lan1'] };
    expect(saidOf('nas', ['192.168.1.7', '192.168.1.10', 'lan1'], { interfaces })).toBe('let in');
    expect(saidOf('nas', ['192.168.1.7', '192.168.1.10', 'eth0'], { interfaces })).toMatch(
      /comes in by lan0, lan1, .*: by any other way/,
    );
    const some = { home: 'lan*' };
    expect(saidOf('nas', ['192.168.1.7', '192.168.1.10', 'lan7'], { interfaces: some })).toBe('let in');
    expect(saidOf('nas', ['192.168.1.7', '192.168.1.10', 'eth0'], { interfaces: some })).toContain('comes in by lan*');
  });

  it('may come out of the tunnel wherever its network is bound to', () => {
    const interfaces = { home: 'lan0' };
    expect(saidOf('nas', ['192.168.1.7', '192.168.1.10', 'wg0'], { interfaces })).toBe('let in');
  });

  it('is not judged by an interface that is not known: without ip(8)', () => {
    expect(saidOf('vps', ['192.168.1.7', '203.0.113.10', ''])).toBe('let in');
  });
});
