import { describe, expect, it } from 'vitest';
import { parseFound } from '../../../roles/wireguard/found/found.ts';
import { adoptTunnels } from '../../../src/adopt/wireguard/compile.ts';
import { parseConfigFile } from '../../../src/adopt/wireguard/config-file.ts';
import type { FoundTunnel } from '../../../src/adopt/wireguard/look.ts';
import { withEntries } from '../../../src/adopt/with-entries.ts';
import type { InventoryInput } from '../../../src/index.ts';
import { resolveInventory } from '../../../src/model/resolve-inventory.ts';

const keyOf = (name: string) => Buffer.alloc(32, name).toString('base64');
const inventoryOf = (more: Partial<InventoryInput> = {}) =>
  resolveInventory(
    { hosts: { vps: { address: 'vps' }, nas: { address: 'nas' }, node: { address: 'node' } }, ...more },
    { at: undefined },
  );

interface PeerText {
  readonly key: string;
  readonly allowed: string;
  readonly endpoint?: string;
  readonly keepalive?: number;
  readonly above?: string;
}

/** An interface that runs as its configuration says. */
function tunnel(host: string, lines: readonly string[], peers: readonly PeerText[], name = 'wg0'): FoundTunnel {
  const valuesOf = (option: string) =>
    lines.flatMap((line) => (line.startsWith(`${option} = `) ? line.slice(option.length + 3).split(', ') : []));
  const text = [
    '[Interface]',
    'PrivateKey = (hidden)',
    ...lines,
    ...peers.flatMap(({ key, allowed, endpoint, keepalive, above }) => [
      ...(above === undefined ? [] : [above]),
      '[Peer]',
      `PublicKey = ${keyOf(key)}`,
      `AllowedIPs = ${allowed}`,
      ...(endpoint === undefined ? [] : [`Endpoint = ${endpoint}`]),
      ...(keepalive === undefined ? [] : [`PersistentKeepalive = ${keepalive}`]),
    ]),
  ].join('\n');
  const found = parseFound(
    [
      `running ${name} ${keyOf(host)}`,
      `port ${name} ${valuesOf('ListenPort')[0] ?? '40000'}`,
      `mtu ${name} 1420`,
      ...valuesOf('Address').map((address) => `address ${name} ${address}`),
      ...peers.map(
        ({ key, allowed, keepalive }) =>
          `peer ${name} ${keyOf(key)} none none ${keepalive ?? 0} ${allowed.replaceAll(', ', ' ')}`,
      ),
    ].join('\n'),
  );
  const file = `/etc/wireguard/${name}.conf`;
  return {
    ...{ host, name, isOurs: false, files: [file] },
    running: found.interfaces.get(name),
    sections: parseConfigFile(file, text),
  };
}

const vps = tunnel(
  'vps',
  ['Address = 10.8.0.1/24', 'ListenPort = 51820'],
  [
    { key: 'nas', allowed: '10.8.0.2/32, 192.168.1.0/24' },
    { key: 'phone', allowed: '10.8.0.3/32', above: '### begin Ada’s Phone (2024) ###' },
    { key: 'tablet', allowed: '10.8.0.4/32' },
  ],
);
const nas = tunnel(
  'nas',
  ['Address = 10.8.0.2/32'],
  [{ key: 'vps', allowed: '10.8.0.0/24', endpoint: '45.33.32.156:51820', keepalive: 25 }],
);

describe('a hub with a spoke and devices', () => {
  it('becomes a network, addresses, a site and devices, and nothing that has its default', () => {
    expect(adoptTunnels([vps, nas], inventoryOf()).entries).toEqual({
      networks: {
        public: { prefixes: '45.33.32.156/32', public: true },
        vpn: { prefixes: '10.8.0.0/24', tunnel: true },
      },
      hosts: {
        vps: { addresses: { public: '45.33.32.156', vpn: '10.8.0.1' } },
        nas: { addresses: { vpn: '10.8.0.2' }, params: { wireguard: { sites: ['192.168.1.0/24'] } } },
      },
      devices: {
        'adas-phone': { addresses: { vpn: '10.8.0.3' } },
        'peer-10-8-0-4': { addresses: { vpn: '10.8.0.4' } },
      },
    });
  });

  it('changes nothing of what runs, by what the role itself compiles from the entries', () => {
    expect(adoptTunnels([vps, nas], inventoryOf()).differences).toEqual([]);
  });

  it('tells of a peer of a spoke that nobody was read of as of a change, which it is', () => {
    const strange = tunnel(
      'nas',
      ['Address = 10.8.0.2/32'],
      [
        { key: 'vps', allowed: '10.8.0.0/24', endpoint: '45.33.32.156:51820', keepalive: 25 },
        { key: 'friend', allowed: '10.8.0.9/32' },
      ],
    );
    expect(adoptTunnels([vps, strange], inventoryOf()).differences).toEqual([
      expect.objectContaining({ host: 'nas', instead: expect.stringContaining('no peer') }),
    ]);
  });

  it('proposes nothing where the role has other hosts of it, whose part of the inventory is right', () => {
    const declared = withEntries(inventoryOf(), adoptTunnels([vps, nas], inventoryOf()).entries);
    for (const [taken, left] of [[vps, nas] as const, [nas, vps] as const]) {
      const ours = { ...taken, running: undefined, isOurs: true };
      const { entries, differences, members, devices } = adoptTunnels([ours, left], declared);
      expect({ entries, differences }).toEqual({ entries: {}, differences: [] });
      expect(members.map(({ host }) => host)).toEqual([left.host]);
      expect(devices.map(({ name }) => name)).toEqual(left === vps ? ['adas-phone', 'peer-10-8-0-4'] : []);
    }
  });

  it('tells of a firewall mark, with which the run would stop in the middle', () => {
    const marked = { ...nas, running: nas.running && { ...nas.running, mark: '0xca6c' } };
    expect(adoptTunnels([vps, marked], inventoryOf()).differences).toEqual([
      expect.objectContaining({ host: 'nas', found: 'firewall mark 0xca6c' }),
    ]);
  });

  it('shows nothing that the inventory has', () => {
    const { entries } = adoptTunnels([vps, nas], inventoryOf());
    const again = adoptTunnels([vps, nas], withEntries(inventoryOf(), entries));
    expect(again.entries).toEqual({ networks: {}, hosts: {}, devices: {} });
    expect(again.devices.map(({ name, isDeclared }) => [name, isDeclared])).toEqual([
      ['adas-phone', true],
      ['peer-10-8-0-4', true],
    ]);
  });

  it('tells what an inventory that says something else would change', () => {
    const { entries } = adoptTunnels([vps, nas], inventoryOf());
    const other = withEntries(inventoryOf({ params: { wireguard: { keepalive: 10, mtu: 1280 } } }), entries);
    const merged = { ...other, hosts: new Map(other.hosts) };
    expect(
      adoptTunnels([vps, nas], merged).entries.params,
      'parameters that differ are shown as entries that set them right',
    ).toEqual({ wireguard: { mtu: 1420, keepalive: 25 } });
  });
});

it('takes the name that a hub at home is dialled by, and no private address for a public one', () => {
  const { entries } = adoptTunnels(
    [
      vps,
      tunnel(
        'nas',
        ['Address = 10.8.0.2/32'],
        [{ key: 'vps', allowed: '10.8.0.0/24', endpoint: 'home.example.dev:51820', keepalive: 25 }],
      ),
    ],
    inventoryOf(),
  );
  expect(entries.params).toEqual({ wireguard: { gateways: ['vps'] } });
  expect(entries.hosts?.vps).toMatchObject({ params: { wireguard: { endpoint: 'home.example.dev' } } });
});

it('keeps the port of a spoke that has one, and a keepalive of never', () => {
  const spoke = tunnel(
    'nas',
    ['Address = 10.8.0.2/32', 'ListenPort = 1234'],
    [{ key: 'vps', allowed: '10.8.0.0/24', endpoint: '45.33.32.156:51820' }],
  );
  const { entries, differences } = adoptTunnels([vps, spoke], inventoryOf());
  expect(entries.params).toEqual({ wireguard: { keepalive: 0 } });
  expect(entries.hosts?.nas).toMatchObject({ params: { wireguard: { port: 1234, listen: true } } });
  expect(differences).toEqual([]);
});

it('makes a mesh of hosts that have a link past the hub', () => {
  const hub = tunnel(
    'vps',
    ['Address = 10.8.0.1/24', 'ListenPort = 51820'],
    [
      { key: 'nas', allowed: '10.8.0.2/32' },
      { key: 'node', allowed: '10.8.0.3/32' },
    ],
  );
  const dial = { key: 'vps', allowed: '10.8.0.0/24', endpoint: '45.33.32.156:51820', keepalive: 25 };
  const one = tunnel('nas', ['Address = 10.8.0.2/24'], [dial, { key: 'node', allowed: '10.8.0.3/32' }]);
  const two = tunnel('node', ['Address = 10.8.0.3/24'], [dial, { key: 'nas', allowed: '10.8.0.2/32' }]);
  expect(adoptTunnels([hub, one, two], inventoryOf()).entries.params).toMatchObject({
    wireguard: { topology: 'mesh' },
  });
});

it.each([
  ['PostUp = iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE', /internet: 'tunnel'/],
  ['PostUp = ip route add 10.9.0.0/16 dev wg0', /sites/],
  ['PostDown = /root/notify.sh', /a unit or a command/],
  ['Table = 4242', /no table of its own/],
  ['DNS = 10.8.0.1', /role dns/],
  ['SaveConfig = true', /inventory/],
  ['FwMark = 0xca6c', /refuses/],
  ['MTU = 1200', /1280/],
  ['Jc = 4', /no place in the model/],
  ['# made on a Sunday', /a comment/],
])('names %s with its line, and what there is for it', (line, instead) => {
  const { notes } = adoptTunnels(
    [tunnel('vps', ['Address = 10.8.0.1/24', line, 'ListenPort = 51820'], [])],
    inventoryOf(),
  );
  expect(notes).toContainEqual({
    host: 'vps',
    file: '/etc/wireguard/wg0.conf',
    line: 4,
    found: line,
    instead: expect.stringMatching(instead),
  });
});

it('names peers that have no place, and takes them for nobody', () => {
  const hub = tunnel(
    'vps',
    ['Address = 10.8.0.1/24', 'ListenPort = 51820'],
    [{ key: 'stranger', allowed: '172.20.0.0/16' }],
  );
  const { notes, devices } = adoptTunnels([hub], inventoryOf());
  expect(devices).toEqual([]);
  expect(notes).toContainEqual(expect.objectContaining({ line: 5, found: `peer ${keyOf('stranger')}` }));
});

it('takes one tunnel of a host, the one with links to the others', () => {
  const provider = tunnel(
    'nas',
    ['Address = 100.64.0.2/32'],
    [{ key: 'provider', allowed: '100.64.0.0/10' }],
    'mullvad',
  );
  const { members, notes } = adoptTunnels([vps, provider, nas], inventoryOf());
  expect(members.map(({ host, tunnel: one }) => `${host} ${one.name}`)).toEqual(['vps wg0', 'nas wg0']);
  expect(notes).toContainEqual(expect.objectContaining({ host: 'nas', found: 'interface mullvad' }));
});

it('refuses hosts without an interface that runs', () => {
  expect(() => adoptTunnels([], inventoryOf())).toThrow('no host has a tunnel that could be taken over');
});
