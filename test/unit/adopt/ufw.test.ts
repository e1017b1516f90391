import { expect, it } from 'vitest';
import { adoptUfw } from '../../../src/adopt/ufw/compile.ts';
import { type FoundUfw, parseUserRules } from '../../../src/adopt/ufw/look.ts';
import { resolveInventory } from '../../../src/model/resolve-inventory.ts';

const inventory = resolveInventory(
  {
    networks: { vpn: { prefixes: '10.8.0.0/24', tunnel: true }, home: { prefixes: '192.168.1.0/24' } },
    hosts: {
      vps: { address: 'vps', addresses: { vpn: '10.8.0.1' } },
      nas: { addresses: { vpn: '10.8.0.2', home: '192.168.1.2' } },
    },
    services: { files: { host: 'vps', port: 445 } },
  },
  { at: undefined },
);

const hex = (text: string) => Buffer.from(text).toString('hex');
function adopted(tuples: readonly string[], more: Partial<FoundUfw> = {}) {
  const text = [
    '*filter',
    ...tuples.flatMap((tuple) => [`### tuple ### ${tuple}`, '-A ufw-user-input -j ACCEPT', '']),
  ].join('\n');
  const found: FoundUfw = {
    ...{ host: 'vps', isActive: true, edited: [], wires: [], policies: new Map([['INPUT', 'DROP']]) },
    rules: parseUserRules('/etc/ufw/user.rules', text),
    ...more,
  };
  return adoptUfw([found], inventory);
}

it.each([
  [
    'allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in',
    { from: ['internet', 'vpn', 'home'], to: 'vps', ports: 22, reason: 'ufw allow 22/tcp' },
  ],
  [
    'allow udp 6000:6010 0.0.0.0/0 any 10.8.0.2 in',
    { from: 'nas', to: 'vps', ports: '6000-6010', protocol: 'udp', reason: 'ufw allow 6000:6010/udp' },
  ],
  [
    `allow tcp 80,443 0.0.0.0/0 any 192.168.1.0/24 in comment=${hex('it\'s a "page", ü')}`,
    { from: 'home', to: 'vps', ports: [80, 443], reason: 'it\'s a "page", ü' },
  ],
  ['allow tcp 445 0.0.0.0/0 any 10.8.0.0/24 in', { from: 'vpn', to: 'files', reason: 'ufw allow 445/tcp' }],
  [
    'allow tcp 80 0.0.0.0/0 any 10.8.0.0/24 Nginx%20HTTP - in',
    { from: 'vpn', to: 'vps', ports: 80, reason: 'ufw allow 80/tcp' },
  ],
  ['allow any any 0.0.0.0/0 any 10.8.0.2 in', { from: 'nas', to: 'vps', ports: 'any', reason: 'ufw allow any' }],
  [
    'allow tcp 5000 0.0.0.0/0 any 0.0.0.0/0 in_wg0',
    { from: 'vpn', to: 'vps', ports: 5000, reason: 'ufw allow 5000/tcp' },
  ],
  ['limit tcp 22 0.0.0.0/0 any 10.8.0.2 in', { from: 'nas', to: 'vps', ports: 22, reason: 'ufw limit 22/tcp' }],
])('takes %s for a flow', (tuple, flow) => {
  expect(adopted([tuple]).entries.flows).toEqual([flow]);
});

it('takes a rule without a protocol for both', () => {
  expect(adopted(['allow any 53 0.0.0.0/0 any 10.8.0.2 in']).entries.flows).toMatchObject([
    { ports: 53 },
    { ports: 53, protocol: 'udp' },
  ]);
});

it.each([
  ['deny tcp 25 0.0.0.0/0 any 0.0.0.0/0 in', /denied already/],
  ['route:allow any any 0.0.0.0/0 any 0.0.0.0/0 in_wg0!out_eth0', /nftables/],
  ['allow udp 123 0.0.0.0/0 any 0.0.0.0/0 out', /everything may leave/],
  ['allow tcp 22 0.0.0.0/0 1024 10.8.0.2 in', /source ports/],
  ['allow any any 0.0.0.0/0 any 0.0.0.0/0 in', /name the ports/],
  ['allow esp any 0.0.0.0/0 any 10.8.0.2 in', /TCP and UDP/],
  ['allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in_eth0', /declare it/],
  ['allow tcp 22 0.0.0.0/0 any 192.168.1.77 in', /declare it as a host or a device/],
])('names %s, which is no flow', (tuple, instead) => {
  const { entries, notes } = adopted([tuple]);
  expect(entries.flows).toEqual([]);
  expect(notes).toEqual([
    expect.objectContaining({ line: 2, file: '/etc/ufw/user.rules', instead: expect.stringMatching(instead) }),
  ]);
});

it('shows networks that rules name and hosts have a wire to, and that the inventory has not', () => {
  const { entries } = adopted(
    ['allow tcp 22 0.0.0.0/0 any 172.20.0.0/16 in', 'allow tcp 80 0.0.0.0/0 any 0.0.0.0/0 in'],
    {
      wires: [{ interface: 'eth0', address: '10.9.0.5/24' }],
    },
  );
  expect(entries.networks).toEqual({
    lan: { prefixes: '10.9.0.0/24' },
    'net-172-20-0-0-16': { prefixes: '172.20.0.0/16' },
  });
  expect(entries.hosts).toEqual({ vps: { addresses: { lan: '10.9.0.5' }, params: { firewall: { backend: 'ufw' } } } });
  expect(entries.flows?.[1]?.from).toEqual(['internet', 'vpn', 'home', 'lan', 'net-172-20-0-0-16']);
});

it('leaves out what the role wrote itself', () => {
  expect(
    adopted([`allow tcp 22 0.0.0.0/0 any 10.8.0.2 in comment=${hex('[lab] nas → vps: ssh')}`]).entries.flows,
  ).toEqual([]);
});
