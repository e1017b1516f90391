import { describe, expect, test } from 'vitest';
import type { InventoryInput } from '../../../src/model/input.ts';
import { networkOf, parseAddress, parsePrefix } from '../../../src/model/ip-address.ts';
import { resolveInventory } from '../../../src/model/resolve-inventory.ts';
import { formatPath, LabError } from '../../../src/shared/errors.ts';
import fc from '../../support/fast-check.ts';

/** Every mistake, as `path · message · expected · found · hint`. */
function mistakes(input: unknown): string[] {
  try {
    resolveInventory(input, { at: undefined });
    return [];
  } catch (thrown) {
    if (!(thrown instanceof LabError)) throw thrown;
    return [thrown, ...(thrown.details.others ?? [])].map(
      ({ message, details: { path = [], expected, found, hint } }) =>
        [formatPath(path), message, expected, found, hint].join(' · '),
    );
  }
}

const networks = { public: { prefixes: '10.77.0.0/24', public: true }, home: { prefixes: '10.77.1.0/24' } };
const nas = { address: 'nas.example' };
const vps = { addresses: { public: '10.77.0.10' } };

test('an inventory without mistakes has none', () => {
  expect(mistakes({ networks, hosts: { nas, vps } })).toEqual([]);
  expect(mistakes({ hosts: {} })).toEqual([]);
});

describe('names', () => {
  test.each<[string, InventoryInput, RegExp]>([
    [
      'the same for a host and a group',
      { hosts: { nas }, groups: { nas: {} } },
      /^groups\.nas · "nas" is a host already/,
    ],
    [
      'the same for a network and a service',
      { networks, hosts: { nas }, services: { home: { host: 'nas', port: 1 } } },
      /"home" is a network already/,
    ],
    ['a reserved one', { hosts: { all: nas } }, /^hosts\.all · the name "all" is taken: it means every host/],
    [
      'the internet',
      { hosts: { nas }, devices: { internet: {} } },
      /^devices\.internet · the name "internet" is taken/,
    ],
    ['digits alone', { hosts: { '10': nas } }, /^hosts\.10 · this cannot be the name of a host/],
    ['the characters of patterns', { hosts: { 'a:b': nas } }, /^hosts\.a:b · this cannot be the name of a host/],
    ['a space', { hosts: { nas }, groups: { 'my group': {} } }, /this cannot be the name of a group/],
    ['a leading dash', { hosts: { '-rf': nas } }, /this cannot be the name of a host/],
    ['64 characters', { hosts: { ['a'.repeat(64)]: nas } }, /at most 63 characters/],
  ])('%s', (_, input, expected) => {
    expect(mistakes(input)).toEqual([expect.stringMatching(expected)]);
  });
});

describe('references', () => {
  test.each<[string, InventoryInput, RegExp]>([
    [
      'an unknown group',
      { hosts: { nas: { ...nas, groups: ['stroage'] } }, groups: { storage: {} } },
      /^hosts\.nas\.groups\[0\] · no group is called "stroage" .*did you mean "storage"\?/,
    ],
    [
      'a host for a group',
      { hosts: { nas, vps: { address: 'vps', groups: ['nas'] } } },
      /no group is called "nas" .*"nas" is a host; none is declared/,
    ],
    [
      'an unknown network',
      { networks, hosts: { nas: { addresses: { hom: '10.77.1.10' } } } },
      /^hosts\.nas\.addresses\.hom · no network is called "hom" .*"home"/,
    ],
    [
      'an unknown child',
      { hosts: { nas }, groups: { home: { children: ['cellar'] } } },
      /^groups\.home\.children\[0\] · no group is called "cellar"/,
    ],
    [
      'an unknown host of a service',
      { hosts: { nas }, services: { photos: { host: 'nass', port: 1 } } },
      /^services\.photos\.host · no host is called "nass" .*"nas"/,
    ],
    [
      'an unknown gateway',
      { hosts: { nas }, services: { photos: { host: 'nas', port: 1, public: 'a.example', gateways: ['vpn'] } } },
      /^services\.photos\.gateways\[0\] · no host is called "vpn"/,
    ],
    [
      'an unknown end of a flow',
      { hosts: { nas }, flows: [{ from: ['internet', 'fone'], to: 'nas', ports: 22, reason: 'x' }] },
      /^flows\[0\]\.from\[1\] · nothing is called "fone"/,
    ],
  ])('%s', (_, input, expected) => {
    expect(mistakes(input)).toEqual([expect.stringMatching(expected)]);
  });

  test('a name of Object.prototype is no host', () => {
    expect(mistakes({ hosts: { nas }, services: { photos: { host: 'constructor', port: 1 } } })[0]).toMatch(
      /no host is called "constructor"/,
    );
  });
});

describe('groups that contain themselves', () => {
  test.each([
    ['directly', { home: { children: ['home'] } }, 'home → home'],
    ['over others', { a: { children: ['b'] }, b: { children: ['c'] }, c: { children: ['a'] } }, 'a → b → c → a'],
  ])('%s', (_, groups, cycle) => {
    expect(mistakes({ hosts: { nas: { ...nas, groups: [Object.keys(groups)[0]] } }, groups })).toEqual([
      expect.stringContaining(cycle),
    ]);
  });

  test('two ways to the same group are no cycle', () => {
    expect(
      mistakes({
        hosts: { nas },
        groups: { a: { children: ['b', 'c'] }, b: { children: ['d'] }, c: { children: ['d'] }, d: {} },
      }),
    ).toEqual([]);
  });
});

describe('prefixes and addresses', () => {
  const at = (home: string) => ({ networks, hosts: { nas: { address: 'nas', addresses: { home } } } });
  test.each([
    ['ipaddr.js takes it for 0.0.0.1', at('1'), /^hosts\.nas\.addresses\.home · this is no IP address/],
    ['octal', at('10.077.1.10'), /leave out leading zeros/],
    ['three parts', at('10.77.10'), /this is no IP address/],
    ['out of range', at('10.77.1.256'), /this is no IP address/],
    ['with a length', at('10.77.1.10/24'), /leave the length out/],
    ['a zone', at('fe80::1%eth0'), /this is no IP address/],
    ['blanks', at(' 10.77.1.10'), /this is no IP address/],
    [
      'outside its network',
      at('10.77.2.10'),
      /outside the network "home" · an address in 10\.77\.1\.0\/24 · 10\.77\.2\.10/,
    ],
    ['of another family', at('fd00::1'), /outside the network "home"/],
    ['the network itself', at('10.77.1.0'), /this is the network address of 10\.77\.1\.0\/24/],
    ['broadcast', at('10.77.1.255'), /this is the broadcast address/],
    [
      'twice',
      {
        networks,
        hosts: { a: { addresses: { home: '10.77.1.10' } }, b: { addresses: { home: ['10.77.1.11', '10.77.1.10'] } } },
      },
      /^hosts\.b\.addresses\.home\[1\] · this address is used twice .*"a" has already/,
    ],
    [
      'twice in two notations',
      {
        networks: { six: { prefixes: 'fd00::/64' } },
        hosts: { a: { addresses: { six: 'fd00::1' } }, b: { addresses: { six: 'fd00:0:0::0001' } } },
      },
      /used twice/,
    ],
    [
      'no prefix',
      { networks: { home: { prefixes: '10.77.1.0' } }, hosts: { nas } },
      /^networks\.home\.prefixes · this is no prefix .*10\.77\.1\.0\/24/,
    ],
    ['a long length', { networks: { home: { prefixes: '10.77.1.0/33' } }, hosts: { nas } }, /this is no prefix/],
    [
      'a length with a zero in front',
      { networks: { home: { prefixes: '10.77.1.0/024' } }, hosts: { nas } },
      /this is no prefix/,
    ],
    [
      'host bits',
      { networks: { home: { prefixes: '10.77.1.5/24' } }, hosts: { nas } },
      /bits set beyond its length · 10\.77\.1\.0\/24 · 10\.77\.1\.5\/24/,
    ],
    [
      'every address',
      { networks: { home: { prefixes: ['10.77.1.0/24', '::/0'] } }, hosts: { nas } },
      /^networks\.home\.prefixes\[1\] · this prefix is every address there is · .* · ::\/0 · .*internet/,
    ],
    [
      'IPv4 as IPv6',
      { networks: { home: { prefixes: '::ffff:10.77.1.0/120' } }, hosts: { nas } },
      /^networks\.home\.prefixes · this is an IPv4 address in the form of an IPv6 address/,
    ],
    [
      'overlap',
      {
        networks: { wide: { prefixes: '10.0.0.0/8' }, home: { prefixes: ['192.168.1.0/24', '10.77.1.0/24'] } },
        hosts: { nas },
      },
      /^networks\.home\.prefixes\[1\] · this prefix overlaps one of the network "wide"/,
    ],
    [
      'overlap with itself',
      { networks: { home: { prefixes: ['fd00::/48', 'fd00:0:0:1::/64'] } }, hosts: { nas } },
      /overlaps one of the same network/,
    ],
    ['none', { networks: { home: { prefixes: [] } }, hosts: { nas } }, /at least one prefix/],
  ])('%s', (_, input, expected) => {
    expect(mistakes(input)).toEqual([expect.stringMatching(expected)]);
  });

  test("every address of a /31 is a host's", () => {
    const link = { link: { prefixes: '10.0.0.0/31' } };
    expect(
      mistakes({
        networks: link,
        hosts: { a: { addresses: { link: '10.0.0.0' } }, b: { addresses: { link: '10.0.0.1' } } },
      }),
    ).toEqual([]);
  });

  test('what is not written as four decimal bytes is no IPv4 address', () => {
    const strict = /^(0|[1-9]\d?|1\d\d|2[0-4]\d|25[0-5])(\.(0|[1-9]\d?|1\d\d|2[0-4]\d|25[0-5])){3}$/;
    const nearly = fc.array(
      fc.oneof(fc.nat(300).map(String), fc.constantFrom('0x1', '010', '', '-1', '1e1', ' 1', '٣')),
      { minLength: 1, maxLength: 5 },
    );
    fc.assert(
      fc.property(nearly, (parts) => {
        expect(parseAddress(parts.join('.'))?.kind() === 'ipv4').toBe(strict.test(parts.join('.')));
      }),
    );
  });

  test('the network of a prefix keeps exactly its first bits', () => {
    fc.assert(
      fc.property(fc.nat(0xffffffff), fc.integer({ min: 0, max: 32 }), (value, bits) => {
        const dotted = [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff).join('.');
        const prefix = parsePrefix(`${dotted}/${bits}`);
        if (prefix === undefined) throw new Error(`${dotted}/${bits} is a prefix`);
        const expected = bits === 0 ? 0 : (value & (0xffffffff << (32 - bits))) >>> 0;
        const bytes = networkOf(prefix).network.toByteArray();
        expect(bytes.reduce((sum, byte) => sum * 256 + byte, 0)).toBe(expected);
      }),
    );
  });
});

describe('connections', () => {
  test.each([
    ['nowhere', { hosts: { nas: {} } }, /^hosts\.nas · nothing says how to connect to "nas" .*address: 'nas'/],
    [
      'two different addresses',
      { hosts: { nas: { address: 'a', ssh: { address: 'b' } } } },
      /two addresses to connect to/,
    ],
    [
      'the same machine twice',
      { hosts: { a: { address: 'nas.example' }, b: { address: 'NAS.example' } } },
      /^hosts\.b\.address · "b" and "a" connect to the same address/,
    ],
    ['a user in the address', { hosts: { a: { address: 'root@nas' } } }, /the user belongs in ssh\.user/],
    ['a port in the address', { hosts: { a: { address: 'nas:22' } } }, /a port belongs in ssh\.port/],
    ['an option as address', { hosts: { a: { address: '-oProxyCommand=id' } } }, /this cannot be connected to/],
    [
      'a fallback that says nothing',
      { ssh: { fallback: [{ port: 22 }, {}] }, hosts: { nas } },
      /^ssh\.fallback\[1\] · this is no other way to connect · at least one setting/,
    ],
    [
      'a fallback of a group that says nothing',
      { groups: { storage: { ssh: { fallback: [{ port: undefined }] } } }, hosts: { nas } },
      /^groups\.storage\.ssh\.fallback\[0\] · this is no other way/,
    ],
    [
      'a fallback with a port in the address',
      { hosts: { a: { address: 'a', ssh: { fallback: [{ address: '10.0.0.1:22' }] } } } },
      /^hosts\.a\.ssh\.fallback\[0\]\.address · this is no IPv6 address .*a port belongs in ssh\.port/,
    ],
    ['half an address', { hosts: { a: { address: '10.0.1' } } }, /this is no IP address/],
  ])('%s', (_, input, expected) => {
    expect(mistakes(input)).toEqual([expect.stringMatching(expected)]);
  });

  test('one address with two ports, or behind two jump hosts, is two machines', () => {
    expect(
      mistakes({ hosts: { a: { address: '10.0.0.1' }, b: { address: '10.0.0.1', ssh: { port: 2222 } } } }),
    ).toEqual([]);
    expect(
      mistakes({ hosts: { a: { address: '10.0.0.1' }, b: { address: '10.0.0.1', ssh: { proxyJump: 'office' } } } }),
    ).toEqual([]);
  });

  test('a container and this machine need no address', () => {
    expect(mistakes({ ssh: { transport: 'docker' }, hosts: { a: {}, b: { ssh: { transport: 'local' } } } })).toEqual(
      [],
    );
  });
});

describe('services and flows', () => {
  const service = (more: object) => ({
    networks,
    hosts: { nas, vps },
    services: { photos: { host: 'nas', port: 2342, ...more } },
  });
  const flow = (more: object) => ({
    hosts: { nas },
    services: { photos: { host: 'nas', port: 1 } },
    flows: [{ from: 'internet', reason: 'x', ...more }],
  });
  test.each([
    [
      'a public name that nothing carries',
      { hosts: { nas }, networks, services: { photos: { host: 'nas', port: 2342, public: 'photos.example.dev' } } },
      /^services\.photos\.public · nothing carries the public name to "nas"/,
    ],
    [
      'a path that two services have',
      {
        networks,
        hosts: { nas, vps },
        services: {
          photos: { host: 'nas', port: 1, public: 'a.example', http: { path: '/x/' } },
          albums: { host: 'nas', port: 2, public: 'a.example', http: { path: '/x' } },
        },
      },
      /^services\.albums\.public · two services have the public name "a\.example"/,
    ],
    [
      'a name that is shared by two modes',
      {
        networks,
        hosts: { nas, vps },
        services: {
          photos: { host: 'nas', port: 1, public: 'a.example' },
          git: { host: 'nas', port: 2, public: 'a.example', mode: 'tcp', gateways: 'vps' },
        },
      },
      /^services\.git\.public · two services have the public name "a\.example"/,
    ],
    [
      'requests of a service that no gateway looks at',
      service({ public: 'a.example', mode: 'tcp', gateways: 'vps', http: { path: '/x' } }),
      /^services\.photos\.http · no gateway treats requests/,
    ],
    [
      'replicas of packets',
      service({ public: 'a.example', mode: 'tcp', gateways: 'vps', replicas: 'vps' }),
      /^services\.photos\.replicas · a gateway that forwards packets takes one host/,
    ],
    [
      'a gateway without a name',
      service({ gateways: ['vps'] }),
      /^services\.photos\.gateways\[0\] · a gateway carries public names/,
    ],
    [
      'a mode that does not fit',
      service({ mode: 'http', protocol: 'udp' }),
      /^services\.photos\.protocol · the mode "http" does not go with udp/,
    ],
    ['a URL', service({ public: 'https://photos.example.dev', gateways: 'vps' }), /without scheme and path/],
    ['a wildcard', service({ public: '*.example.dev', gateways: 'vps' }), /a wildcard would answer/],
    ['a dot at the end', service({ private: 'photos.home.arpa.' }), /leave out the dot/],
    ['capitals', service({ private: 'Photos.home.arpa' }), /lower case/],
    ['an international name', service({ private: 'bücher.home.arpa' }), /xn--/],
    ['an address as name', service({ private: '10.0.0.1' }), /this is an address/],
    ['a label that is too long', service({ private: `${'a'.repeat(64)}.arpa` }), /this is no DNS name/],
    ['a public name without a domain', service({ public: 'photos', gateways: 'vps' }), /has a domain/],
    ['no ports', flow({ to: 'nas' }), /^flows\[0\] · the flow to "nas" does not say which ports/],
    ['an empty list of ports', flow({ to: 'nas', ports: [] }), /does not say which ports/],
    [
      'ports for a service',
      flow({ to: 'photos', ports: 80 }),
      /^flows\[0\]\.ports · a flow to a service does not need "ports"/,
    ],
    ['any with a protocol', flow({ to: 'nas', ports: 'any', protocol: 'tcp' }), /every port of every protocol/],
    ['nobody', flow({ to: [], ports: 22 }), /names nothing/],
    ['a blank reason', flow({ to: 'photos', reason: ' ' }), /^flows\[0\]\.reason · a flow needs a reason/],
  ])('%s', (_, input, expected) => {
    expect(mistakes(input)).toEqual([expect.stringMatching(expected)]);
  });

  test('two services with one name', () => {
    const services = {
      a: { host: 'nas', port: 1, private: 'x.home.arpa' },
      b: { host: 'nas', port: 2, private: 'x.home.arpa' },
    };
    expect(mistakes({ hosts: { nas }, services })).toEqual([
      expect.stringMatching(/^services\.b\.private · two services .*"a" has already/),
    ]);
  });

  test('a host on a public network needs no gateway', () => {
    expect(
      mistakes({ networks, hosts: { vps }, services: { web: { host: 'vps', port: 443, public: 'example.dev' } } }),
    ).toEqual([]);
  });
});
