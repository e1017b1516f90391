import type { InventoryInput } from '../../src/index.ts';
import { resolveInventory } from '../../src/model/resolve-inventory.ts';
import type { Inventory } from '../../src/model/types.ts';
import fc from './fast-check.ts';

/** Text that must not become anything but text. */
export const hostileText = fc
  .string({
    unit: fc.oneof(
      fc.constantFrom(
        '<script>',
        ']]>',
        '&',
        '"',
        "'",
        '-->',
        '</title>',
        '</style>',
        '&#60;',
        '\u0000',
        '\u001b',
        '\r',
        '\n',
      ),
      fc.constantFrom(
        '\u202e',
        '\ud800',
        '\ufffe',
        '\uffff',
        '🦊',
        '漢字',
        'e\u0301',
        'word ',
        'Wm',
        '-',
        '.',
        'https://x.example/',
      ),
      fc.string({ unit: 'binary', maxLength: 2 }),
    ),
    maxLength: 60,
  })
  .map((text) => `x${text}`);

const label = fc.stringMatching(/^[a-z]([a-zA-Z0-9-]{0,12}[a-z0-9])?$/);
const longLabel = fc.stringMatching(/^[a-zA-Z]([a-zA-Z0-9._-]{20,60}[a-z0-9])$/);

/** Homelabs of all sizes, with whatever an inventory may say. */
export const homelabs: fc.Arbitrary<Inventory> = fc
  .record({
    names: fc.uniqueArray(fc.oneof({ weight: 4, arbitrary: label }, longLabel), {
      minLength: 60,
      maxLength: 60,
      selector: (name) => name.toLowerCase(),
    }),
    hosts: fc.integer({ min: 1, max: 32 }),
    devices: fc.integer({ min: 0, max: 6 }),
    services: fc.integer({ min: 0, max: 12 }),
    lans: fc.integer({ min: 1, max: 4 }),
    publics: fc.integer({ min: 1, max: 2 }),
    topology: fc.constantFrom('hub', 'mesh'),
    choices: fc.infiniteStream(fc.nat(1_000_000)),
    texts: fc.array(hostileText, { minLength: 8, maxLength: 8 }),
    flows: fc.integer({ min: 0, max: 12 }),
  })
  .map(build);

interface Ingredients {
  readonly names: readonly string[];
  readonly hosts: number;
  readonly devices: number;
  readonly services: number;
  readonly lans: number;
  readonly publics: number;
  readonly topology: string;
  readonly choices: Iterable<number>;
  readonly texts: readonly string[];
  readonly flows: number;
}

function build({
  names,
  hosts,
  devices,
  services,
  lans,
  publics,
  topology,
  choices,
  texts,
  flows,
}: Ingredients): Inventory {
  const stream = choices[Symbol.iterator]();
  const below = (limit: number) => (stream.next().value as number) % limit;
  const some = <T>(from: readonly T[], most: number) =>
    Array.from({ length: 1 + below(most) }, () => from[below(from.length)] as T);
  const rest = [...names];
  const take = (count: number) => rest.splice(0, count);
  const hostNames = take(hosts);
  const deviceNames = take(devices);
  const serviceNames = take(services);
  const [inner = '', outer = ''] = take(2);
  const lan = (index: number) => `lan${index}`;
  const input: InventoryInput = {
    params: { wireguard: { topology } },
    networks: {
      ...Object.fromEntries(
        Array.from({ length: lans }, (_, index) => [lan(index), { prefixes: `10.${index + 1}.0.0/16` }]),
      ),
      outside: { prefixes: ['203.0.113.0/24', '2001:db8::/32'], public: true },
      vpn: { prefixes: ['10.80.0.0/16', 'fd80::/64'], tunnel: true },
    },
    groups: { [inner]: {}, [outer]: { children: [inner] } },
    hosts: Object.fromEntries(
      hostNames.map((name, index) => {
        const number = index + 10;
        const isPublic = index < publics;
        const addresses: Record<string, string | string[]> = {
          ...(isPublic ? { outside: [`203.0.113.${number}`, `2001:db8:aaaa:bbbb:cccc:dddd:eeee:${number}`] } : {}),
          ...(isPublic || below(5) === 0 ? {} : { [lan(index % lans)]: `10.${(index % lans) + 1}.0.${number}` }),
          ...(isPublic || below(4) > 0 ? { vpn: [`10.80.0.${number}`, `fd80::${number}`] } : {}),
        };
        const isNowhere = Object.keys(addresses).length === 0;
        return [
          name,
          {
            groups: below(3) === 0 ? [inner] : [],
            addresses,
            ...(isNowhere ? { address: `far${index}.example.net` } : {}),
          },
        ];
      }),
    ),
    devices: Object.fromEntries(
      deviceNames.map((name, index) => [
        name,
        { ...(below(2) === 0 ? { owner: texts[index] ?? 'x' } : {}), addresses: { vpn: `10.80.1.${index + 1}` } },
      ]),
    ),
    services: Object.fromEntries(
      serviceNames.map((name, index) => {
        const isPublic = below(2) === 0;
        return [
          name,
          {
            host: hostNames[below(hosts)] ?? '',
            port: 1 + below(65535),
            private: `s${index}.home.arpa`,
            ...(isPublic
              ? { public: `${'long-'.repeat(below(8))}s${index}.example.dev`, gateways: hostNames.slice(0, publics) }
              : {}),
          },
        ];
      }),
    ),
    flows: Array.from({ length: flows }, (_, index) => {
      const toServices = serviceNames.length > 0 && below(2) === 0;
      const everybody = [...hostNames, ...deviceNames, ...serviceNames, inner, 'all', lan(0)];
      return {
        from: [...some(everybody, 5), ...(below(6) === 0 ? [{ namespace: texts[1] ?? 'x' }] : [])],
        to: toServices ? some(serviceNames, 5) : some([...hostNames, outer, 'internet'], 5),
        ...(toServices ? {} : { ports: some([22, 53, '8000-8010', 65535] as const, 6) }),
        reason: texts[index % texts.length] ?? 'x',
      };
    }),
  };
  return resolveInventory(input, { at: undefined });
}
