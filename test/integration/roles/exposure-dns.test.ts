import { afterAll, beforeAll, expect, it } from 'vitest';
import { questionsFor } from '../../../roles/vps-gateway/exposure/names.ts';
import { askRecords, authoritativeDns, dnsOf, zonesOf } from '../../../src/cli/verify/exposure/public-dns.ts';
import { resolveInventory } from '../../../src/model/resolve-inventory.ts';
import { type NameServer, startBind } from '../../support/name-server.ts';

// One BIND is in charge of the zone, a second one is the resolver of a home, to which the same names mean something else.

const inventory = resolveInventory(
  {
    networks: {
      public: { prefixes: '198.51.100.0/24', public: true },
      vpn: { prefixes: '10.80.0.0/24', tunnel: true },
    },
    hosts: {
      vps: { addresses: { public: '198.51.100.10', vpn: '10.80.0.1' } },
      nas: { addresses: { vpn: '10.80.0.10' } },
    },
    services: { photos: { host: 'nas', port: 2342, public: 'photos.example.dev', gateways: 'vps' } },
  },
  { at: undefined },
);

let server: NameServer;
beforeAll(async () => {
  server = await startBind();
  const { host, address } = server;
  await server.update(
    'update add photos.example.dev 60 A 198.51.100.10',
    'update add example.dev 60 MX 10 mx.example.dev.',
    'update add mx.example.dev 60 A 198.51.100.10',
    'update add www.example.dev 60 CNAME box.example.dev.',
    'update add box.example.dev 60 AAAA 2001:db8:7::25',
    'update add example.dev 60 TXT "v=spf1 include:_spf.example.dev -all"',
    'update add _spf.example.dev 60 TXT "v=spf1 a:box.example.dev include:example.dev ?all"',
  );
  await host.exec(
    ['sh', '-c', 'cat >/etc/bind/inside.conf'],
    `options { directory "/var/cache/bind"; pid-file "/run/named/inside.pid"; listen-on port 5353 { any; }; listen-on-v6 { none; }; recursion no; dnssec-validation no; };
controls { };
zone "example.dev" { type primary; file "/var/cache/bind/inside.zone"; };
`,
  );
  await host.exec(
    ['sh', '-c', 'cat >/var/cache/bind/inside.zone'],
    `$TTL 60\n@ IN SOA ns1 hostmaster 1 3600 600 86400 60\n@ NS ns1\nns1 A ${address}\nphotos A 10.80.0.1\n`,
  );
  await host.sh(
    'named -u bind -c /etc/bind/inside.conf; for i in $(seq 50); do dig @127.0.0.1 -p 5353 +time=1 +tries=1 photos.example.dev | grep -q 10.80.0.1 && exit 0; sleep 0.2; done; exit 1',
  );
}, 120_000);
afterAll(() => server?.[Symbol.asyncDispose]());

it('asks who is in charge, whatever the resolver of this machine says', async () => {
  const inside = `${server.address}:5353`;
  expect(await dnsOf(inside).ask('photos.example.dev', 'A')).toEqual(['10.80.0.1']);
  expect(await authoritativeDns([inside]).ask('photos.example.dev', 'A')).toEqual(['198.51.100.10']);
});

it('tells what is not there from what nobody answered', async () => {
  const dns = dnsOf(server.address);
  expect(await dns.ask('nothing.example.dev', 'A')).toEqual([]);
  expect(await dns.ask('photos.example.dev', 'AAAA')).toEqual([]);
  // Not in its zone: it refuses.
  expect(await dns.ask('example.net', 'A')).toBeNull();
});

it('finds the zone of a name, and follows records once, also in a circle', async () => {
  const dns = authoritativeDns([`${server.address}:5353`]);
  const zones = await zonesOf(inventory, dns);
  expect(zones).toEqual(['example.dev']);
  const { records, questions, unanswered } = await askRecords(questionsFor(inventory, zones), dns);
  expect(unanswered).toEqual([]);
  expect(questions).toBeGreaterThan(30);
  const of = (name: string, type: string) =>
    records.filter((one) => one.name === name && one.type === type).map(({ value, via }) => [value, via]);
  expect(of('photos.example.dev', 'A')).toEqual([['198.51.100.10', null]]);
  expect(of('example.dev', 'MX')).toEqual([['mx.example.dev', null]]);
  expect(of('mx.example.dev', 'A')).toEqual([['198.51.100.10', 'example.dev MX']]);
  expect(of('www.example.dev', 'CNAME')).toEqual([['box.example.dev', null]]);
  expect(of('box.example.dev', 'AAAA')).toEqual([['2001:db8:7::25', expect.any(String)]]);
  expect(of('_spf.example.dev', 'TXT')).toHaveLength(1);
  expect(of('ns1.example.dev', 'A')).toEqual([[server.address, 'example.dev NS']]);
});
