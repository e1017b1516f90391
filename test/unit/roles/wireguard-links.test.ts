import { describe, expect, it } from 'vitest';
import { mainInterface, type NewPresharedKey, newPresharedKey, wantedLinks } from '../../../roles/wireguard/links.ts';
import { exportsOf, type LinkEnd, parseLinks, stateOf, type TunnelState } from '../../../roles/wireguard/state.ts';

/** As `wg pubkey` prints one. */
const keyOf = (name: string) => Buffer.alloc(32, name).toString('base64');
const shared = '0123456789abcdef';
const end = (name: string, more: Partial<LinkEnd> = {}): LinkEnd => ({
  interface: name,
  peerInterface: name,
  presharedKey: shared,
  phase: 'active',
  peerKey: null,
  ...more,
});
const state = (host: string, interfaces: readonly string[], links: Record<string, readonly LinkEnd[]> = {}) => ({
  keys: new Map(interfaces.map((name) => [name, keyOf(`${host} ${name}`)])),
  links: new Map(Object.entries(links)),
});

/** What the links of `vps` shall be with `nas`. */
function links(states: Record<string, TunnelState>, reached: readonly string[], peers: readonly string[] = ['nas']) {
  const made = new Map<string, NewPresharedKey>();
  const agreed = (name: string) => {
    const key = made.get(name) ?? newPresharedKey();
    made.set(name, key);
    return key;
  };
  const all = new Map(Object.entries(states));
  const named = peers.map((name) => ({ name, isDevice: name === 'phone' }));
  const wanted = wantedLinks('vps', 'wg0', named, all, (host) => reached.includes(host), agreed);
  return { ...wanted, nas: wanted.links.get('nas'), asked: [...made.keys()] };
}

describe('the links of a host', () => {
  it('begin on the interface that carries most links at each end, with a preshared key for both', () => {
    const vps = state('vps', ['wg0', 'wg0b'], { node: [end('wg0b')] });
    const { nas, newKeys, asked } = links({ vps, nas: state('nas', ['wg0']) }, ['nas']);
    const key = newKeys.get('nas wg0b');
    expect(nas).toEqual([
      end('wg0b', { peerInterface: 'wg0', peerKey: keyOf('nas wg0'), presharedKey: key?.fingerprint ?? '' }),
    ]);
    expect(asked).toEqual(['nas wg0 – vps wg0b']);
  });

  it('take up what the other end has already', () => {
    const nas = state('nas', ['wg0', 'wg0b'], { vps: [end('wg0b')] });
    const found = links({ vps: state('vps', ['wg0', 'wg0b']), nas }, ['nas']).nas;
    expect(found).toMatchObject([{ interface: 'wg0b', peerInterface: 'wg0b', peerKey: keyOf('nas wg0b') }]);
  });

  it('stay as they are, without a new preshared key when both ends have the same', () => {
    const vps = state('vps', ['wg0'], { nas: [end('wg0')] });
    const nas = state('nas', ['wg0'], { vps: [end('wg0')] });
    const { nas: found, newKeys } = links({ vps, nas }, ['nas']);
    expect([found, newKeys.size]).toEqual([[end('wg0', { peerKey: keyOf('nas wg0') })], 0]);
  });

  it('get a new preshared key when the two ends have different ones, and both can be given it', () => {
    const vps = state('vps', ['wg0'], { nas: [end('wg0')] });
    const nas = state('nas', ['wg0'], { vps: [end('wg0', { presharedKey: 'fedcba9876543210' })] });
    expect(links({ vps, nas }, ['nas']).newKeys.size).toBe(1);
    expect(links({ vps, nas }, []).newKeys.size).toBe(0);
  });

  it('stay without a preshared key when neither end has one: where one took it and the other failed, they would be cut', () => {
    const vps = state('vps', ['wg0'], { nas: [end('wg0', { presharedKey: null })] });
    const nas = state('nas', ['wg0'], { vps: [end('wg0', { presharedKey: null })] });
    expect(links({ vps, nas }, ['nas']).newKeys.size).toBe(0);
  });

  it('are refused when two say that they have the same key, as a host does that was taken over', () => {
    const vps = state('vps', ['wg0']);
    const stolen = { keys: new Map([['wg0', keyOf('nas wg0')]]), links: new Map() };
    const found = () => links({ vps, nas: state('nas', ['wg0']), thief: stolen }, ['nas', 'thief'], ['nas', 'thief']);
    expect(found).toThrow(/nas and thief have the same public key/);
    const own = { keys: new Map([['wg0', keyOf('vps wg0')]]), links: new Map() };
    expect(() => links({ vps, nas: own }, ['nas'])).toThrow(/vps and nas have the same public key/);
  });

  it.each([
    ['has an older key', state('nas', ['wg0'])],
    ['has a key of another interface only', state('nas', ['wg0c'])],
    ['knows nothing', undefined],
  ])('stay with the key that the host knows when the peer is not read and the lock file %s', (_, remembered) => {
    const own = end('wg0b', { peerKey: keyOf('the newest') });
    const vps = state('vps', ['wg0b'], { nas: [own] });
    expect(links({ vps, ...(remembered && { nas: remembered }) }, []).nas).toEqual([own]);
  });

  it.each([
    ['has the old key still', ['wg0', 'wg0b']],
    ['has destroyed its old key', ['wg0b']],
  ])('let go of what drains when the peer has ended it and %s: no key is made for it', (_, interfaces) => {
    const old = end('wg0', { phase: 'draining', peerKey: keyOf('nas wg0') });
    const vps = state('vps', ['wg0', 'wg0b'], { nas: [end('wg0b', { peerKey: keyOf('nas wg0b') }), old] });
    const nas = state('nas', interfaces, { vps: [end('wg0b')] });
    const { nas: found, newKeys } = links({ vps, nas }, ['nas']);
    expect([found, newKeys.size]).toEqual([[end('wg0b', { peerKey: keyOf('nas wg0b') })], 0]);
    expect(links({ vps, nas }, []).nas).toContainEqual(old);
  });

  it('follow a peer that was read and has made a new key', () => {
    const vps = state('vps', ['wg0'], { nas: [end('wg0', { peerKey: keyOf('the old one') })] });
    expect(links({ vps, nas: state('nas', ['wg0']) }, ['nas']).nas).toMatchObject([{ peerKey: keyOf('nas wg0') }]);
  });

  it('wait for a peer that was read and has no key', () => {
    const vps = state('vps', ['wg0'], { nas: [end('wg0', { peerKey: keyOf('gone') })] });
    expect(links({ vps, nas: state('nas', []) }, ['nas']).nas).toBeUndefined();
  });

  it('end with a peer that is no longer in the model', () => {
    const vps = state('vps', ['wg0'], { nas: [end('wg0', { peerKey: keyOf('nas wg0') })] });
    expect(links({ vps, nas: state('nas', ['wg0']) }, ['nas'], []).links.size).toBe(0);
  });

  it('with a device begin when it is let in, and not by what a lock file says', () => {
    const phone: TunnelState = { keys: new Map([['device', keyOf('phone')]]), links: new Map() };
    expect(links({ vps: state('vps', ['wg0']), phone }, [], ['phone']).links.size).toBe(0);
    const own = end('wg0', { peerInterface: 'device', peerKey: keyOf('phone') });
    expect(links({ vps: state('vps', ['wg0'], { phone: [own] }) }, [], ['phone']).links.get('phone')).toEqual([own]);
  });
});

it('prefers the interface with most links to hosts, then the first by name', () => {
  const device = end('wg0', { peerInterface: 'device' });
  expect(mainInterface(state('vps', []), 'wg0')).toBe('wg0');
  expect(mainInterface(state('vps', ['wg0b', 'wg0']), 'wg0')).toBe('wg0');
  expect(mainInterface(state('vps', ['wg0', 'wg0b'], { nas: [end('wg0b')], phone: [device] }), 'wg0')).toBe('wg0b');
});

it('tells and remembers a state without loss, and leaves out what is malformed', () => {
  const told = state('vps', ['wg0', 'wg0b'], {
    nas: [end('wg0', { phase: 'draining', peerKey: keyOf('nas') }), end('wg0b', { presharedKey: null })],
    node: [end('wg0', { phase: 'staged' })],
  });
  expect(stateOf(exportsOf(told))).toEqual(told);
  expect(stateOf({ wg0: 'no key', 'link nas': 'wg0 wg0 none; rm -rf /', 'link node': '' }).keys.size).toBe(0);
  expect(parseLinks('# link nas wg0 wg0 none somewhere\n# link nas wg0 wg0\nlink nas wg0 wg0 none active').size).toBe(
    1,
  );
});

it.each(['../../run/x', 'wg0/../x', 'wg 0', '-rf', 'a'.repeat(16)])(
  'takes %o from another host for no interface: it would become part of a path',
  (name) => {
    expect(parseLinks(`# link vps wg0b ${name} none staged\n# link vps ${name} wg0 none staged`)).toEqual(
      new Map([['vps', []]]),
    );
  },
);
