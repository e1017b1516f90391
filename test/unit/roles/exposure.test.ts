import { describe, expect, it } from 'vitest';
import { policyOf } from '../../../roles/firewall/policy.ts';
import { describeExposure } from '../../../roles/vps-gateway/exposure/finding.ts';
import { judgeEndpoints, judgeRecords } from '../../../roles/vps-gateway/exposure/judge-addresses.ts';
import { type GatewayAnswer, judgeAnswers, judgeMail } from '../../../roles/vps-gateway/exposure/judge-answers.ts';
import { judgeServed } from '../../../roles/vps-gateway/exposure/judge-open.ts';
import { judgeWaysOut, type WayOut } from '../../../roles/vps-gateway/exposure/judge-ways.ts';
import {
  followedBy,
  homeLogins,
  meantRecords,
  type PublicRecord,
  questionsFor,
} from '../../../roles/vps-gateway/exposure/names.ts';
import { isOpenAt, isOpenAtHome, portsAtHome } from '../../../roles/vps-gateway/exposure/ports.ts';
import {
  homeSeenBy,
  hostOfEndpoint,
  hostsBehindGateways,
  parseLook,
  waysOutOf,
} from '../../../roles/vps-gateway/exposure/readings.ts';
import { addressesIn, SecretsOfHome } from '../../../roles/vps-gateway/exposure/secrets-of-home.ts';
import { echoUrl, homeList, serverAddress } from '../../../src/cli/exposure-options.ts';
import { resolveInventory } from '../../../src/model/resolve-inventory.ts';
import type { Host } from '../../../src/model/types.ts';

const inventory = resolveInventory(
  {
    params: { dns: { resolvers: ['nas'], domain: 'home.example.dev' } },
    networks: {
      public: { prefixes: ['198.51.100.0/24', '2001:db8:1::/64'], public: true },
      home: { prefixes: '192.168.1.0/24' },
      vpn: { prefixes: ['10.80.0.0/24', 'fd80::/64'], tunnel: true },
    },
    hosts: {
      vps: {
        addresses: { public: ['198.51.100.10', '2001:db8:1::10'], vpn: ['10.80.0.1', 'fd80::1'] },
        params: {
          dns: {
            zones: {
              'example.dev': {
                provider: { type: 'authoritative' },
                records: [
                  { name: 'lan', type: 'A', value: '192.168.1.1', private: true },
                  { name: '_xmpp._tcp', type: 'SRV', value: '0 5 5222 chat.example.dev.' },
                ],
              },
            },
          },
        },
      },
      nas: { addresses: { home: '192.168.1.10', vpn: ['10.80.0.10', 'fd80::10'] } },
      node: { address: 'node.dyn.example.net', addresses: { home: '192.168.1.11', vpn: ['10.80.0.11', 'fd80::11'] } },
      jumped: { address: '192.168.1.12', ssh: { proxyJump: 'vps' }, addresses: { home: '192.168.1.12' } },
    },
    services: {
      photos: {
        host: 'nas',
        port: 2342,
        public: 'photos.example.dev',
        private: 'photos.lan',
        gateways: 'vps',
        replicas: 'node',
        http: { headers: { 'X-Powered-By': 'love' } },
      },
      files: { host: 'nas', port: 445, private: 'files.example.dev' },
    },
    flows: [
      { from: 'internet', to: 'vps', ports: 22, reason: 'administration' },
      { from: 'internet', to: 'node', ports: 32400, reason: 'films, straight from home' },
      { from: 'nas', to: 'vps', ports: 9100, reason: 'metrics' },
    ],
  },
  { at: undefined },
);
const policy = policyOf(inventory);
const home = { v4: '203.0.113.7', v6: '2001:db8:7::/64' } as const;
const secrets = new SecretsOfHome(inventory, [
  { address: home.v4, from: '--home' },
  { address: home.v6, from: '--home' },
]);
const hostOf = (name: string) => inventory.hosts.get(name) as Host;

describe('what must not show', () => {
  it.each([
    ['203.0.113.7', 'home'],
    ['2001:db8:7::99', 'home'],
    ['192.168.1.10', 'inside'],
    ['10.80.0.10', 'inside'],
    ['172.18.0.2', 'inside'],
    ['fd80::10', 'inside'],
    ['fe80::1', 'inside'],
    ['100.64.1.1', 'inside'],
    ['198.51.100.10', undefined],
    ['2001:db8:1::10', undefined],
    ['203.0.113.8', undefined],
    // Said of itself by every machine.
    ['127.0.0.1', undefined],
    ['0.0.0.0', undefined],
  ] as const)('%s is %s', (address, what) => {
    expect(secrets.whatIs(address)).toBe(what);
  });

  it.each([
    ['http://203.0.113.7:8080/x', [['203.0.113.7', 'home']]],
    ['for="[2001:DB8:7::5]:4711"', [['2001:db8:7::5', 'home']]],
    ['1.1 192.168.1.10:8080 (squid)', [['192.168.1.10', 'inside']]],
    // As providers name their lines.
    ['203-0-113-7.dsl.example.net', [['203-0-113-7', 'home']]],
    ['p7-113-0-203.example.net', [['7-113-0-203', 'home']]],
    ['http://nas.home.example.dev/', [['nas.home.example.dev', 'name']]],
    ['https://files.example.dev/', [['files.example.dev', 'name']]],
    ['http://PHOTOS.LAN/', [['photos.lan', 'name']]],
    ['http://whatever.home.arpa/', [['whatever.home.arpa', 'name']]],
    ['https://photos.example.dev/ 198.51.100.10', []],
    ['nginx/1.22.1', []],
    ['Thu, 26 Nov 2026 21:47:30 GMT', []],
    ['v10.0.0.1.2', []],
    ['1203.0.113.7', []],
    ['203.0.113.70', []],
  ] as const)('in "%s": %j', (text, leaks) => {
    expect(secrets.in(text).map(({ found, what }) => [found, what])).toEqual(leaks);
  });

  it('is never what a public host has', () => {
    const wrong = new SecretsOfHome(inventory, [
      { address: '198.51.100.10', from: 'nas leaves with it' },
      { address: '2001:db8:1::/64', from: '--home' },
    ]);
    expect(wrong.lines).toEqual([]);
    expect(wrong.whatIs('198.51.100.10')).toBeUndefined();
    expect(wrong.whatIs('2001:db8:1::10')).toBeUndefined();
    expect(wrong.whatIs('2001:db8:1::99')).toBe('home');
  });

  it('is connected to where it is an address', () => {
    expect(secrets.lines).toEqual([home.v4]);
  });
});

it('reads addresses in their canonical form', () => {
  expect(
    addressesIn('a 10.0.0.1, [2001:DB8:0::1]:443 and ::ffff:10.0.0.2; 01.2.3.4 12:34:56 a::b::c std::move'),
  ).toEqual(['10.0.0.1', '10.0.0.2', '2001:db8::1', '::ffff:a00:2']);
});

describe('what is asked of the public DNS', () => {
  const names = questionsFor(inventory, ['example.dev']);
  const typesOf = (name: string) => names.find((one) => one.name === name)?.types ?? [];

  it('is what is declared, the zone, and what may have been forgotten', () => {
    expect(typesOf('photos.example.dev')).toEqual(['A', 'AAAA', 'CNAME', 'MX', 'TXT']);
    expect(typesOf('example.dev')).toContain('NS');
    expect(typesOf('_xmpp._tcp.example.dev')).toContain('SRV');
    for (const label of ['nas', 'home', 'vpn', 'www', 'lab-verify-exposure'])
      expect(typesOf(`${label}.example.dev`)).toContain('AAAA');
  });

  it('is the name that follows the line of the home', () => {
    expect(homeLogins(inventory)).toContain('node.dyn.example.net');
    expect(homeLogins(inventory)).not.toContain('192.168.1.12');
    expect(typesOf('node.dyn.example.net')).toContain('A');
  });

  it('leads on to what records name', () => {
    const record = (type: PublicRecord['type'], value: string) => ({ name: 'example.dev', type, value, via: null });
    expect(followedBy(record('MX', 'mx.example.net'))).toEqual([
      { name: 'mx.example.net', types: ['A', 'AAAA'], via: 'example.dev MX' },
    ]);
    expect(
      followedBy(record('TXT', 'v=spf1 a:out.example.net ~mx:example.net include:_spf.example.net ip4:192.0.2.1 -all')),
    ).toMatchObject([
      { name: 'out.example.net', types: ['A', 'AAAA'] },
      { name: 'example.net', types: ['MX'] },
      { name: '_spf.example.net', types: ['TXT'] },
    ]);
    expect(followedBy(record('TXT', 'a:out.example.net'))).toEqual([]);
    expect(followedBy(record('A', '192.0.2.1'))).toEqual([]);
  });

  it('is judged but for what is meant', () => {
    const records: PublicRecord[] = [
      { name: 'photos.example.dev', type: 'A', value: '198.51.100.10', via: null },
      { name: 'old.example.dev', type: 'A', value: home.v4, via: null },
      { name: 'lan.example.dev', type: 'A', value: '192.168.1.1', via: null },
      { name: 'example.dev', type: 'TXT', value: 'v=spf1 ip4:203.0.113.0/28 ip4:0.0.0.0/0 ip4:203.0.0.0/8', via: null },
      { name: 'mx.example.net', type: 'AAAA', value: '2001:db8:7::25', via: 'example.dev MX' },
    ];
    expect(judgeRecords(records, secrets, meantRecords(inventory)).map(describeExposure)).toEqual([
      "record: old.example.dev A: 203.0.113.7, the home's address",
      "record: example.dev TXT: 203.0.113.0/28, a network with the home's address",
      "record: mx.example.net AAAA (by example.dev MX): 2001:db8:7::25, the home's address",
    ]);
  });
});

describe('what is open at the home', () => {
  const kinds = (port: number, certified: string[], answered: string[]) =>
    judgeServed([{ address: home.v4, port, certified, answered }], ['photos.example.dev'], (one) =>
      isOpenAtHome(one, inventory, policy),
    ).map(({ kind }) => kind);

  it('is told unless a flow from the internet leads there', () => {
    expect(kinds(22, [], [])).toEqual(['open']);
    expect(kinds(32400, [], [])).toEqual([]);
  });

  it('may not be of our names, with or without a flow', () => {
    expect(kinds(32400, ['photos.example.dev'], [])).toEqual(['certificate']);
    expect(kinds(32400, ['*.example.dev'], [])).toEqual(['certificate']);
    expect(kinds(32400, ['*.dev', 'example.dev', 'a.photos.example.dev', 'fritz.box'], [])).toEqual([]);
    expect(kinds(443, [], ['photos.example.dev'])).toEqual(['open', 'answer']);
  });

  it('is looked for on the ports of all, and on those that are often forwarded', () => {
    expect(portsAtHome(inventory, policy, [4711])).toEqual(
      expect.arrayContaining([22, 80, 443, 445, 2342, 8123, 32400, 4711]),
    );
  });
});

it('lets a public host have open what a flow allows, to strangers or to who asks', () => {
  const at = (port: number, sources: string[] = []) =>
    isOpenAt('vps', { address: '198.51.100.10', port }, policy, sources);
  expect([at(22), at(443), at(9100), at(25)]).toEqual([true, true, false, false]);
  expect(at(9100, ['192.168.1.10'])).toBe(true);
  expect(isOpenAt('vps', { address: '2001:db8:1::10', port: 22 }, policy, [])).toBe(true);
});

describe('what a gateway answers', () => {
  const judged = (headers: GatewayAnswer['headers'], body = '') =>
    judgeAnswers(
      [{ url: 'https://photos.example.dev/', name: 'photos.example.dev', headers, body }],
      secrets,
      inventory,
    ).map(({ kind, where, found }) => [kind, where.split(' ')[0], found]);

  it('may name neither addresses nor programs', () => {
    expect(
      judged([
        ['Location', 'http://203.0.113.7/'],
        ['X-Cache', 'HIT from 192.168.1.10'],
        ['Server', 'nginx/1.22.1'],
        ['Via', '1.1 varnish'],
      ]),
    ).toEqual([
      ['header', 'Location', '203.0.113.7'],
      ['header', 'X-Cache', '192.168.1.10'],
      ['header', 'Server', 'nginx/1.22.1'],
      ['header', 'Via', '1.1 varnish'],
    ]);
  });

  it('may be of the gateway itself, and have what is declared', () => {
    expect(
      judged([
        ['Server', 'Caddy'],
        ['Via', '1.1 Caddy'],
        ['x-powered-by', 'love'],
        ['Location', 'https://photos.example.dev/login'],
      ]),
    ).toEqual([]);
    expect(judged([['X-Powered-By', 'PHP/8.2']])).toHaveLength(1);
  });

  it("may not have the home's address in its text; what is inside may be written about", () => {
    expect(judged([], 'set your router to 192.168.1.1; we call from 203.0.113.7')).toEqual([
      ['body', 'https://photos.example.dev/', '203.0.113.7'],
    ]);
  });
});

it('reads what a mail server says of itself, and where its name leads', () => {
  const judged = (lines: string[], named: string[]) =>
    judgeMail([{ at: 'mail.example.dev:25', lines, named }], secrets).map(({ found }) => found);
  expect(judged(['220 mail.example.dev ESMTP', '250-mail.example.dev'], ['198.51.100.10'])).toEqual([]);
  expect(judged(['220 nas.home.example.dev ESMTP', '250-[192.168.1.10]'], [home.v4])).toEqual([
    'nas.home.example.dev',
    '192.168.1.10',
    home.v4,
  ]);
});

describe('what hosts say', () => {
  const look = parseLook(
    [
      'peer wg0 203.0.113.7:40001 10.80.0.10/32 fd80::10/128',
      'peer wg0 [2001:db8:9::5]:40002 10.80.0.11/32',
      'peer wg0 192.0.2.200:5555 10.80.0.50/32',
      'peer wg0 (none) 10.80.0.12/32',
      'configured /etc/wireguard/old.conf home.example.net:51820',
      'address 2001:DB8:9::77',
      'address 192.168.1.10',
      'route 4 host eth0',
      'route 6 host none',
      'route 4 docker0 wg0',
      'login 203.0.113.7',
      'echo 4 {"ip": "198.51.100.10"} ',
      'something else',
    ].join('\n'),
  );

  it('is read', () => {
    expect(look).toMatchObject({
      peers: [
        { endpoint: '203.0.113.7:40001' },
        { endpoint: '[2001:db8:9::5]:40002' },
        { endpoint: '192.0.2.200:5555' },
      ],
      configured: [{ file: '/etc/wireguard/old.conf', endpoint: 'home.example.net:51820' }],
      isGuarded: false,
      login: '203.0.113.7',
    });
    expect([...look.seenAs]).toEqual([[4, '198.51.100.10']]);
    expect(['203.0.113.7:1', '[2001:DB8::1]:2', 'home.example.net:3'].map(hostOfEndpoint)).toEqual([
      '203.0.113.7',
      '2001:db8::1',
      'home.example.net',
    ]);
  });

  it('teaches where the home is: from where it dials, not from where devices do', () => {
    expect(homeSeenBy(hostOf('vps'), look, inventory)).toEqual([
      { address: '203.0.113.7', from: 'vps sees nas there' },
      { address: '2001:db8:9::5', from: 'vps sees node there' },
      { address: '2001:db8:9::/64', from: 'vps sees node there' },
    ]);
    expect(homeSeenBy(hostOf('nas'), { ...look, seenAs: new Map() }, inventory)).toEqual([
      { address: '2001:db8:9::77', from: 'nas has it' },
      { address: '2001:db8:9::/64', from: 'nas has it' },
    ]);
  });

  it('tells by which way hosts of public services leave', () => {
    expect(hostsBehindGateways(inventory)).toEqual(['nas', 'node']);
    const ways = waysOutOf(hostOf('nas'), { ...look, seenAs: new Map() }, inventory);
    expect(ways.map(({ family, of, by }) => `${family} ${of} ${by}`)).toEqual([
      '4 the host itself line',
      '6 the host itself nothing',
      '4 containers on docker0 tunnel',
    ]);
    expect(waysOutOf(hostOf('nas'), { ...look, isGuarded: true }, inventory)[0]?.by).toBe('nothing');
  });
});

describe('the way out', () => {
  const way = (more: Partial<WayOut>): WayOut => ({
    ...{ host: 'nas', family: 4, of: 'the host itself', by: 'tunnel', device: 'wg0', seenAs: null },
    ...more,
  });
  const leaks = (more: Partial<WayOut>) => judgeWaysOut([way(more)], new Set(['198.51.100.10']), secrets).length;

  it('is through the gateway, and what is seen outside counts before what routes say', () => {
    expect([leaks({}), leaks({ by: 'nothing' }), leaks({ by: 'line', device: 'eth0' })]).toEqual([0, 0, 1]);
    expect(leaks({ by: 'line', seenAs: '198.51.100.10' })).toBe(0);
    expect(leaks({ seenAs: home.v4 })).toBe(1);
  });
});

it('takes no endpoint at home, by address or by name', () => {
  const judged = (endpoint: string, resolved: string[] = []) =>
    judgeEndpoints([{ where: 'nas /etc/wireguard/wg0.conf', endpoint, resolved }], secrets).length;
  expect(judged('198.51.100.10:51820')).toBe(0);
  expect(judged('192.168.1.11:51820')).toBe(0);
  expect(judged('203.0.113.7:51820')).toBe(1);
  expect(judged('[2001:db8:7::1]:51820')).toBe(1);
  expect(judged('vpn.example.net:51820', ['192.0.2.1'])).toBe(0);
  expect(judged('home.example.net:51820', [home.v4])).toBe(1);
});

describe('options', () => {
  it('are taken as written, in canonical form', () => {
    expect(homeList('203.0.113.7, 2001:DB8:7::1/56', ['192.0.2.1'])).toEqual([
      '192.0.2.1',
      '203.0.113.7',
      '2001:db8:7::/56',
    ]);
    expect(['9.9.9.9', '9.9.9.9:5353', '2620:fe::fe', '[2620:fe::fe]:53'].map(serverAddress)).toHaveLength(4);
    expect(echoUrl('https://ip.example.org/')).toBe('https://ip.example.org/');
  });
  it.each([
    [() => homeList('home.example.net')],
    [() => homeList('')],
    [() => serverAddress('dns.example.net')],
    [() => serverAddress('9.9.9.9:70000')],
    [() => echoUrl('file:///etc/passwd')],
    [() => echoUrl('-oevil')],
  ])('are refused otherwise: %s', (parse) => {
    expect(parse).toThrow(/is no/);
  });
});
