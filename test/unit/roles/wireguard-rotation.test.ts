import { expect, it } from 'vitest';
import { canaryIntervalMs } from '../../../roles/wireguard/rotation/canaries.ts';
import { rotationOf, type Standing } from '../../../roles/wireguard/rotation/due.ts';
import type { LinkEnd } from '../../../roles/wireguard/state.ts';

it.each([
  ['few links', [1, 2, 1], 50],
  ['ten links on one host', [10, 1], 50],
  ['a hub with a hundred peers', [100, ...Array.from({ length: 100 }, () => 1)], 500],
  ['no link', [], 50],
])('tries the links of a rotation without a burden to anybody: %s', (_, links, expected) => {
  expect(canaryIntervalMs(links)).toBe(expected);
});

it('does not bring links to keys that were on a compromised host already', () => {
  const end = (name: string, phase: LinkEnd['phase']): LinkEnd => ({
    interface: name,
    peerInterface: name,
    presharedKey: null,
    phase,
    peerKey: null,
  });
  const standing = (peer: string): Standing => ({
    state: {
      keys: new Map([
        ['wg0', 'a'],
        ['wg0b', 'b'],
      ]),
      links: new Map([[peer, [end('wg0', 'active'), end('wg0b', 'staged')]]]),
    },
    made: new Map(),
  });
  const rotate = (compromised: readonly string[]) =>
    rotationOf(
      [['vps', 'nas']],
      new Map([
        ['vps', standing('nas')],
        ['nas', standing('vps')],
      ]),
      new Map(),
      ['wg0', 'wg0b', 'wg0c'],
      {
        maxAge: 0,
        now: 1,
        selected: new Set(['vps', 'nas']),
        compromised: new Set(compromised),
        onlyBegun: false,
      },
    );
  expect(rotate([]).moves).toMatchObject([{ begun: true }]);
  expect(() => rotate(['nas'])).toThrow(/nas has both of its keys/);
});
