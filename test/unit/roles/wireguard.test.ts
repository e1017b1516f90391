import { describe, expect, it } from 'vitest';
import { membersOf, tunnelOf } from '../../../roles/wireguard/mesh.ts';
import { params } from '../../../roles/wireguard/params.ts';
import { renderConfig } from '../../../roles/wireguard/render-config.ts';
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
    node: { addresses: { home: '192.168.1.11', vpn: '10.80.0.11' } },
    printer: { addresses: { home: '192.168.1.20' } },
  },
};
const inventoryOf = (more: Partial<InventoryInput> = {}) => resolveInventory({ ...input, ...more }, { at: undefined });
const tunnelFor = (host: string, given: Parameters<typeof params.parse>[0] = {}, inventory = inventoryOf()) => {
  const found = inventory.hosts.get(host);
  if (found === undefined) throw new Error(`no host ${host}`);
  return tunnelOf(found, inventory, params.parse(given));
};

describe('a hub and its spokes', () => {
  it('has every host with an address on the tunnel as a member, and the public one as its gateway', () => {
    expect(membersOf(inventoryOf(), params.parse({})).map(({ host, gateway }) => [host, gateway])).toEqual([
      ['vps', true],
      ['nas', false],
      ['node', false],
    ]);
  });

  it('gives the gateway one peer a spoke, with its own addresses only and nowhere to dial', () => {
    expect(tunnelFor('vps')).toEqual({
      addresses: ['10.80.0.1/24', 'fd80::1/64'],
      listens: true,
      forwards: true,
      peers: [
        { host: 'nas', allowedIps: ['10.80.0.10/32', 'fd80::10/128'], endpoint: null, keepalive: 0 },
        { host: 'node', allowedIps: ['10.80.0.11/32'], endpoint: null, keepalive: 0 },
      ],
    });
  });

  it('lets a spoke dial the gateway for everything inside, and nobody dial a spoke', () => {
    expect(tunnelFor('nas')).toEqual({
      addresses: ['10.80.0.10/24', 'fd80::10/64'],
      listens: false,
      forwards: false,
      peers: [
        { host: 'vps', allowedIps: ['10.80.0.0/24', 'fd80::/64'], endpoint: '203.0.113.10:51820', keepalive: 25 },
      ],
    });
  });

  it('never shows a home address: no configuration of the gateway holds one', () => {
    const keys = new Map(['vps', 'nas', 'node'].map((name) => [name, `${name}=`]));
    expect(renderConfig(tunnelFor('vps'), keys, params.parse({}))).not.toContain('192.168.');
  });
});

it('in a mesh, lets hosts on a common network talk directly', () => {
  const { peers, listens } = tunnelFor('nas', { topology: 'mesh' });
  expect(listens).toBe(true);
  expect(peers.map(({ host, allowedIps, endpoint }) => [host, allowedIps, endpoint])).toEqual([
    ['vps', ['10.80.0.0/24', 'fd80::/64'], '203.0.113.10:51820'],
    ['node', ['10.80.0.11/32'], '192.168.1.11:51820'],
  ]);
});

it('sends what is behind a spoke through the gateway', () => {
  const hosts = { ...input.hosts, nas: { ...input.hosts.nas, params: { wireguard: { sites: ['10.9.0.0/16'] } } } };
  const inventory = inventoryOf({ hosts: hosts as InventoryInput['hosts'] });
  expect(tunnelFor('vps', {}, inventory).peers[0]?.allowedIps).toContain('10.9.0.0/16');
  expect(tunnelFor('node', {}, inventory).peers[0]?.allowedIps).toContain('10.9.0.0/16');
  expect(tunnelFor('nas', { sites: ['10.9.0.0/16'] }, inventory).forwards).toBe(true);
});

it('keeps a peer without a known key out of the configuration, and the private key too', () => {
  const text = renderConfig(tunnelFor('vps'), new Map([['nas', 'nas-key=']]), params.parse({}));
  expect(text).toContain('PublicKey = nas-key=');
  expect(text).not.toContain('# node');
  expect(text).not.toMatch(/^PrivateKey/m);
});

describe('a model that makes no tunnel is refused', () => {
  it.each([
    [
      'without the network',
      { networks: { home: { prefixes: '192.168.1.0/24' } }, hosts: { nas: { addresses: { home: '192.168.1.10' } } } },
      'nas',
      'no tunnel "vpn"',
    ],
    ['without an address of the host', {}, 'printer', 'no address on the tunnel'],
    [
      'without anybody to dial',
      { hosts: { nas: { addresses: { home: '192.168.1.10', vpn: '10.80.0.10' } } } },
      'nas',
      'nobody in the tunnel',
    ],
    [
      'with a prefix behind two hosts',
      {
        hosts: {
          ...input.hosts,
          nas: { ...input.hosts.nas, params: { wireguard: { sites: ['10.9.0.0/16'] } } },
          node: { ...input.hosts.node, params: { wireguard: { sites: ['10.9.0.0/16'] } } },
        },
      },
      'vps',
      'behind two hosts',
    ],
  ])('%s', (_, more, host, message) => {
    expect(() => tunnelFor(host, {}, inventoryOf(more as Partial<InventoryInput>))).toThrow(message);
  });
});
