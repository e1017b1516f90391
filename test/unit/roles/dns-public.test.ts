import { describe, expect, it } from 'vitest';
import { renderKnot } from '../../../roles/dns/public/authoritative/render.ts';
import { knot } from '../../../roles/dns/public/authoritative/resource.ts';
import { changesOf } from '../../../roles/dns/public/changes.ts';
import { authoritative, zones } from '../../../roles/dns/public/params.ts';
import { linesOf, type RecordSet, setsIn } from '../../../roles/dns/public/record-set.ts';
import { recordsOf } from '../../../roles/dns/public/records.ts';
import { quotedText, stringsIn } from '../../../roles/dns/public/text-strings.ts';
import { canonicalValue, declaredValue } from '../../../roles/dns/public/values.ts';
import { renderZone } from '../../../roles/dns/public/zone-file.ts';
import { policyOf } from '../../../roles/firewall/policy.ts';
import { type InventoryInput, LabError, Secret } from '../../../src/index.ts';
import { resolveInventory } from '../../../src/model/resolve-inventory.ts';
import fc from '../../support/fast-check.ts';

describe('texts of TXT records', () => {
  it('are what they were when they are read again, in strings of at most 255 bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1200 }), (bytes) => {
        const strings = stringsIn(quotedText(bytes)) ?? [];
        expect(Buffer.concat(strings)).toEqual(Buffer.from(bytes));
        expect(strings.every(({ length }) => length <= 255)).toBe(true);
        // As dig prints it: printable, on one line.
        expect(quotedText(bytes)).toMatch(/^[\x20-\x7e]*$/);
      }),
    );
  });

  it('are equal however they are written', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        expect(canonicalValue('TXT', quotedText(text))).toBe(quotedText(text));
      }),
    );
    for (const [written, plain] of [
      ['"v=spf1 -all"', 'v=spf1 -all'],
      ['v=spf1', 'v=spf1'],
      ['"one" "two"', 'onetwo'],
      ['"a\\;b"', 'a;b'],
      ['"\\195\\164"', 'ä'],
      ['"ä"', 'ä'],
    ] as const)
      expect(canonicalValue('TXT', written)).toBe(quotedText(plain));
  });

  it('leaves what is no text as it is', () => {
    for (const bad of ['"open', '"a\\', 'a"b', '"\\999"']) expect(canonicalValue('TXT', bad)).toBe(bad);
  });
});

describe('values', () => {
  it.each([
    ['A', '203.0.113.7', '203.0.113.7'],
    ['AAAA', '2001:DB8:0::7', '2001:db8::7'],
    ['CNAME', 'Photos', 'photos.example.dev.'],
    ['CNAME', '@', 'example.dev.'],
    ['MX', '010 mail.example.net.', '10 mail.example.net.'],
    ['MX', '0 .', '0 .'],
    ['SRV', '0 5 5060 sip', '0 5 5060 sip.example.dev.'],
    ['CAA', '0 issue letsencrypt.org', '0 issue "letsencrypt.org"'],
    ['CAA', '128 Issue "a; b=c"', '128 issue "a; b=c"'],
    ['TXT', 'say "hi"', '"say \\"hi\\""'],
    ['NS', 'ns.example.net.', 'ns.example.net.'],
  ] as const)('%s %s is %s', (type, text, value) => {
    expect(declaredValue(type, text, 'example.dev')).toEqual({ value });
    expect(canonicalValue(type, value)).toBe(value);
  });

  it.each([
    ['A', '2001:db8::7'],
    ['A', '1.2.3'],
    ['AAAA', '203.0.113.7'],
    ['CNAME', '203.0.113.7'],
    ['CNAME', 'photos.example.dev'],
    ['CNAME', 'a b'],
    ['MX', 'mail'],
    ['MX', '70000 mail'],
    ['MX', '10 203.0.113.7'],
    ['SRV', '0 5 sip'],
    ['CAA', 'issue "x"'],
    ['CAA', '300 issue "x"'],
    ['TXT', '"quoted"'],
    ['A', '203.0.113.7\n203.0.113.8'],
  ] as const)('%s %j is refused', (type, text) => {
    expect(declaredValue(type, text, 'example.dev')).toHaveProperty('problem');
  });
});

const base: InventoryInput = {
  networks: {
    public: { prefixes: ['203.0.113.0/24', '2001:db8::/64'], public: true },
    home: { prefixes: '192.168.1.0/24' },
  },
  hosts: {
    vps: { addresses: { public: ['203.0.113.7', '2001:db8::7'] } },
    vps2: { addresses: { public: '203.0.113.8' } },
    nas: { address: 'home.dyndns.example', addresses: { home: '192.168.1.10' } },
  },
  services: {
    photos: { host: 'nas', port: 80, public: 'photos.example.dev', gateways: 'vps' },
    both: { host: 'nas', port: 80, public: ['both.example.dev', 'both.other.dev'], gateways: ['vps', 'vps2'] },
    own: { host: 'vps2', port: 80, public: 'own.example.dev' },
    deep: { host: 'vps2', port: 80, public: 'a.deep.example.dev' },
  },
};
const model = resolveInventory(base, { at: undefined });

function records(zone: Record<string, unknown> = {}, all = ['example.dev', 'deep.example.dev']) {
  const provider = { type: 'rfc2136', server: '10.0.0.1', key: { name: 'k', secret: new Secret('x') } };
  const parsed = zones.parse({ 'example.dev': { provider, ...zone } })['example.dev'];
  if (parsed === undefined) throw new Error('no zone');
  return recordsOf({ name: 'example.dev', params: parsed, all }, model);
}
const text = (sets: readonly RecordSet[]) => sets.flatMap(linesOf);
const record = (name: string, type: string, value: string, more = {}) => ({
  records: [{ name, type, value, ...more }],
});
function refusal(zone: Record<string, unknown>): string {
  try {
    records(zone);
  } catch (error) {
    if (error instanceof LabError)
      return [error, ...(error.details.others ?? [])].map(({ message }) => message).join('\n');
    throw error;
  }
  return 'nothing';
}

describe('records of a zone', () => {
  it('are the addresses of all gateways, or of the host itself, in both families', () => {
    expect(text(records())).toEqual([
      'both.example.dev. 300 A 203.0.113.7',
      'both.example.dev. 300 A 203.0.113.8',
      'both.example.dev. 300 AAAA 2001:db8::7',
      'own.example.dev. 300 A 203.0.113.8',
      'photos.example.dev. 300 A 203.0.113.7',
      'photos.example.dev. 300 AAAA 2001:db8::7',
    ]);
    expect(text(records({}, ['example.dev']))).toContain('a.deep.example.dev. 300 A 203.0.113.8');
  });

  it('lead the zone itself and undeclared names to the gateways when asked', () => {
    expect(text(records({ apex: true, wildcard: true, ttl: 60 }))).toEqual(
      expect.arrayContaining([
        'example.dev. 60 A 203.0.113.7',
        'example.dev. 60 A 203.0.113.8',
        '*.example.dev. 60 AAAA 2001:db8::7',
      ]),
    );
  });

  it.each([
    ['a private address', record('x', 'A', '192.168.1.10'), 'would tell the world 192.168.1.10'],
    ['an address that nobody outside has', record('x', 'AAAA', 'fd00::1'), 'would tell the world fd00::1'],
    ['where a host at home is reached', record('x', 'CNAME', 'home.dyndns.example.'), 'where nas is reached'],
    [
      'a private address in SPF',
      record('@', 'TXT', 'v=spf1 ip4:192.168.1.0/24 -all'),
      'would tell the world 192.168.1.0/24',
    ],
    ['a CNAME beside a service', record('photos', 'CNAME', 'own'), 'has a CNAME and something else'],
    ['a second source for a name', record('photos', 'A', '203.0.113.9'), 'is wanted twice'],
    ['the same twice', { records: [1, 2].map(() => ({ name: 'x', type: 'TXT', value: 'y' })) }, 'is wanted twice'],
    ['a CNAME of the zone itself', record('@', 'CNAME', 'own'), 'the zone itself cannot have a CNAME'],
    ['name servers of the zone itself', record('@', 'NS', 'ns.example.net.'), 'its NS records'],
    [
      'what lies below a delegation',
      {
        records: [
          { name: 'sub', type: 'NS', value: 'ns.example.net.' },
          { name: 'x.sub', type: 'TXT', value: 'y' },
        ],
      },
      'is delegated',
    ],
    [
      'two values for a ttl',
      {
        records: [
          { name: 'x', type: 'A', value: '203.0.113.1', ttl: 60 },
          { name: 'x', type: 'A', value: '203.0.113.2' },
        ],
      },
      'two values for its ttl',
    ],
  ])('refuse %s', (_, zone, message) => {
    expect(refusal(zone)).toContain(message);
  });

  it('may tell an address when it is meant, and have glue below a delegation', () => {
    expect(text(records(record('x', 'A', '192.168.1.10', { private: true })))).toContain(
      'x.example.dev. 300 A 192.168.1.10',
    );
    const glue = {
      records: [
        { name: 'sub', type: 'NS', value: 'ns.sub.example.dev.' },
        { name: 'ns.sub', type: 'A', value: '203.0.113.9' },
      ],
    };
    expect(refusal(glue)).toBe('nothing');
  });

  it.each([
    ['other.dev.', 'is not in the zone'],
    ['x.example.dev', 'end it with a dot'],
    ['a b', 'is no DNS name'],
  ])('refuse the name %s', (name, message) => {
    const provider = { type: 'authoritative' };
    const parsed = zones.safeParse({ 'example.dev': { provider, ...record(name, 'A', '203.0.113.1') } });
    expect(parsed.error?.issues[0]).toMatchObject({
      message: expect.stringContaining(message),
      path: ['example.dev', 'records', 0, 'name'],
    });
  });
});

describe('changes of a zone', () => {
  const set = (name: string, ...values: string[]): RecordSet => ({
    name: `${name}.example.dev.`,
    type: 'A',
    ttl: 300,
    values,
  });
  const many = (count: number) => Array.from({ length: count }, (_, index) => set(`s${index}`, '203.0.113.7'));
  const change = (wanted: RecordSet[], current: RecordSet[], owned: RecordSet[], mass = false) =>
    changesOf('example.dev', wanted, { current, owned }, mass);

  it('leave alone what is neither declared nor was published before', () => {
    expect(change([], [set('theirs', '192.0.2.1')], [])).toEqual([]);
    expect(change([], [set('ours', '192.0.2.1')], [set('ours', '203.0.113.7')])).toEqual([
      { before: set('ours', '192.0.2.1'), after: undefined },
    ]);
    expect(change([], [], [set('gone', '203.0.113.7')])).toEqual([]);
  });

  it('are refused above 30 % of ten or more, but for the word', () => {
    const [nine, ten] = [many(9), many(10)];
    expect(change([], nine, nine)).toHaveLength(9);
    expect(change(ten.slice(3), ten, ten)).toHaveLength(3);
    expect(() => change(ten.slice(4), ten, ten)).toThrow('mass change');
    expect(() =>
      change(
        ten.map((one) => ({ ...one, values: ['203.0.113.9'] })),
        ten,
        ten,
      ),
    ).toThrow('mass change');
    expect(change([], ten, ten, true)).toHaveLength(10);
    // What is new is no loss.
    expect(change([...ten, set('new', '203.0.113.7')], ten, ten)).toHaveLength(1);
    expect(change(many(40), ten, ten)).toHaveLength(30);
  });

  it('read what a ledger has as it was written', () => {
    const all = many(3);
    expect(setsIn(all.flatMap(linesOf), canonicalValue)).toEqual(all);
  });
});

it('a zone file has one SOA, whose serial is left open, and every record', () => {
  const rendered = renderZone('example.dev', 300, records(record('long', 'TXT', 'x'.repeat(300))), {
    nameservers: ['ns1.example.net.'],
    contact: undefined,
  });
  expect(rendered).toMatch(/^example\.dev\. 3600 IN SOA ns1\.example\.net\. hostmaster\.example\.dev\. @SERIAL@ /m);
  expect(rendered).toMatch(/^long\.example\.dev\. 300 IN TXT "x{255}" "x{45}"$/m);
});

it('the server of a host listens where others ask, and on loopback for the host itself', () => {
  const config = renderKnot(['example.dev'], ['203.0.113.7', '2001:db8::7'], authoritative.parse({ nsec3: true }));
  expect(config).toContain('listen: [ "127.0.0.1@10053", "203.0.113.7@53", "2001:db8::7@53" ]');
  expect(config).toMatch(/nsec3: on/);
});

it('the firewall lets strangers ask a host that serves a zone, and no other', () => {
  const params = { dns: { zones: { 'example.dev': { provider: { type: 'authoritative' } } } } };
  const hosts = { ...base.hosts, vps: { ...base.hosts.vps, params } };
  const permits = policyOf(resolveInventory({ ...base, hosts }, { at: undefined })).permits.filter(({ ports }) =>
    ports.some(({ first }) => first === 53),
  );
  expect(permits.map(({ from, to, protocol }) => `${from.name} ${to.name} ${protocol}`)).toEqual([
    'internet vps udp',
    'internet vps tcp',
  ]);
  expect(policyOf(model).permits.some(({ ports }) => ports.some(({ first }) => first === 53))).toBe(false);
});

describe('a server of zones that does not run yet', () => {
  const zones = [{ name: 'example.dev', nameservers: ['ns1.example.dev.'], contact: 'root.example.dev.' }];
  const { resourceType, props } = knot({ config: 'x', zones });
  const changes = (isKept: boolean) =>
    resourceType.diff(props, { before: null, isRunning: false, isKept, servers: new Map([['example.dev', '']]) });

  it('may have them all the same, put back from a backup: they are not told as absent', () => {
    const zone = (isKept: boolean) => changes(isKept).find(({ attribute }) => attribute === 'zone example.dev');
    expect(zone(false)).toMatchObject({ before: null, after: 'name servers ns1.example.dev.' });
    expect(zone(true)).toMatchObject({ before: expect.stringContaining('kept') });
    expect(zone(true)?.revert).toEqual([{ do: 'restore', path: '/etc/lab/dns/example.dev.ds' }]);
  });
});
