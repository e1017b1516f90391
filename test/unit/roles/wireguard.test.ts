import { describe, expect, it } from 'vitest';
import { membersOf, tunnelOf } from '../../../roles/wireguard/mesh.ts';
import { params } from '../../../roles/wireguard/params.ts';
import { linkLocalOf } from '../../../roles/wireguard/probe-address.ts';
import { renderConfig, renderLinks } from '../../../roles/wireguard/render.ts';
import type { LinkEnd, TunnelState } from '../../../roles/wireguard/state.ts';
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

/** The link-local address that reaches a host by one interface. */
const probe = (host: string) => `${linkLocalOf(host)}/128`;

const base = { interface: 'wg0', port: 51820 };

describe('a hub and its spokes', () => {
  it('has every host with an address on the tunnel as a member, and the public one as its gateway', () => {
    expect(membersOf(inventoryOf(), params.parse({})).map(({ host, gateway }) => [host, gateway])).toEqual([
      ['vps', true],
      ['nas', false],
      ['node', false],
    ]);
  });

  it('gives the gateway one peer a spoke, with its own addresses only and nowhere to dial', () => {
    const spoke = { dial: null, keepalive: 0, isDevice: false, base };
    expect(tunnelFor('vps')).toEqual({
      addresses: ['10.80.0.1', 'fd80::1'],
      listens: true,
      forwards: true,
      internet: null,
      peers: [
        { name: 'nas', allowedIps: ['10.80.0.10/32', 'fd80::10/128', probe('nas')], ...spoke },
        { name: 'node', allowedIps: ['10.80.0.11/32', probe('node')], ...spoke },
      ],
    });
  });

  it('needs somebody to dial, and says how to have one, also without a server', () => {
    const hosts = { nas: input.hosts.nas, node: input.hosts.node } as InventoryInput['hosts'];
    expect(() => tunnelFor('nas', {}, inventoryOf({ hosts }))).toThrow(
      expect.objectContaining({
        details: expect.objectContaining({ hint: expect.stringContaining("gateways: ['nas']") }),
      }),
    );
    const atHome = tunnelFor('node', { gateways: ['nas'] }, inventoryOf({ hosts }));
    expect(atHome.peers).toMatchObject([{ name: 'nas', dial: '192.168.1.10' }]);
  });

  it('lets a spoke dial the gateway for everything inside, and nobody dial a spoke', () => {
    const gateway = { name: 'vps', dial: '203.0.113.10', keepalive: 25, isDevice: false, base };
    expect(tunnelFor('nas')).toEqual({
      addresses: ['10.80.0.10', 'fd80::10'],
      listens: false,
      forwards: false,
      internet: null,
      peers: [{ ...gateway, allowedIps: ['10.80.0.0/24', 'fd80::/64', probe('vps')] }],
    });
  });

  it('never shows a home address: no configuration of the gateway holds one', () => {
    expect(configOf('vps', ['nas', 'node'])).not.toContain('192.168.');
  });

  it('has devices behind the gateway, as peers that dial it', () => {
    const devices = { phone: { addresses: { vpn: '10.80.0.100' } } };
    const [last] = tunnelFor('vps', {}, inventoryOf({ devices })).peers.slice(-1);
    expect(last).toEqual({
      name: 'phone',
      allowedIps: ['10.80.0.100/32'],
      dial: null,
      keepalive: 0,
      isDevice: true,
      base,
    });
    expect(tunnelFor('nas', {}, inventoryOf({ devices })).peers.map(({ name }) => name)).toEqual(['vps']);
  });
});

it('has several gateways, of which the first carries what the others send each other', () => {
  const second = { addresses: { public: '203.0.113.20', vpn: '10.80.0.2' } };
  const inventory = inventoryOf({
    hosts: { ...input.hosts, second } as InventoryInput['hosts'],
    devices: { phone: { addresses: { vpn: '10.80.0.100' } } },
  });
  expect(tunnelFor('nas', {}, inventory).peers.map(({ name, allowedIps, dial }) => [name, allowedIps, dial])).toEqual([
    ['vps', ['10.80.0.0/24', 'fd80::/64', probe('vps')], '203.0.113.10'],
    ['second', ['10.80.0.2/32', probe('second')], '203.0.113.20'],
  ]);
  const [toFirst] = tunnelFor('second', {}, inventory).peers;
  expect([toFirst?.name, toFirst?.allowedIps]).toEqual([
    'vps',
    ['10.80.0.1/32', 'fd80::1/128', probe('vps'), '10.80.0.100/32'],
  ]);
});

it('in a mesh, lets hosts on a common network talk directly', () => {
  const { peers, listens } = tunnelFor('nas', { topology: 'mesh' });
  expect(listens).toBe(true);
  expect(peers.map(({ name, allowedIps, dial }) => [name, allowedIps, dial])).toEqual([
    ['vps', ['10.80.0.0/24', 'fd80::/64', probe('vps')], '203.0.113.10'],
    ['node', ['10.80.0.11/32', probe('node')], '192.168.1.11'],
  ]);
});

describe('a site behind a spoke', () => {
  const sites = (prefix: string) => {
    const nas = { ...input.hosts.nas, params: { wireguard: { sites: [prefix] } } };
    return inventoryOf({ hosts: { ...input.hosts, nas } as InventoryInput['hosts'] });
  };

  it('is reached through the gateway', () => {
    expect(tunnelFor('vps', {}, sites('10.9.0.0/16')).peers[0]?.allowedIps).toContain('10.9.0.0/16');
    expect(tunnelFor('node', {}, sites('10.9.0.0/16')).peers[0]?.allowedIps).toContain('10.9.0.0/16');
    expect(tunnelFor('nas', { sites: ['10.9.0.0/16'] }, sites('10.9.0.0/16')).forwards).toBe(true);
  });

  it('is not sent through the tunnel by a host that stands in it', () => {
    expect(tunnelFor('vps', {}, sites('192.168.1.0/24')).peers[0]?.allowedIps).toContain('192.168.1.0/24');
    expect(tunnelFor('node', {}, sites('192.168.1.0/24')).peers[0]?.allowedIps).not.toContain('192.168.1.0/24');
  });
});

describe('a configuration', () => {
  it('has a peer only when its key is known, and never a private or a preshared key', () => {
    const text = configOf('vps', ['nas']);
    expect(text).toContain(`PublicKey = ${keyOf('nas wg0')}`);
    expect(text).toContain('# PresharedKey = /etc/wireguard/wg0.nas.psk');
    expect(text).not.toContain('# node');
    expect(text).not.toMatch(/^(PrivateKey|PresharedKey)/m);
  });

  it('of a further interface has the next port, at both ends', () => {
    const end = endOn('wg0b', { phase: 'staged' });
    expect(configOf('vps', ['nas'], end)).toContain('ListenPort = 51821');
    expect(configOf('nas', ['vps'], end)).toContain('Endpoint = 203.0.113.10:51821');
  });

  it('has routes only by the interface that is active', () => {
    const links: TunnelState['links'] = new Map([['nas', [endOn('wg0', { phase: 'draining' }), endOn('wg0b')]]]);
    const text = renderLinks(tunnelFor('vps'), links);
    expect(text).toContain('route replace 10.80.0.10/32 dev wg0b ');
    expect(text).not.toContain('dev wg0 ');
    expect(text).not.toContain('fe80:');
  });
});

/** As `wg pubkey` prints one. */
const keyOf = (name: string) => Buffer.alloc(32, name).toString('base64');

function endOn(name: string, more: Partial<LinkEnd> = {}): LinkEnd {
  return {
    interface: name,
    peerInterface: name,
    presharedKey: '0123456789abcdef',
    phase: 'active',
    peerKey: null,
    ...more,
  };
}

function configOf(host: string, known: readonly string[], end = endOn('wg0')): string {
  const links = new Map(known.map((name) => [name, [{ ...end, peerKey: keyOf(`${name} wg0`) }]]));
  return renderConfig(host, end.interface, tunnelFor(host), links, params.parse({}));
}

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
      'belongs to two in the tunnel',
    ],
  ])('%s', (_, more, host, message) => {
    expect(() => tunnelFor(host, {}, inventoryOf(more as Partial<InventoryInput>))).toThrow(message);
  });
});

it('dials each gateway at the port and the name that its own parameters have', () => {
  const { vps, ...others } = input.hosts ?? {};
  const moved = { ...vps, params: { wireguard: { port: 443, endpoint: 'home.example.dev' } } };
  const inventory = inventoryOf({ hosts: { vps: moved, ...others } as never });
  const tunnel = tunnelFor('nas', {}, inventory);
  expect(tunnel.peers[0]).toMatchObject({ dial: 'home.example.dev', base: { port: 443 } });
  const state = new Map([['vps', [endOn('wg0', { peerKey: keyOf('vps wg0') })]]]);
  expect(renderConfig('nas', 'wg0', tunnel, state, params.parse({}))).toContain('Endpoint = home.example.dev:443\n');
});

it('listens where nobody dials it when it is told to', () => {
  expect(tunnelFor('nas', { listen: true }).listens).toBe(true);
});
