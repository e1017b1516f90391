import { describe, expect, it } from 'vitest';
import type { LinkEnd } from '../../../roles/wireguard/state.ts';
import { type Side, statusOf } from '../../../roles/wireguard/status/classify.ts';
import { parseLook, type Reading } from '../../../roles/wireguard/status/reading.ts';
import { showAge, showSize } from '../../../src/report/quantities.ts';
import fc from '../../support/fast-check.ts';

const keyOf = (name: string) => Buffer.alloc(32, name).toString('base64');
const now = 1_800_000_000;
const end = (peer: string, more: Partial<LinkEnd> = {}): LinkEnd => ({
  interface: 'wg0',
  peerInterface: 'wg0',
  presharedKey: '0123456789abcdef',
  phase: 'active',
  peerKey: keyOf(peer),
  ...more,
});

/** A host whose part is as it should be, with a handshake a minute ago. */
function side(
  name: string,
  peer: string,
  more: Partial<Reading> & { ends?: readonly LinkEnd[]; handshake?: number } = {},
) {
  const { ends = [end(peer)], handshake = now - 60, ...reading } = more;
  const whole: Side = {
    name,
    prefixes: [`10.80.0.${peer.length}/32`],
    keepalive: name === 'nas' ? 25 : 0,
    reading: {
      state: { keys: new Map([['wg0', keyOf(name)]]), links: new Map([[peer, ends]]) },
      made: new Map([['wg0', now - 86_400]]),
      now,
      running: new Map([['wg0', keyOf(name)]]),
      disabled: new Set(),
      preshared: new Map([[`wg0 ${peer}`, now - 86_400]]),
      peers: new Map([
        [`wg0 ${keyOf(peer)}`, { handshake, received: 2048, sent: 512, endpoint: '198.51.100.7:51820' }],
      ]),
      routes: new Set([`wg0 10.80.0.${peer.length}/32`]),
      ...reading,
    },
  };
  return whole;
}
const mute = (name: string): Side => ({
  name,
  prefixes: [],
  keepalive: name === 'nas' ? 25 : 0,
  reading: undefined,
});
const peerWith = (key: string) => new Map([[`wg0 ${key}`, { handshake: 0, received: 0, sent: 0, endpoint: null }]]);
const viewOf = (name: string) => ({
  ...{ name, asked: true, interface: 'wg0', handshakeAge: 60, received: 2048, sent: 512 },
  ...{ endpoint: '198.51.100.7:51820', keyAge: 86_400 },
});
const two = (vps: Parameters<typeof side>[2] = {}, nas: Parameters<typeof side>[2] = {}) =>
  statusOf(side('vps', 'nas', vps), side('nas', 'vps', nas));

describe('a link', () => {
  it('is up with a handshake that is younger than a session lasts', () => {
    expect(two()).toEqual({
      ...{ ends: ['vps', 'nas'], kind: 'hosts', state: 'up', problems: [], at: [], handshakeAge: 60, keyAge: 86_400 },
      ...{ received: 2048, sent: 512, endpoint: '198.51.100.7:51820', views: [viewOf('vps'), viewOf('nas')] },
    });
  });

  it('says what each end says by itself, and is as good as the better of the two', () => {
    const { views, handshakeAge, keyAge } = two(
      { handshake: now - 100 },
      { handshake: now - 30, made: new Map([['wg0', now - 90_000]]) },
    );
    expect(views.map((view) => [view.name, view.handshakeAge, view.keyAge])).toEqual([
      ['vps', 100, 86_400],
      ['nas', 30, 90_000],
    ]);
    expect([handshakeAge, keyAge]).toEqual([30, 90_000]);
  });

  it('with keepalives is up until the next one had to renew the session', () => {
    const ago = (seconds: number) => two({ handshake: now - seconds }, { handshake: now - seconds }).state;
    expect([179, 209, 210].map(ago)).toEqual(['up', 'up', 'stale']);
  });

  it.each<[string, Parameters<typeof side>[2], Parameters<typeof side>[2], string[]]>([
    [
      'the caller, when both saw the last handshake at the same time',
      { handshake: now - 500 },
      { handshake: now - 501 },
      ['nas'],
    ],
    ['the one that has seen none since it booted', { handshake: 0 }, { handshake: now - 500 }, ['vps']],
    ['the one that lacks a peer', {}, { peers: new Map() }, ['nas']],
    ['both, when both lack something', { running: new Map() }, { running: new Map() }, ['vps', 'nas']],
    ['the one with an old key of the other', { ends: [end('older')], peers: peerWith(keyOf('older')) }, {}, ['vps']],
    ['the one without a preshared key', {}, { ends: [end('vps', { presharedKey: null })] }, ['nas']],
    [
      'the one with the older preshared key',
      { preshared: new Map([['wg0 nas', now - 5]]) },
      { ends: [end('vps', { presharedKey: 'fedcba9876543210' })] },
      ['nas'],
    ],
    ['nobody, when it is up', {}, {}, []],
  ])('names the end that is at fault: %s', (_, vps, nas, at) => expect(two(vps, nas).at).toEqual(at));

  it.each<[string, Parameters<typeof side>[2], Parameters<typeof side>[2], string, RegExp | null]>([
    ['one end has seen a handshake', { handshake: 0 }, {}, 'up', null],
    [
      'the session is over, with keepalives',
      { handshake: now - 500 },
      { handshake: now - 400 },
      'stale',
      /nas calls vps.*no handshake for 6 minutes/,
    ],
    [
      'never met, with keepalives',
      { handshake: 0 },
      { handshake: 0 },
      'stale',
      /no handshake yet\): is the UDP port of vps open at the provider, and in its own firewall \(lab verify firewall/,
    ],
    ['an interface is down', { running: new Map() }, {}, 'down', /wg0 is down on vps: run the playbook/],
    [
      'an interface is set down',
      { disabled: new Set(['wg0']) },
      {},
      'down',
      /wg0 of vps is there, but set down: lab exec vps -- \S+lab-wireguard restart wg0/,
    ],
    [
      'an interface has another key',
      { running: new Map([['wg0', keyOf('other')]]) },
      {},
      'down',
      /wg0 of vps runs with another key/,
    ],
    ['a peer is gone', {}, { peers: new Map() }, 'down', /vps is no peer on wg0 of nas/],
    ['a route is gone', { routes: new Set() }, {}, 'down', /vps has no route for 10\.80\.0\.3\/32/],
    ['a link is unknown at one end', { ends: [] }, {}, 'down', /vps has no link to nas/],
    [
      'a key was made anew',
      {
        ends: [end('older')],
        peers: peerWith(keyOf('older')),
      },
      {},
      'down',
      /vps has another key of nas than nas itself: run the playbook/,
    ],
    [
      'preshared keys differ',
      { ends: [end('nas', { presharedKey: null })] },
      {},
      'down',
      /different preshared keys, and vps has the older one or none: run the playbook/,
    ],
    [
      'an end is staged',
      { ends: [end('nas'), end('nas', { interface: 'wg0b', phase: 'staged' })] },
      {},
      'rotating',
      /lab resume/,
    ],
    ['the role was never run', { state: { keys: new Map(), links: new Map() } }, {}, 'down', /vps has no key/],
  ])('%s', (_, vps, nas, state, problem) => {
    const link = two(vps, nas);
    expect(link.state).toBe(state);
    expect(link.problems.join('\n')).toMatch(problem ?? /^$/);
  });

  it('is what one end says when the other could not be asked', () => {
    expect(statusOf(side('vps', 'nas'), mute('nas')).state).toBe('up');
    expect(statusOf(side('vps', 'nas', { handshake: 0 }), mute('nas'))).toMatchObject({
      state: 'half',
      problems: ['nas could not be asked, and has no session with vps (no handshake yet): lab doctor nas looks closer'],
    });
    expect(statusOf(mute('vps'), side('nas', 'vps'))).toMatchObject({ received: 512, sent: 2048 });
    expect(statusOf(mute('vps'), mute('nas'))).toMatchObject({ state: 'unknown', handshakeAge: null, received: null });
  });

  it('without keepalives may be idle', () => {
    const quiet = { ...side('nas', 'vps', { handshake: 0 }), keepalive: 0 };
    expect(statusOf(side('vps', 'nas', { handshake: 0 }), quiet)).toMatchObject({ state: 'idle', problems: [] });
  });

  it('to a device is idle while the device is off, and none before it was added', () => {
    const device = (keys: readonly [string, string][]): Side => ({
      ...mute('phone'),
      device: { keys: new Map(keys), links: new Map() },
    });
    const vps = side('vps', 'phone', { ends: [end('phone', { peerInterface: 'device' })], handshake: 0 });
    expect(statusOf(vps, device([['device', keyOf('phone')]])).state).toBe('idle');
    expect(statusOf(vps, device([['device', keyOf('another')]])).state).toBe('down');
    expect(statusOf(side('vps', 'phone', { ends: [] }), device([]))).toMatchObject({
      state: 'none',
      problems: [expect.stringContaining('lab device add phone')],
    });
  });

  it('has a state whatever hosts print', () => {
    const words = fc.constantFrom(
      'now',
      'interface',
      'peer',
      'route',
      'disabled',
      'refused',
      'preshared',
      'wg0',
      '',
      keyOf('nas'),
      '0',
      '1e9',
      '(none)',
      '10.80.0.3/32',
    );
    fc.assert(
      fc.property(fc.array(fc.array(words, { maxLength: 7 })), (text) => {
        const read = parseLook(text.map((line) => line.join(' ')).join('\n'));
        const link = two(read);
        expect(link.state).toMatch(/^(up|idle|stale|down)$/);
        expect(link.handshakeAge ?? 0).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

it('reads what wg says', () => {
  const { peers, routes, disabled, preshared, refused } = parseLook(
    `now ${now}\ninterface wg0\ndisabled wg0\nrefused wg0b\npreshared wg0 nas.home 7\npeer wg0 KEY 5 1 2 [2001:db8::1]:51820\npeer wg0 OTHER 0 0 0 (none)\nroute wg0 fd80::1/128\n`,
  );
  expect(peers.get('wg0 KEY')).toEqual({ handshake: 5, received: 1, sent: 2, endpoint: '[2001:db8::1]:51820' });
  expect(peers.get('wg0 OTHER')?.endpoint).toBeNull();
  expect([[...disabled], [...preshared], refused]).toEqual([['wg0'], [['wg0 nas.home', 7]], ['wg0b']]);
  expect([...routes]).toEqual(['wg0 fd80::1/128']);
});

it.each([
  [0, '0 s'],
  [59, '59 s'],
  [60, '1 min'],
  [3600, '1 h'],
  [47 * 3600, '47 h'],
  [49 * 3600, '2 days'],
])('shows an age of %d seconds', (seconds, text) => expect(showAge(seconds)).toBe(text));

it.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1536, '1.5 KiB'],
  [3 * 1024 ** 3, '3.0 GiB'],
])('shows a size of %d bytes', (bytes, text) => expect(showSize(bytes)).toBe(text));
