import type { InventoryInput } from '../../src/index.ts';
import { resolveInventory } from '../../src/model/resolve-inventory.ts';
import type { Inventory } from '../../src/model/types.ts';

export interface Pick {
  integer(below: number): number;
}

export const parties = ['vps', 'nas', 'node', 'phone', 'lan', 'all', 'internet', 'photos', 'dns', 'indoors'] as const;
export const somePorts = [22, 53, 80, 81, 443, 2342, 8000, 8005, 8010, 51820, 65535] as const;

/** A homelab with flows that nobody has thought about: networks that hold hosts, ranges that overlap, both families. */
export function randomInventory({ integer }: Pick): Inventory {
  const pick = <T>(from: readonly T[]): T => from[integer(from.length)] as T;
  const flows = Array.from({ length: integer(9) }, () => {
    const from = Array.from({ length: 1 + integer(2) }, () => pick(parties));
    const to = pick(parties.filter((name) => name !== 'internet' || integer(4) === 0));
    const isService = to === 'photos' || to === 'dns';
    const ports = pick(['any', 22, [80, 443], '8000-8010', ['8005-8020', 53], 2342] as const);
    const noPorts = isService || (from.includes('internet') && ports === 'any');
    return {
      from: isService || !noPorts ? from : 'lan',
      to,
      ...(isService ? {} : { ports: noPorts ? 22 : ports }),
      ...(isService || noPorts || ports === 'any' || integer(2) === 0 ? {} : { protocol: 'udp' as const }),
      reason: `reason ${integer(100)} "quoted"\nand $(more)`,
    };
  });
  const input: InventoryInput = {
    networks: {
      public: { prefixes: ['10.77.0.0/24', '2001:db8:77::/64'], public: true },
      lan: { prefixes: ['10.77.1.0/24', 'fd77:1::/64'] },
      vpn: { prefixes: ['10.80.0.0/24', 'fd80::/64'], tunnel: true },
    },
    groups: { indoors: {} },
    hosts: {
      vps: {
        addresses: { public: ['10.77.0.10', '2001:db8:77::10'], vpn: ['10.80.0.1', 'fd80::1'] },
      },
      nas: { groups: ['indoors'], addresses: { lan: ['10.77.1.10', 'fd77:1::10'], vpn: ['10.80.0.10', 'fd80::10'] } },
      node: { groups: ['indoors'], addresses: { lan: '10.77.1.11', vpn: ['10.80.0.11', 'fd80::11'] } },
    },
    devices: { phone: { addresses: { vpn: ['10.80.0.2', 'fd80::2'] } } },
    services: {
      photos: {
        host: 'nas',
        port: 2342,
        ...(integer(2) === 0 ? { public: 'photos.example.dev', gateways: 'vps' } : {}),
      },
      dns: { host: 'node', port: 53, protocol: 'udp' },
    },
    flows: flows as InventoryInput['flows'],
  };
  return resolveInventory(input, { at: undefined });
}

/** Addresses from everywhere: members, their neighbours, the edges of networks, and strangers. */
export const someSources = {
  ipv4: [
    ...[
      '10.77.0.10',
      '10.77.0.50',
      '10.77.0.255',
      '10.77.1.0',
      '10.77.1.10',
      '10.77.1.11',
      '10.77.1.12',
      '10.77.1.255',
    ],
    ...['10.77.2.0', '10.80.0.0', '10.80.0.1', '10.80.0.2', '10.80.0.10', '10.80.0.11', '10.80.0.99', '10.80.1.0'],
    ...['1.1.1.1', '8.8.8.8', '192.168.5.5', '100.64.0.1', '172.20.0.1', '223.255.255.255', '203.0.113.7'],
  ],
  ipv6: [
    ...['2001:db8:77::10', '2001:db8:77::50', 'fd77:1::', 'fd77:1::10', 'fd77:1::99', 'fd77:1:0:1::', 'fd80::1'],
    ...['fd80::2', 'fd80::10', 'fd80::11', 'fd80::99', 'fd80:0:0:1::', '2606:4700::1111', '2001:4860::8888', 'fd00::1'],
  ],
} as const;
