import { describe, expect, test } from 'vitest';
import { assignAddresses, type Claim, type Seat } from '../../../src/model/assign-addresses.ts';
import { contains, type Prefix, parseAddress, parsePrefix, reservedAs } from '../../../src/model/ip-address.ts';
import fc from '../../support/fast-check.ts';

type Case = {
  readonly prefixes?: readonly string[];
  readonly wanted: readonly string[];
  readonly remembered?: Readonly<Record<string, readonly string[]>>;
  readonly given?: Readonly<Record<string, readonly string[]>>;
};

/** Of one network called vpn; who is called d… is a device. */
function assign({ prefixes = ['10.80.0.0/24', 'fd80::/64'], wanted, remembered = {}, given = {} }: Case) {
  const claims = (of: Readonly<Record<string, readonly string[]>>): Claim[] =>
    Object.entries(of).map(([name, addresses]) => ({ ...seat(name), addresses }));
  const { assigned, problems } = assignAddresses({
    networks: new Map([['vpn', prefixes.map(prefixOf)]]),
    wanted: wanted.map(seat),
    remembered: claims(remembered),
    given: claims(given),
  });
  return { assigned: Object.fromEntries(assigned.map(({ name, addresses }) => [name, addresses])), problems };
}

function seat(name: string): Seat {
  return { kind: name.startsWith('d') ? 'device' : 'host', name, network: 'vpn' };
}

function prefixOf(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (prefix === undefined) throw new Error(text);
  return prefix;
}

describe('addresses are assigned', () => {
  test.each<[string, Case, Record<string, readonly string[]>]>([
    [
      'from 1 on, by name, the same number in every prefix',
      { wanted: ['b', 'a', 'c'] },
      { a: ['10.80.0.1', 'fd80::1'], b: ['10.80.0.2', 'fd80::2'], c: ['10.80.0.3', 'fd80::3'] },
    ],
    [
      'around what is given in either prefix',
      { wanted: ['a', 'b'], given: { x: ['10.80.0.1'], y: ['fd80::2'], z: ['fd80::1a'] } },
      { a: ['10.80.0.3', 'fd80::3'], b: ['10.80.0.4', 'fd80::4'] },
    ],
    [
      'as they read in decimal',
      { wanted: ['a'], given: Object.fromEntries(range(1, 11).map((n) => [`x${n}`, [`10.80.0.${n}`]])) },
      { a: ['10.80.0.12', 'fd80::12'] },
    ],
    [
      'as the lock file has them',
      { wanted: ['a', 'b'], remembered: { b: ['10.80.0.1', 'fd80::77'] } },
      { a: ['10.80.0.2', 'fd80::2'], b: ['10.80.0.1', 'fd80::77'] },
    ],
    [
      'around what the lock file keeps for who is gone',
      { wanted: ['a'], remembered: { gone: ['10.80.0.1', 'fd80::2'] } },
      { a: ['10.80.0.3', 'fd80::3'] },
    ],
    [
      'with the number that it has, where a prefix is new',
      { wanted: ['a', 'b'], remembered: { b: ['10.80.0.9'] } },
      { a: ['10.80.0.1', 'fd80::1'], b: ['10.80.0.9', 'fd80::9'] },
    ],
    [
      'with another number, where a prefix is new and that number taken',
      { wanted: ['a'], remembered: { a: ['10.80.0.9'] }, given: { x: ['fd80::9'] } },
      { a: ['10.80.0.9', 'fd80::1'] },
    ],
    [
      'anew, where the prefix is another',
      { wanted: ['a'], remembered: { a: ['10.99.0.9', 'fd80::4'] } },
      { a: ['10.80.0.4', 'fd80::4'] },
    ],
    [
      'anew, where the smaller prefix reserves the address',
      { prefixes: ['10.80.0.0/25'], wanted: ['a'], remembered: { a: ['10.80.0.127'] } },
      { a: ['10.80.0.1'] },
    ],
    [
      'to one who was given an address before',
      { wanted: ['a'], given: { a: ['10.81.0.1'] } },
      { a: ['10.80.0.1', 'fd80::1'] },
    ],
    [
      'unequal, where one prefix is larger',
      { prefixes: ['10.80.0.0/30', 'fd80::/64'], wanted: ['a', 'b'], given: { x: ['fd80::2'] } },
      { a: ['10.80.0.1', 'fd80::1'], b: ['10.80.0.2', 'fd80::3'] },
    ],
    [
      'both ends of a /31',
      { prefixes: ['10.80.0.0/31', 'fd80::/127'], wanted: ['a', 'b'] },
      { a: ['10.80.0.0', 'fd80::'], b: ['10.80.0.1', 'fd80::1'] },
    ],
    [
      'with letters, where a prefix has no other left',
      { prefixes: ['fd80::/124'], wanted: range(1, 15).map((n) => `h${String(n).padStart(2, '0')}`) },
      Object.fromEntries(range(1, 15).map((n) => [`h${String(n).padStart(2, '0')}`, [`fd80::${n.toString(16)}`]])),
    ],
    [
      'beyond the last byte',
      { prefixes: ['10.80.0.0/16', 'fd80::/64'], wanted: ['a'], remembered: { a: ['10.80.1.44'] } },
      { a: ['10.80.1.44', 'fd80::300'] },
    ],
  ])('%s', (_, input, expected) => {
    expect(assign(input)).toEqual({ assigned: expected, problems: [] });
  });

  test('not beyond a full prefix', () => {
    const prefixes = ['10.80.0.0/30', 'fd80::/64'];
    const { problems } = assign({ prefixes, wanted: ['a', 'b'], remembered: { gone: ['10.80.0.1'] } });
    expect(problems).toEqual([
      {
        message: 'the network "vpn" has no address left for "b"',
        path: ['hosts', 'b', 'addresses', 'vpn'],
        expected: 'a free address in 10.80.0.0/30',
        found: 'every one is given, assigned, or kept in the lock file',
        hint: expect.stringContaining('widen the prefix'),
      },
    ]);
  });
});

describe('who has an assigned address keeps it', () => {
  test('another cannot be given it', () => {
    const lock = { a: ['10.80.0.5', 'fd80::5'] };
    expect(assign({ wanted: ['a'], remembered: lock, given: { desk: ['10.80.0.5'] } }).problems).toEqual([
      {
        message: 'this address is assigned to "a"',
        path: ['devices', 'desk', 'addresses', 'vpn'],
        expected: 'an address that nobody has',
        found: '10.80.0.5, which the lock file keeps for "a"',
        hint: 'give "desk" another one; or take hosts.a.addresses.vpn out of the lock file, so that "a" is assigned another',
      },
    ]);
    // Who is gone, or has another one meanwhile, can be succeeded.
    expect(assign({ wanted: ['b'], remembered: lock, given: { desk: ['10.80.0.5'] } }).problems).toEqual([]);
    expect(assign({ wanted: [], remembered: lock, given: { a: ['10.80.0.5'] } }).problems).toEqual([]);
    // What is no longer in the prefix is not kept.
    expect(assign({ wanted: ['a'], remembered: { a: ['10.99.0.5'] }, given: { b: ['10.99.0.5'] } }).problems).toEqual(
      [],
    );
  });

  test('two who have the same one are told', () => {
    const { problems } = assign({ wanted: ['b', 'a'], remembered: { b: ['10.80.0.5'], a: ['10.80.0.5'] } });
    expect(problems).toEqual([
      {
        message: '"b" and "a" are assigned the same address',
        path: ['hosts', 'b', 'addresses', 'vpn'],
        expected: 'one owner for each address in the lock file',
        found: '10.80.0.5 for both, as after a merge',
        hint: expect.stringContaining('take hosts.b.addresses.vpn out of the lock file'),
      },
    ]);
  });
});

const name = fc.stringMatching(/^[a-z][a-z0-9]{0,3}$/);
const prefixes = fc.constantFrom(
  ['10.80.0.0/24', 'fd80::/64'],
  ['10.80.0.0/26'],
  ['10.80.0.64/26', 'fd80::/120', '10.81.0.0/16'],
  ['fd80::/122'],
);
/** Numbers of addresses that were given before anything is assigned. */
const numbers = fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { maxLength: 8 });

/** Given addresses in the first prefix, by names that nobody else has. */
function givenAt(prefix: string, taken: readonly number[]): Record<string, string[]> {
  const { network } = prefixOf(prefix);
  const bytes = network.toByteArray();
  const text = (n: number): string =>
    network.kind() === 'ipv4' ? [...bytes.slice(0, 3), (bytes[3] ?? 0) + n].join('.') : `fd80::${n.toString(16)}`;
  return Object.fromEntries(taken.map((n) => [`given-${n}`, [text(n)]]));
}

describe('whatever the inventory', () => {
  test('every address lies in its prefix, is not reserved, and has one owner', () => {
    fc.assert(
      fc.property(prefixes, fc.uniqueArray(name, { maxLength: 30 }), numbers, (texts, wanted, taken) => {
        const given = givenAt(texts[0] ?? '', taken);
        const { assigned, problems } = assign({ prefixes: texts, wanted, given });
        expect(problems).toEqual([]);
        expect(Object.keys(assigned)).toEqual(wanted);
        for (const addresses of Object.values(assigned)) {
          expect(addresses).toHaveLength(texts.length);
          for (const [index, text] of texts.entries()) {
            const address = parseAddress(addresses[index] ?? '');
            if (address === undefined) throw new Error(addresses[index]);
            expect(contains(prefixOf(text), address)).toBe(true);
            expect(reservedAs(prefixOf(text), address)).toBeUndefined();
            // A router of an IPv6 network answers to its first address.
            expect(addresses[index]).not.toMatch(/::$/);
          }
        }
        const all = [...Object.values(assigned), ...Object.values(given)].flat();
        expect(new Set(all).size).toBe(all.length);
      }),
    );
  });

  test('the order means nothing', () => {
    const shuffled = fc
      .uniqueArray(name, { maxLength: 30 })
      .chain((wanted) => fc.tuple(fc.constant(wanted), fc.shuffledSubarray(wanted, { minLength: wanted.length })));
    fc.assert(
      fc.property(prefixes, shuffled, numbers, (texts, [wanted, other], taken) => {
        const given = givenAt(texts[0] ?? '', taken);
        const backwards = Object.fromEntries(Object.entries(given).reverse());
        expect(assign({ prefixes: texts, wanted: other, given: backwards }).assigned).toEqual(
          assign({ prefixes: texts, wanted, given }).assigned,
        );
      }),
    );
  });

  test('hosts that come, go and come back never change an address', () => {
    const rounds = fc.array(fc.uniqueArray(name, { maxLength: 10 }), { minLength: 2, maxLength: 5 });
    fc.assert(
      fc.property(prefixes, rounds, numbers, (texts, rounds, taken) => {
        const given = givenAt(texts[0] ?? '', taken);
        let lock: Record<string, readonly string[]> = {};
        for (const wanted of rounds) {
          const { assigned, problems } = assign({ prefixes: texts, wanted, remembered: lock, given });
          expect(problems).toEqual([]);
          for (const [who, addresses] of Object.entries(assigned))
            if (lock[who] !== undefined) expect(addresses).toEqual(lock[who]);
          lock = { ...lock, ...assigned };
          const all = [...Object.values(lock), ...Object.values(given)].flat();
          expect(new Set(all).size).toBe(all.length);
        }
      }),
    );
  });
});

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}
