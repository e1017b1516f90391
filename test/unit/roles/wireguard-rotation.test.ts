import { expect, it } from 'vitest';
import { canaryIntervalMs } from '../../../roles/wireguard/rotation/canaries.ts';

it.each([
  ['few links', [1, 2, 1], 50],
  ['ten links on one host', [10, 1], 50],
  ['a hub with a hundred peers', [100, ...Array.from({ length: 100 }, () => 1)], 500],
  ['no link', [], 50],
])('tries the links of a rotation without a burden to anybody: %s', (_, links, expected) => {
  expect(canaryIntervalMs(links)).toBe(expected);
});
