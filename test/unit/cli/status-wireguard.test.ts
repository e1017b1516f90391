import { describe, expect, it } from 'vitest';
import type { EndView, LinkState } from '../../../roles/wireguard/status/classify.ts';
import { modelOf } from '../../../roles/wireguard/status/model.ts';
import type { InventoryInput } from '../../../src/index.ts';
import { resolveInventory } from '../../../src/model/resolve-inventory.ts';
import { exitCodeOf, linkLines, type ShownLink, withDueKeys } from '../../../src/report/link-table.ts';
import { painter } from '../../../src/report/style.ts';
import { LabError } from '../../../src/shared/errors.ts';

const plain = painter(false);
const view = (name: string): EndView => ({
  ...{ name, asked: true, interface: 'wg0', handshakeAge: 41, received: 2048, sent: 512 },
  ...{ endpoint: '198.51.100.7:51820', keyAge: 86_400 },
});
const link = (peer: string, more: Partial<ShownLink> = {}): ShownLink => ({
  ...{ ends: ['vps', peer], kind: 'hosts', state: 'up', problems: [], at: [], keyDue: false },
  ...{ handshakeAge: 41, received: 2048, sent: 512, endpoint: '198.51.100.7:51820', keyAge: 3 * 3600 },
  views: [view('vps'), view(peer)],
  ...more,
});

describe('the table', () => {
  it('has a row for each link, and a line for what is wrong', () => {
    const down = link('node', {
      ...{ state: 'down', at: ['node'], problems: ['wg0 is down on node: run the playbook'] },
      ...{ handshakeAge: null, received: null, sent: null, endpoint: null },
    });
    expect(linkLines([link('nas'), down], undefined, plain)).toEqual([
      'LINK        STATE  AT    HANDSHAKE  RECEIVED  SENT   ENDPOINT            KEY AGE',
      'vps – nas   up           41 s ago   2.0 KiB   512 B  198.51.100.7:51820  3 h',
      'vps – node  down   node                                                  3 h',
      '',
      'vps – node: wg0 is down on node: run the playbook',
    ]);
  });

  it('paints the state alone, whatever a host is called', () => {
    const [, row] = linkLines([link('uplink')], undefined, painter(true));
    expect(row).toContain('vps – uplink  \u001b[32mup\u001b[39m  ');
  });

  it('tells which keys are due, and how to rotate them', () => {
    const phone = link('phone', { kind: 'device' });
    const links = withDueKeys([link('nas'), link('node', { keyAge: 60 }), phone, link('new', { keyAge: null })], 7200);
    expect(links.map(({ keyDue }) => keyDue)).toEqual([true, false, true, false]);
    expect(linkLines(links, '2h', plain).slice(-2)).toEqual([
      'vps – nas: a key is 3 h old, more than 2h: lab run rotate-keys.ts --max-age 2h --limit vps,nas',
      'vps – phone: a key is 3 h old, more than 2h: lab device rotate phone',
    ]);
    expect(withDueKeys([link('nas')], undefined).map(({ keyDue }) => keyDue)).toEqual([false]);
  });

  it('shows what hosts say, and does not obey it', () => {
    const [, row] = linkLines([link('nas', { endpoint: '\u001b[2J' })], undefined, plain);
    expect(row).not.toContain('\u001b');
  });
});

describe('the exit code', () => {
  const unreachable = new LabError('UNREACHABLE', 'nobody there');
  it.each<[string, LinkState[], LabError[], number]>([
    ['up and idle are well', ['up', 'idle', 'none'], [], 0],
    ['something is down', ['up', 'down', 'rotating'], [unreachable], 1],
    ['something is stale', ['stale', 'half'], [unreachable], 1],
    ['a rotation', ['up', 'rotating'], [], 2],
    ['a host could not be asked', ['up', 'rotating', 'half'], [unreachable], 3],
    ['a host could not be asked, and its link is up', ['up'], [unreachable], 3],
    ['both ends could not be asked', ['unknown'], [unreachable], 3],
  ])('%s', (_, states, errors, code) =>
    expect(
      exitCodeOf(
        states.map((state) => link('nas', { state })),
        errors,
        false,
      ),
    ).toBe(code),
  );

  it('tells of due keys only when it is asked to', () => {
    const links = [link('nas', { keyDue: true })];
    expect([exitCodeOf(links, [], false), exitCodeOf(links, [], true)]).toEqual([0, 2]);
  });
});

describe('the model', () => {
  const inventoryOf = (input: InventoryInput) => resolveInventory(input, { at: undefined });
  const modelFor = (input: InventoryInput) => modelOf(inventoryOf(input));
  const elsewhere = { address: '192.0.2.1' };
  const networks = {
    public: { prefixes: '203.0.113.0/24', public: true },
    inside: { prefixes: '10.80.0.0/24', tunnel: true },
  };
  const params = { wireguard: { network: 'inside' } };
  const hosts = {
    printer: elsewhere,
    vps: { addresses: { public: '203.0.113.10', inside: '10.80.0.1' }, params },
    nas: { addresses: { inside: '10.80.0.2' }, params },
    node: { addresses: { inside: '10.80.0.3' }, params },
  };

  it('has every link once, by the parameters of each host', () => {
    const devices = { phone: { addresses: { inside: '10.80.0.100' } } };
    expect(modelFor({ networks, hosts, devices }).pairs).toEqual([
      ['vps', 'nas'],
      ['vps', 'node'],
      ['vps', 'phone'],
    ]);
  });

  it('leaves out a host whose tunnel shall be gone', () => {
    const gone = { ...hosts.node, params: { wireguard: { network: 'inside', state: 'absent' } } };
    expect(modelFor({ networks, hosts: { ...hosts, node: gone } }).pairs).toEqual([['vps', 'nas']]);
  });

  it.each<[string, InventoryInput]>([
    ['no tunnel', { hosts: { nas: elsewhere } }],
    ['nobody in it', { networks: { vpn: { prefixes: '10.80.0.0/24', tunnel: true } }, hosts: { nas: elsewhere } }],
    ['nobody who can be dialled', { networks, hosts: { nas: hosts.nas, node: hosts.node } }],
  ])('is a mistake of the inventory, before any host is asked: %s', (_, input) => {
    const inventory = inventoryOf(input);
    expect(() => modelOf(inventory)).toThrow(expect.objectContaining({ code: 'INVENTORY_INVALID', exitCode: 4 }));
  });
});
