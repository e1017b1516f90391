import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { params as roleParams } from '../../../roles/dns/params.ts';
import { blockedNames, namesIn } from '../../../roles/dns/private/block-list.ts';
import { freePort, othersIn } from '../../../roles/dns/private/free-port.ts';
import { recordsOf } from '../../../roles/dns/private/records.ts';
import { renderBlocked, renderListening, renderNames } from '../../../roles/dns/private/render-unbound.ts';
import { resolvConf, resolvedConf, writerOf } from '../../../roles/dns/private/resolv-conf.ts';
import { askedAt, resolverOf, resolversOf } from '../../../roles/dns/private/resolvers.ts';
import { parseDig, parseNames, parseReplies } from '../../../roles/dns/verify/answers.ts';
import { judgeAnswers, judgeReplies, validationOf } from '../../../roles/dns/verify/judge.ts';
import { questionsOf, wireQuestion } from '../../../roles/dns/verify/questions.ts';
import { policyOf } from '../../../roles/firewall/policy.ts';
import { openingsOf } from '../../../roles/firewall/reach.ts';
import { deviceLink } from '../../../roles/wireguard/devices/device-link.ts';
import type { InventoryInput } from '../../../src/index.ts';
import { resolveInventory } from '../../../src/model/resolve-inventory.ts';

const input: InventoryInput = {
  networks: {
    public: { prefixes: ['203.0.113.0/24', '2001:db8::/64'], public: true },
    home: { prefixes: '192.168.1.0/24' },
    vpn: { prefixes: ['10.80.0.0/24', 'fd80::/64'], tunnel: true },
  },
  hosts: {
    vps: { addresses: { public: ['203.0.113.10', '2001:db8::10'], vpn: ['10.80.0.1', 'fd80::1'] } },
    nas: { addresses: { home: '192.168.1.10', vpn: ['10.80.0.10', 'fd80::10'] } },
    tv: { addresses: { home: '192.168.1.30' } },
    shop: { addresses: { public: '203.0.113.20' } },
  },
  devices: { phone: { addresses: { vpn: ['10.80.0.2', 'fd80::2'] } } },
  services: {
    photos: { host: 'nas', port: 2342, public: 'photos.example.dev', private: 'photos.home.arpa', gateways: 'vps' },
    mail: { host: 'nas', port: 993, mode: 'tls-passthrough', public: 'mail.example.dev', gateways: 'vps' },
    git: { host: 'nas', port: 2222, mode: 'tcp', public: 'git.example.dev', gateways: 'vps' },
  },
};
const inventoryOf = (dns: Record<string, unknown> = {}, more: Partial<InventoryInput> = {}) =>
  resolveInventory({ ...input, params: { dns: { resolvers: ['nas'], ...dns } }, ...more } as InventoryInput, {
    at: undefined,
  });
const paramsOf = (given: Record<string, unknown> = {}) => roleParams.parse({ resolvers: ['nas'], ...given });
const records = (given: Record<string, unknown> = {}, more: Partial<InventoryInput> = {}) =>
  recordsOf(inventoryOf(given, more), paramsOf(given));
const shown = (given: Record<string, unknown> = {}, more: Partial<InventoryInput> = {}) =>
  records(given, more).map(({ name, type, value }) => `${name} ${type} ${value}`);
const rendered = (given: Record<string, unknown> = {}, more: Partial<InventoryInput> = {}) =>
  renderNames(records(given, more), paramsOf(given)).split('\n');

describe('the names that are answered', () => {
  it('are those of hosts and devices on the tunnel, and without one on networks that are not public', () => {
    const all = shown();
    expect(all).toEqual(expect.arrayContaining(['vps.home.arpa A 10.80.0.1', 'vps.home.arpa AAAA fd80::1']));
    expect(all).toContain('phone.home.arpa AAAA fd80::2');
    expect(all).toContain('tv.home.arpa A 192.168.1.30');
    expect(all).not.toContain('nas.home.arpa A 192.168.1.10');
    expect(all.join('\n')).not.toMatch(/^shop/m);
  });

  it('lead back from each address', () => {
    expect(shown()).toEqual(
      expect.arrayContaining([
        '10.0.80.10.in-addr.arpa PTR nas.home.arpa',
        '30.1.168.192.in-addr.arpa PTR tv.home.arpa',
        `0.1.${'0.'.repeat(26)}0.8.d.f.ip6.arpa PTR nas.home.arpa`,
      ]),
    );
  });

  it('lead a public name to where the way stays inside', () => {
    expect(shown().filter((line) => line.includes('example.dev A '))).toEqual([
      'photos.example.dev A 10.80.0.1',
      'mail.example.dev A 10.80.0.10',
      'git.example.dev A 10.80.0.10',
    ]);
  });

  it('leave a public name alone whose gateway has no address inside', () => {
    const services = { photos: { ...input.services?.photos, gateways: 'shop' } } as never;
    expect(shown({}, { services }).join()).not.toContain('photos.example.dev');
  });

  it('follow an alias among our own, and keep one that leads outside', () => {
    const given = {
      records: [
        { name: 'cloud', type: 'CNAME', value: 'files.home.arpa' },
        { name: 'files', type: 'CNAME', value: 'nas.home.arpa' },
        { name: 'out', type: 'CNAME', value: 'www.example.net' },
      ],
    };
    expect(shown(given)).toContain('cloud.home.arpa A 10.80.0.10');
    expect(shown(given)).toContain('out.home.arpa CNAME www.example.net');
    const loop = {
      records: [
        { name: 'a', type: 'CNAME', value: 'b.home.arpa' },
        { name: 'b', type: 'CNAME', value: 'a.home.arpa' },
      ],
    };
    expect(() => shown(loop)).toThrow(/leads to itself/);
  });

  it.each([
    ['a host and a record', { records: [{ name: 'nas', type: 'A', value: '10.80.0.9' }] }, {}],
    ['an alias beside an address', { records: [{ name: 'nas', type: 'CNAME', value: 'www.example.net' }] }, {}],
    [
      'two aliases',
      { records: ['a', 'b'].map((one) => ({ name: 'x', type: 'CNAME', value: `${one}.example.net` })) },
      {},
    ],
    ['a service and a host', {}, { services: { tv2: { host: 'nas', port: 1, private: 'tv.home.arpa' } } }],
    ['a service and a record', { records: [{ name: 'git.example.dev', type: 'A', value: '10.80.0.1' }] }, {}],
  ])('mean one thing each: %s', (_, given, more) => {
    expect(() => shown(given, more as never)).toThrow(/two want the name/);
  });

  it('may be wanted twice for the same, and have several records of one type', () => {
    const more = { services: { web: { host: 'nas', port: 1, private: 'nas.home.arpa' } } };
    const given = { records: ['10.80.0.5', '10.80.0.6'].map((value) => ({ name: 'pool', type: 'A', value })) };
    expect(shown(given, more as never).filter((line) => /^(nas|pool)\S* A /.test(line))).toHaveLength(3);
  });

  it('do not stand in a zone of somebody else', () => {
    expect(() => shown({ stubs: { 'home.arpa': ['10.0.0.1'] } })).toThrow(/stub zone "home\.arpa"/);
    expect(() => shown({ stubs: { arpa: ['10.0.0.1'] } })).toThrow(/stub zone "arpa"/);
    expect(() => shown({ stubs: { 'nas.home.arpa': ['10.0.0.1'] } })).toThrow(/stub zone "nas\.home\.arpa"/);
    expect(shown({ stubs: { 'k8s.home.arpa': ['10.0.0.1'] } })).not.toHaveLength(0);
  });
});

describe('the configuration', () => {
  it('listens and answers inside alone', () => {
    const text = renderListening(resolverOf('vps', inventoryOf({ resolvers: ['vps'] }), paramsOf()));
    expect(text).toContain('  interface: 10.80.0.1\n  interface: fd80::1\n');
    expect(text).toContain('access-control: 10.80.0.0/24 allow');
    expect(text).not.toMatch(/203\.0\.113|2001:db8|interface: 0\.0\.0\.0|interface-automatic/);
    expect(text).toContain('access-control: 0.0.0.0/0 refuse');
  });

  it('has the own domain for itself, unless it is one of the internet', () => {
    expect(rendered()).toContain('  local-zone: "home.arpa." static');
    expect(rendered({ domain: 'example.dev' })).toContain('  local-zone: "example.dev." transparent');
  });

  it('answers public names alone, and not their domain', () => {
    const lines = rendered();
    expect(lines).toContain('  local-zone: "photos.example.dev." transparent');
    expect(lines.join('\n')).not.toContain('"example.dev."');
  });

  it('writes whatever stands in a text as text', () => {
    const value = `it's "odd" \\ %s $(x)`;
    expect(rendered({ records: [{ name: 'note', type: 'TXT', value }] })).toContain(
      `  local-data: 'note.home.arpa. 300 IN TXT "it\\039s \\034odd\\034 \\092 \\037s \\036(x)"'`,
    );
    const long = rendered({ records: [{ name: 'long', type: 'TXT', value: 'x'.repeat(300) }] }).join('\n');
    expect(long).toContain(`TXT "${'x'.repeat(255)}" "${'x'.repeat(45)}"'`);
  });

  it('asks upstream with TLS and the name in its certificate, or in the clear, or nobody', () => {
    expect(rendered({ upstreams: [{ address: '9.9.9.9', name: 'dns.quad9.net' }] })).toEqual(
      expect.arrayContaining(['  forward-tls-upstream: yes', '  forward-addr: 9.9.9.9@853#dns.quad9.net']),
    );
    expect(rendered({ upstreams: [{ address: '127.0.0.1', port: 5353, tls: false }] })).toEqual(
      expect.arrayContaining(['  forward-addr: 127.0.0.1@5353', '  do-not-query-localhost: no']),
    );
    expect(rendered().join('\n')).not.toContain('forward-zone');
  });

  it('opens zones that are empty by themselves for a stub', () => {
    expect(rendered({ stubs: { '10.in-addr.arpa': ['10.43.0.10@1053'] } })).toEqual(
      expect.arrayContaining([
        '  local-zone: "10.in-addr.arpa." transparent',
        '  domain-insecure: "10.in-addr.arpa"',
        '  private-domain: "10.in-addr.arpa"',
        '  stub-addr: 10.43.0.10@1053',
      ]),
    );
  });

  it('says what breaks with names that belong to mDNS', () => {
    expect(rendered({ domain: 'local' })[1]).toMatch(/RFC 6762/);
    expect(rendered().join('\n')).not.toContain('6762');
  });
});

describe('blocked names', () => {
  const blocked = (given: Record<string, unknown>, inventory = inventoryOf()) =>
    blockedNames(inventory, paramsOf(given), new Set(records().map(({ name }) => name)));

  it('come from the inventory and from lists, each once, and without ours', () => {
    const folder = mkdtempSync(join(tmpdir(), 'lab-lists-'));
    mkdirSync(join(folder, 'inventory'));
    writeFileSync(
      join(folder, 'ads.txt'),
      '# ads\n0.0.0.0 ads.example x.ads.example\ntracker.example.\nexample.dev\n\n::1 localhost\n',
    );
    const inventory = { ...inventoryOf(), source: { file: join(folder, 'inventory', 'index.ts') } };
    expect(blocked({ blocked: ['bad.example'], blockLists: ['ads.txt'] }, inventory)).toEqual([
      'ads.example',
      'bad.example',
      'tracker.example',
    ]);
    rmSync(folder, { recursive: true });
    expect(() => blocked({ blockLists: ['ads.txt'] }, inventory)).toThrow(/cannot be read/);
    expect(renderBlocked(['ads.example'])).toContain('  local-zone: "ads.example." always_nxdomain\n');
  });

  it('are none of ours, and nothing but names', () => {
    expect(() => blocked({ blocked: ['example.dev'] })).toThrow(/answered here/);
    expect(() => namesIn('ok.example\n||ads.example^\n', 'list')).toThrow(/holds something else/);
    expect(() => namesIn('a.example" refuse\n', 'list')).toThrow(/holds something else/);
  });
});

describe('parameters', () => {
  it.each([
    ['domain', 'Home.Arpa'],
    ['domain', 'home.arpa.'],
    ['domain', 'a b'],
    ['domain', '-x.example'],
    ['domain', '10.0.0.1'],
    ['upstreams', [{ address: '9.9.9.9' }]],
    ['upstreams', [{ address: 'dns.quad9.net', name: 'dns.quad9.net' }]],
    ['stubs', { 'cluster.local': ['coredns'] }],
    ['stubs', { 'cluster.local': ['10.0.0.1@99999'] }],
    ['stubs', { 'cluster.local': [] }],
    ['blocked', ['ads.example"\nserver:']],
    ['records', [{ name: "x'y", type: 'A', value: '10.0.0.1' }]],
    ['records', [{ name: 'x', type: 'A', value: 'fd00::1' }]],
    ['records', [{ name: 'x', type: 'TXT', value: 'two\nlines' }]],
    ['records', [{ name: 'x', type: 'SRV', value: '0 5 sip.home.arpa' }]],
    ['records', [{ name: 'x', type: 'MX', value: "10 mail.example.dev' x" }]],
    ['records', [{ name: 'x', type: 'CAA', value: '0 issue "a" b"' }]],
    ['trustAnchors', ['example.dev. IN A 10.0.0.1']],
    ['trustAnchors', ['example.dev. IN DS 1 13 2 AB" x']],
  ])('are refused: %s %j', (key, value) => {
    expect(roleParams.safeParse({ [key]: value }).success).toBe(false);
  });
});

describe('a resolver', () => {
  const problem =
    (given: Record<string, unknown>, name = 'nas') =>
    () =>
      resolverOf(name, inventoryOf(), paramsOf(given));

  it('is a host with an address inside, and answers no public network', () => {
    expect(problem({}, 'nass')).toThrow(/"nass" is no host/);
    expect(problem({}, 'shop')).toThrow(/no address on which it could answer/);
    expect(problem({ networks: ['public'] }, 'vps')).toThrow(/open resolver/);
    expect(problem({ networks: ['lan'] })).toThrow(/no network "lan"/);
    expect(resolversOf(inventoryOf({ resolvers: ['nas', 'nobody'] })).map(({ host }) => host)).toEqual(['nas']);
  });

  it('is asked on the tunnel first, and by itself on loopback', () => {
    const inventory = inventoryOf();
    const nas = resolverOf('nas', inventory, paramsOf());
    const at = (name: string) => askedAt(inventory.hosts.get(name) as never, nas, inventory);
    expect([at('nas'), at('vps'), at('tv'), at('shop')]).toEqual([
      '127.0.0.1',
      '10.80.0.10',
      '192.168.1.10',
      undefined,
    ]);
  });

  it('has its port for itself, and lets others have theirs', () => {
    const text = `udp   UNCONN 0      0      127.0.0.53%lo:53   0.0.0.0:*    users:(("systemd-resolve",pid=1,fd=13))
udp   UNCONN 0      0      10.80.0.10:53   0.0.0.0:*    users:(("unbound",pid=2,fd=3))
tcp   LISTEN 0      32     [::]:53   [::]:*    users:(("dnsmasq",pid=3,fd=7))
`;
    const others = othersIn(text);
    expect(others).toEqual([
      { address: '127.0.0.53', program: 'systemd-resolve' },
      { address: '::', program: 'dnsmasq' },
    ]);
    const { diff } = freePort.resourceType;
    expect(diff({ addresses: ['127.0.0.1', '10.80.0.10'] }, others.slice(0, 1))).toEqual([]);
    expect(() => diff({ addresses: ['10.80.0.10'] }, others)).toThrow(/another name server/);
  });

  it('may be asked by its networks, where it listens, through the firewall', () => {
    const names = (inventory: ReturnType<typeof inventoryOf>) =>
      policyOf(inventory)
        .permits.filter(({ origin }) => origin.kind === 'names')
        .map(({ from, to, protocol, reason }) => `${from.name} → ${to.name} ${protocol} ${reason}`);
    expect(names(inventoryOf({ resolvers: ['vps'] }))).toEqual(['vpn → vps udp names', 'vpn → vps tcp names']);
    expect(names(resolveInventory(input, { at: undefined }))).toEqual([]);
    const inventory = inventoryOf({ resolvers: ['vps'] });
    const [permit] = policyOf(inventory).permits.filter(({ origin }) => origin.kind === 'names');
    expect(permit?.to.addresses.has('203.0.113.10')).toBe(false);
    expect(openingsOf(policyOf(inventory), inventory).some(({ permit }) => permit.reason === 'names')).toBe(true);
  });

  it('is named to devices, unless others are', () => {
    expect(deviceLink(inventoryOf({ resolvers: ['nas', 'vps'] }), 'phone').params.dns).toEqual([
      '10.80.0.1',
      '10.80.0.10',
      'fd80::1',
      'fd80::10',
    ]);
    const params = { dns: { resolvers: ['nas'] }, wireguard: { dns: ['9.9.9.9'] } };
    expect(deviceLink(inventoryOf({}, { params } as never), 'phone').params.dns).toEqual(['9.9.9.9']);
    expect(deviceLink(resolveInventory(input, { at: undefined }), 'phone').params.dns).toEqual([]);
  });
});

describe('resolv.conf', () => {
  const asking = { servers: ['10.80.0.10', '10.80.0.1'], domain: 'home.arpa', fallback: 'previous' as const };

  it('has ours first, one of before last, and says the same the second time', () => {
    const before = '# mine\nsearch lan\nnameserver 192.168.1.1\nnameserver 8.8.8.8\noptions edns0 timeout:1\n';
    const after = resolvConf(before, asking);
    expect(after.split('\n').filter((line) => line !== '' && !line.startsWith('#'))).toEqual([
      'nameserver 10.80.0.10',
      'nameserver 10.80.0.1',
      'nameserver 192.168.1.1',
      'search home.arpa lan',
      'options edns0 timeout:1 attempts:2',
    ]);
    expect(resolvConf(after, asking)).toBe(after);
    // Others, from the same of before.
    expect(resolvConf(after, { ...asking, servers: ['10.80.0.1'] })).toBe(
      resolvConf(before, { ...asking, servers: ['10.80.0.1'] }),
    );
    expect(resolvConf(before, { ...asking, fallback: 'none' })).not.toMatch(/^nameserver 192/m);
  });

  it('is made where there is none', () => {
    expect(resolvConf('', asking)).toContain('nameserver 10.80.0.10\nnameserver 10.80.0.1\nsearch home.arpa\n');
  });

  it("is somebody else's when it says so, and never for what is kept of before", () => {
    expect(writerOf('# Generated by NetworkManager\nnameserver 192.0.2.1\n')).toBe('NetworkManager');
    expect(writerOf('# resolv.conf(5) file generated by tailscale\n')).toBe('tailscale');
    expect(writerOf('# mine\nnameserver 192.0.2.1\n')).toBeNull();
    expect(writerOf(resolvConf('search dhcpcd.example\n', asking))).toBeNull();
  });

  it('is left to systemd-resolved by a drop-in, for everything or for private names', () => {
    expect(resolvedConf(asking, 'all')).toContain('DNS=10.80.0.10 10.80.0.1\nDomains=home.arpa ~.\n');
    expect(resolvedConf(asking, ['cluster.local'])).toContain('Domains=home.arpa ~cluster.local\n');
  });
});

describe('lab verify dns', () => {
  const block = (question: string, status: string, answers: string[] = [], flags = 'qr aa rd ra') =>
    [
      ';; Got answer:',
      `;; ->>HEADER<<- opcode: QUERY, status: ${status}, id: 1`,
      `;; flags: ${flags}; QUERY: 1, ANSWER: ${answers.length}, AUTHORITY: 0, ADDITIONAL: 1`,
      '',
      ';; QUESTION SECTION:',
      `;${question}`,
      '',
      ...answers,
      '',
    ].join('\n');
  const asked = { host: 'vps', resolver: 'nas', address: '10.80.0.10' };

  it('asks for every name, and for the family that it has not', () => {
    const given = { records: [{ name: 'v4', type: 'A', value: '10.80.0.5' }] };
    const questions = questionsOf(records(given));
    expect(questions).toContainEqual({ name: 'v4.home.arpa', type: 'AAAA', expected: [] });
    expect(questions).toContainEqual({ name: 'nas.home.arpa', type: 'A', expected: ['10.80.0.10'] });
    expect(wireQuestion('a.b')).toBe(
      '\\114\\102\\001\\000\\000\\001\\000\\000\\000\\000\\000\\000\\001\\141\\001\\142\\000\\000\\001\\000\\001',
    );
  });

  it('reads what dig prints, and holds it against what is declared', () => {
    const text = [
      block('nas.home.arpa.\t\t\tIN\tA', 'NOERROR', ['nas.home.arpa.\t\t300\tIN\tA\t10.80.0.10']),
      block('gone.home.arpa.\t\tIN\tA', 'NXDOMAIN'),
      block('note.home.arpa.\t\tIN\tTXT', 'NOERROR', [
        'note.home.arpa.\t300\tIN\tTXT\t"it\'s \\"odd\\" \\\\ " "x\\039"',
      ]),
    ].join('\n');
    const answers = parseDig(text);
    expect(answers.get('note.home.arpa TXT')?.values).toEqual([`it's "odd" \\ x'`]);
    const question = (name: string, type: 'A' | 'TXT', ...expected: string[]) => ({ name, type, expected });
    const questions = [
      question('nas.home.arpa', 'A', '10.80.0.10'),
      question('gone.home.arpa', 'A', '10.80.0.7'),
      question('lost.home.arpa', 'A', '10.80.0.8'),
    ];
    const { right, findings } = judgeAnswers(asked, questions, answers);
    expect([right, findings.map(({ name, found }) => `${name} ${found}`)]).toEqual([
      1,
      ['gone.home.arpa NXDOMAIN', 'lost.home.arpa no answer'],
    ]);
    expect(judgeAnswers(asked, questions, new Map()).findings.map(({ kind }) => kind)).toEqual(['silent']);
  });

  it('tells a zone that is checked from one that is not, is forged, or cannot be asked for', () => {
    const answer = (status: string, ...flags: string[]) => ({ status, flags, values: [] });
    expect([
      validationOf(answer('NOERROR', 'ad'), answer('NOERROR')),
      validationOf(answer('NOERROR'), answer('NOERROR')),
      validationOf(answer('SERVFAIL'), answer('NOERROR')),
      validationOf(answer('SERVFAIL'), answer('SERVFAIL')),
      validationOf(undefined, undefined),
    ]).toEqual(['validated', 'unchecked', 'forged', 'not reached', 'not reached']);
    expect(parseDig(block('.\t\t\tIN\tSOA', 'NOERROR', [], 'qr rd ra ad')).get('. SOA')?.flags).toContain('ad');
  });

  it('takes a refusal for none, and help for an open resolver', () => {
    const header = (second: number, answers: number) => `76 66 129 ${second} 0 1 0 ${answers} 0 0 0 0`;
    const replies = parseReplies(
      [
        `reply 203.0.113.10 udp ${header(0x85, 0)}`,
        `reply 203.0.113.10 tcp ${header(0x80, 1)}`,
        `reply 2001:db8::10 udp ${header(0x83, 0)}`,
        `reply 2001:db8::11 udp ${header(0x05, 0)}`,
      ].join('\n'),
    );
    expect(replies.map(({ helps }) => helps)).toEqual([false, true, true, false]);
    expect(judgeReplies('node', new Map([['203.0.113.10', 'vps']]), replies.slice(0, 2))).toMatchObject([
      { kind: 'open', host: 'node', resolver: 'vps', address: '203.0.113.10' },
    ]);
  });

  it('reads what programs get', () => {
    const text =
      'name nas.home.arpa fd80::10 10.80.0.10 \nname gone.home.arpa \nreverse 10.80.0.10 nas.home.arpa nas\n';
    expect(Object.fromEntries(parseNames(text))).toEqual({
      'nas.home.arpa': ['10.80.0.10', 'fd80::10'],
      'gone.home.arpa': [],
      '10.80.0.10': ['nas', 'nas.home.arpa'],
    });
  });
});
