import { describe, expect, it } from 'vitest';
import { AddressSet, type Family } from '../../../roles/firewall/address-set.ts';
import { cellsOf, forwardCellsOf } from '../../../roles/firewall/cells.ts';
import { hasPort, permitFor } from '../../../roles/firewall/evaluate.ts';
import { rulesFor } from '../../../roles/firewall/host-rules.ts';
import { params } from '../../../roles/firewall/params.ts';
import { policyOf } from '../../../roles/firewall/policy.ts';
import fc from '../../support/fast-check.ts';
import { randomInventory, somePorts, someSources } from '../../support/random-policy.ts';

const v4 = (number: number) => [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.');
/** Few addresses, so that sets meet. */
const sets = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 12 })), { maxLength: 8 })
  .map((ranges) => AddressSet.of(ranges.map(([first, length]) => `${v4(first)}-${v4(first + length)}`)));
const members = (set: AddressSet) =>
  Array.from({ length: 64 }, (_, at) => v4(at)).filter((address) => set.has(address));

describe('a set of addresses', () => {
  it('is what the sets of its members are', () => {
    fc.assert(
      fc.property(sets, sets, (a, b) => {
        const inB = new Set(members(b));
        expect(members(a.without(b))).toEqual(members(a).filter((address) => !inB.has(address)));
        expect(members(a.within(b))).toEqual(members(a).filter((address) => inB.has(address)));
        expect(members(a.with(b))).toEqual([...new Set([...members(a), ...members(b)])].sort(byNumber));
        expect(a.overlaps(b)).toBe(members(a).some((address) => inB.has(address)));
        expect(a.covers(b)).toBe(members(b).every((address) => a.has(address)));
        expect(a.key === b.key).toBe(members(a).join() === members(b).join());
        expect(AddressSet.of(a.format('ipv4')).key).toBe(a.key);
      }),
    );
  });

  it('is written as nft(8) reads it', () => {
    const format = (family: Family, ...items: string[]) => AddressSet.of(items).format(family);
    expect(format('ipv4', '10.0.0.0/8')).toEqual(['10.0.0.0/8']);
    expect(format('ipv4', '10.0.0.1', '10.0.0.2', '10.0.0.3')).toEqual(['10.0.0.1-10.0.0.3']);
    expect(format('ipv4', '10.0.0.2', '10.0.0.3')).toEqual(['10.0.0.2/31']);
    expect(format('ipv4', '0.0.0.0/0')).toEqual(['0.0.0.0/0']);
    expect(format('ipv6', '2001:db8::/32', 'fd00::1')).toEqual(['2001:db8::/32', 'fd00::1']);
    expect(format('ipv6', '::', '::1')).toEqual(['::/127']);
    expect(format('ipv6', '1:0:0:2:0:0:0:3')).toEqual(['1:0:0:2::3']);
  });

  it('refuses what is no address', () => {
    for (const bad of ['10.0.0.256', '10.0.0.9-10.0.0.1', '10.0.0.1-fd00::1', '', 'x', '10.0.0.0/33', '1-2-3'])
      expect(() => AddressSet.of([bad])).toThrow(RangeError);
  });
});

function byNumber(a: string, b: string): number {
  return Number(a.split('.')[3]) - Number(b.split('.')[3]);
}

describe('the parts of a policy', () => {
  const inventories = fc
    .infiniteStream(fc.nat())
    .map((numbers) => randomInventory({ integer: (below) => (numbers.next().value as number) % below }));

  it('allow at a host what the policy allows, each packet by one part alone', () => {
    fc.assert(
      fc.property(inventories, fc.constantFrom('vps', 'nas', 'node'), (inventory, name) => {
        const host = inventory.hosts.get(name);
        if (host === undefined) throw new Error(name);
        const policy = policyOf(inventory);
        const { input } = rulesFor(host, policy, inventory, params.parse({}));
        const whole = input.filter(({ at }) => at === null);
        const cells = cellsOf(whole.filter(({ who }) => who === 'addresses'));
        const own = AddressSet.of([...host.addresses.values()].flat());
        for (const family of ['ipv4', 'ipv6'] as const)
          for (const source of someSources[family].filter((address) => !own.has(address)))
            for (const port of somePorts)
              for (const protocol of ['tcp', 'udp'] as const) {
                const here = cells.filter(
                  (cell) => cell.protocol === protocol && hasPort([cell.ports], port) && cell.addresses.has(source),
                );
                expect(here.length).toBeLessThanOrEqual(1);
                const admits = (rule: (typeof input)[number]) =>
                  (rule.who !== 'internet' || !policy.inside.has(source)) &&
                  (rule.who !== 'addresses' || rule.addresses.has(source)) &&
                  (rule.protocol === 'any' || rule.protocol === protocol) &&
                  hasPort(rule.ports, port);
                const others = whole.some(
                  (rule) => (rule.who !== 'addresses' || rule.protocol === 'any') && admits(rule),
                );
                for (const destination of own.format(family)) {
                  const isAllowed = permitFor(policy, { source, destination, protocol, port }) !== undefined;
                  const there = input.some((rule) => rule.at?.has(destination) === true && admits(rule));
                  expect(here.length === 1 || others || there).toBe(isAllowed);
                }
              }
      }),
      { numRuns: 30 },
    );
  }, 60_000);

  it('allow through a gateway what members of the tunnel may send each other', () => {
    fc.assert(
      fc.property(inventories, (inventory) => {
        const host = inventory.hosts.get('vps');
        if (host === undefined) throw new Error('no vps');
        const policy = policyOf(inventory);
        const { forward } = rulesFor(host, policy, inventory, params.parse({}));
        for (const family of ['ipv4', 'ipv6'] as const) {
          const cells = forwardCellsOf(forward, family);
          const inside = someSources[family].filter((address) =>
            /^10\.80\.0\.(2|10|11)$|^fd80::(2|10|11)$/.test(address),
          );
          for (const source of inside)
            for (const destination of inside)
              for (const port of somePorts) {
                if (source === destination) continue;
                const to = AddressSet.of([destination]).ranges[family][0];
                const here = cells.filter(
                  (cell) =>
                    cell.protocol === 'tcp' &&
                    hasPort([cell.ports], port) &&
                    cell.addresses.has(source) &&
                    to !== undefined &&
                    cell.to.first <= to.first &&
                    to.last <= cell.to.last,
                );
                expect(here.length).toBeLessThanOrEqual(1);
                const always = forward.some(
                  (rule) => rule.protocol === 'any' && rule.addresses.has(source) && rule.to.has(destination),
                );
                const isAllowed = permitFor(policy, { source, destination, protocol: 'tcp', port }) !== undefined;
                expect(here.length === 1 || always).toBe(isAllowed);
              }
        }
      }),
      { numRuns: 30 },
    );
  }, 60_000);
});
