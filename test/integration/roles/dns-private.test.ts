import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import wireguard from '../../../roles/wireguard/role.ts';
import { type StartedHost, startHost } from '../../support/host.ts';
import { type LabProject, lockFile, roleProject } from '../../support/lab-project.ts';
import { TunnelHosts } from '../../support/tunnel.ts';

// Real resolvers behind a real tunnel: a gateway and a host at home answer, two others ask, one of them with systemd-resolved. What is
// outside is one more host, with a signed root of its own.

// Packages come from Debian's servers, and questions that nobody answers are waited for.
vi.setConfig({ testTimeout: 240_000 });

const names = ['vps', 'nas', 'node', 'desk'] as const;
type Name = (typeof names)[number];
let tunnel: TunnelHosts<Name>;
let outside: StartedHost;
let project: LabProject;
const before = new Map<Name, string>();
/** Parameters for all hosts. */
let given: Record<string, unknown>;

const tunnelPackages = ['wireguard-tools', 'wireguard-go', 'iputils-ping'];
const outsidePackages = ['unbound', 'bind9-utils', 'bind9-dnsutils', 'openssl'];
const services = {
  photos: { host: 'nas', port: 2342, public: 'photos.example.dev', private: 'photos.home.arpa', gateways: 'vps' },
  git: { host: 'nas', port: 2222, mode: 'tcp', public: 'git.example.dev', gateways: 'vps' },
  files: { host: 'nas', port: 445, private: ['files.home.arpa', 'files.local'] },
};

beforeAll(async () => {
  tunnel = await TunnelHosts.start(names, (name) => ({
    packages: name === 'desk' ? [...tunnelPackages, 'systemd-resolved'] : tunnelPackages,
  }));
  outside = await startHost({ packages: outsidePackages, network: tunnel.beside(200) });
  const { address } = outside;
  const script = readFileSync(fileURLToPath(new URL('../../support/upstream-dns.sh', import.meta.url)), 'utf8');
  const { exitCode, stderr } = await outside.exec(['sh', '-s', address], script);
  if (exitCode !== 0) throw new Error(stderr);
  await outside.sh('systemctl stop unbound; systemd-run -q unbound -d -c /srv/unbound.conf');
  const anchor = (await outside.sh('cat /srv/island.ds')).replaceAll(/\s+/g, ' ').trim();
  given = {
    resolvers: ['vps', 'nas'],
    upstreams: [{ address, name: 'upstream.test' }],
    stubs: { 'cluster.local': [`${address}@1053`] },
    trustAnchors: [anchor],
    privateDomains: ['home.lan.dev'],
    blocked: ['ads.example.dev'],
    blockLists: ['lists/blocked.txt'],
    records: [
      { name: 'printer', type: 'A', value: '10.80.0.99' },
      { name: 'v4.example.dev', type: 'A', value: '10.80.0.2' },
      { name: 'note', type: 'TXT', value: `it's "odd" \\ %s;` },
      { name: 'www', type: 'CNAME', value: 'nas.home.arpa' },
      { name: 'far', type: 'CNAME', value: 'www.example.dev' },
      { name: '_sip._tcp', type: 'SRV', value: '0 5 5060 nas.home.arpa' },
    ],
  };
  const desk = tunnel.hosts.desk;
  await desk.sh(
    'systemctl enable -q --now systemd-resolved; ln -sf /run/systemd/resolve/stub-resolv.conf /etc/resolv.conf',
  );
  for (const name of names) before.set(name, await tunnel.hosts[name].sh('cat /etc/resolv.conf'));
  project = roleProject({ 'lists/blocked.txt': '# a list\n0.0.0.0 tracker.example.dev\nphotos.example.dev\n' });
  project.write('inventory/lab.lock.yml', lockFile(tunnel.hosts));
  set({});
  await tunnel.apply({ use: wireguard() });
}, 300_000);
afterAll(async () => {
  project?.remove();
  await outside?.remove();
  await tunnel?.remove();
});

/** Changes what is given for all hosts, in the inventory. */
function set(more: Record<string, unknown>): void {
  given = { ...given, ...more };
  const devices = { phone: { addresses: { vpn: ['10.80.0.77', 'fd80::77'] } } };
  tunnel.more = { params: { dns: given }, services: services as never, devices };
  project.write('inventory/index.ts', tunnel.inventoryModule());
}

const site = `import { definePlaybook } from 'labwright';
import dns from 'labwright/roles/dns';
import inventory from '../inventory/index.ts';
export default definePlaybook({ inventory, plays: [{ name: 'names', hosts: 'all', roles: [dns] }] });
`;
const run = async (...more: string[]) => {
  project.write('playbooks/site.ts', site);
  return await project.lab(['run', 'site', '--output', 'plain', ...more]);
};
const dig = async (from: Name, server: string, ...words: string[]) =>
  (await tunnel.hosts[from].exec(['dig', `@${server}`, '+tries=1', '+time=8', ...words])).stdout;
const short = async (...words: string[]) =>
  (await dig('vps', tunnel.inside('nas'), '+short', ...words)).trim().split('\n').sort().join(' ');
const status = async (...words: string[]) =>
  /status: (\w+)/.exec(await dig('vps', tunnel.inside('nas'), ...words))?.[1];
const addresses = async (host: Name, name: string) =>
  (await tunnel.hosts[host].exec(['getent', 'ahosts', name])).stdout
    .split('\n')
    .flatMap((line) => (line.includes('STREAM') ? (line.split(/\s+/)[0] ?? []) : []))
    .sort();

it('makes resolvers, and then hosts that ask them, in one run', async () => {
  const { exitCode, stdout } = await run();
  expect({ exitCode, stdout }).toMatchObject({ exitCode: 0 });
  for (const name of names) expect(await addresses(name, 'nas.home.arpa')).toEqual(['10.80.0.2', 'fd80::2']);
  // Nobody asks a resolver before it answers.
  const at = (text: string) => stdout.split('\n').findIndex((line) => line.startsWith(text));
  expect(at('node | changed | name-servers')).toBeGreaterThan(
    at('nas | changed | file /etc/unbound/unbound.conf.d/lab.conf'),
  );
  // What Debian's own package starts by itself never ran with its own settings.
  expect(await tunnel.hosts.nas.sh("journalctl -u unbound -o cat | grep -c 'could not open ports' || true")).toBe(
    '0\n',
  );
});

it('changes nothing the second time, in one round trip a host', async () => {
  const { exitCode, stdout } = await run();
  expect({ exitCode, stdout }).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('0 changed') });
  expect(stdout.match(/1 round trip,/g)).toHaveLength(4);
});

it('is taken back by a rollback: every host asks whom it asked before', async () => {
  const { exitCode, stdout } = await project.lab(['rollback', 'dns', '--output', 'plain']);
  expect({ exitCode, stdout }).toMatchObject({ exitCode: 0 });
  await isAsBefore();
  expect(await run()).toMatchObject({ exitCode: 0 });
});

async function isAsBefore(): Promise<void> {
  for (const name of names) expect(await tunnel.hosts[name].sh('cat /etc/resolv.conf')).toBe(before.get(name));
  const left = 'ls -d /etc/unbound /etc/default/unbound 2>/dev/null; dpkg -l unbound 2>&1 | grep ^ii || true';
  expect(await tunnel.hosts.nas.sh(left)).toBe('');
  const { desk } = tunnel.hosts;
  expect(await desk.sh('ls /etc/systemd/resolved.conf.d 2>/dev/null; resolvectl dns')).not.toMatch(/lab|10\.80\.0\.1/);
}

describe('names inside', () => {
  it.each([
    ['vps.home.arpa', '10.80.0.1'],
    ['photos.home.arpa', '10.80.0.2'],
    ['phone.home.arpa', '10.80.0.77'],
    ['files.local', '10.80.0.2'],
    ['printer.home.arpa', '10.80.0.99'],
    ['www.home.arpa', '10.80.0.2'],
  ])('%s is %s', async (name, address) => {
    expect(await short(name)).toBe(address);
  });

  it('have the other family, the way back, and other types', async () => {
    expect(await short('nas.home.arpa', 'AAAA')).toBe('fd80::2');
    expect(await short('-x', 'fd80::4')).toBe('desk.home.arpa.');
    expect(await short('-x', '10.80.0.99')).toBe('printer.home.arpa.');
    expect(await short('_sip._tcp.home.arpa', 'SRV')).toBe('0 5 5060 nas.home.arpa.');
    expect(await short('note.home.arpa', 'TXT')).toBe('"it\'s \\"odd\\" \\\\ %s;"');
  });

  it('are all that there is in the own domain, and nobody outside is asked for others', async () => {
    expect(await status('nope.home.arpa')).toBe('NXDOMAIN');
    expect(await addresses('node', 'nope.home.arpa')).toEqual([]);
  });
});

describe('names that are public as well', () => {
  it('lead to the gateway where TLS ends there, and past it where it does not', async () => {
    expect([await short('photos.example.dev'), await short('photos.example.dev', 'AAAA')]).toEqual([
      '10.80.0.1',
      'fd80::1',
    ]);
    expect(await short('git.example.dev')).toBe('10.80.0.2');
    // A list of strangers takes none of ours away.
    expect(await addresses('desk', 'photos.example.dev')).toEqual(['10.80.0.1', 'fd80::1']);
  });

  it('have no public address beside, and others of their domain are as they are', async () => {
    expect(await short('v4.example.dev')).toBe('10.80.0.2');
    expect([await short('v4.example.dev', 'AAAA'), await status('v4.example.dev', 'AAAA')]).toEqual(['', 'NOERROR']);
    // Nobody outside hears in the clear: the answer came over TLS.
    await useOurRoot();
    expect(await short('www.example.dev')).toBe('198.51.100.7');
    expect(await addresses('node', 'www.example.dev')).toEqual(['198.51.100.7']);
    expect(await short('far.home.arpa')).toBe('198.51.100.7 www.example.dev.');
  });
});

/** In the place of the root's own key, which Debian's package brings. */
async function useOurRoot(): Promise<void> {
  const [key, certificate] = [await outside.sh('cat /srv/root.key'), await outside.sh('cat /srv/ca.crt')];
  await outside.sh(`nft add table inet shut
    nft 'add chain inet shut input { type filter hook input priority 0; }'
    nft add rule inet shut input meta l4proto '{ tcp, udp }' th dport 53 drop`);
  for (const name of ['vps', 'nas'] as const) {
    const host = tunnel.hosts[name];
    await host.exec(
      ['sh', '-c', 'cat >/usr/share/dns/root.key; cp --preserve /usr/share/dns/root.key /var/lib/unbound/root.key'],
      key,
    );
    await host.exec(
      ['sh', '-c', 'cat >/usr/local/share/ca-certificates/upstream.crt; update-ca-certificates'],
      certificate,
    );
    await host.sh('chown unbound: /var/lib/unbound/root.key; systemctl restart unbound');
  }
}

describe('what the resolvers ask others for', () => {
  it('is checked when it is signed', async () => {
    const flags = async (...words: string[]) => /flags: ([a-z ]*)/.exec(await dig('nas', '127.0.0.1', ...words))?.[1];
    expect(await flags('www.example.dev')).toContain('ad');
    expect(await flags('www.island.net')).toContain('ad');
    expect(await flags('rebind.lan.dev')).not.toContain('ad');
    expect([await status('www.bogus.dev'), await short('www.bogus.dev', '+cd')]).toEqual(['SERVFAIL', '198.51.100.8']);
    // Another validator, by what the resolver hands on.
    await tunnel.hosts.vps.exec(['sh', '-c', 'cat >/root/anchors'], anchors(await outside.sh('cat /srv/root.key')));
    expect(
      await tunnel.hosts.vps.sh(`delv -a /root/anchors +root=. @${tunnel.inside('nas')} www.example.dev`),
    ).toContain('; fully validated');
  });

  it('leads to no address of a private network, but where that is meant', async () => {
    expect([await short('rebind.lan.dev'), await short('rebind6.lan.dev', 'AAAA')]).toEqual(['', '']);
    expect(await short('mine.home.lan.dev')).toBe('192.168.1.2');
    expect(await short('api.cluster.local')).toBe('10.43.0.1');
  });

  it('does not hold what is blocked', async () => {
    for (const name of ['ads.example.dev', 'x.ads.example.dev', 'tracker.example.dev'])
      expect(await status(name)).toBe('NXDOMAIN');
  });

  it('is not asked of a server with a certificate of another name, and of one in the clear where that is said', async () => {
    const [upstream] = given.upstreams as [{ address: string; name: string }];
    set({ upstreams: [{ ...upstream, name: 'other.test' }] });
    expect(await run()).toMatchObject({ exitCode: 0 });
    expect(await status('mine.home.lan.dev')).toBe('SERVFAIL');
    await outside.sh('nft delete table inet shut');
    set({ upstreams: [{ address: upstream.address, tls: false }] });
    expect(await run()).toMatchObject({ exitCode: 0 });
    expect(await short('mine.home.lan.dev')).toBe('192.168.1.2');
    set({ upstreams: [upstream] });
    expect(await run()).toMatchObject({ exitCode: 0 });
  });
});

function anchors(key: string): string {
  const [, flags, protocol, algorithm, ...parts] = key.trim().slice(key.indexOf('DNSKEY')).split(/\s+/);
  return `trust-anchors { . static-key ${flags} ${protocol} ${algorithm} "${parts.join('')}"; };\n`;
}

describe('lab verify dns', () => {
  const verify = async (...more: string[]) => {
    const { exitCode, stdout } = await project.lab(['verify', 'dns', '--output', 'json', ...more]);
    return { exitCode, ...JSON.parse(stdout) };
  };

  it('asks for every name everywhere', async () => {
    const { exitCode, private: inside, errors } = await verify();
    expect({ exitCode, errors, findings: inside.findings }).toEqual({ exitCode: 0, errors: [], findings: [] });
    const whole = inside.resolvers.filter(({ asked }: { asked: number }) => asked > 1);
    expect(whole.map(({ resolver, host }: Record<string, string>) => `${host} asks ${resolver}`).sort()).toEqual([
      'nas asks nas',
      'nas asks vps',
      'vps asks nas',
      'vps asks vps',
    ]);
    expect(whole.map(({ zones }: { zones: object }) => zones)).toContainEqual({
      '.': 'validated',
      'island.net': 'validated',
    });
    expect(inside.hosts.map(({ host }: { host: string }) => host)).toEqual(names);
    const { stdout } = await project.lab(['verify', 'dns']);
    expect(stdout).toContain('as declared');
  });

  it('tells of wrong names, of silence, and of a resolver that helps strangers', async () => {
    const { vps, nas } = tunnel.hosts;
    await nas.sh(`sed -i 's/photos.home.arpa. 300 IN A 10.80.0.2/photos.home.arpa. 300 IN A 10.80.0.3/' /etc/unbound/unbound.conf.d/lab.conf
      systemctl reload unbound`);
    await vps.sh(`printf 'server:\\n  interface: ${vps.address}\\n  access-control: 0.0.0.0/0 allow\\n' >/etc/unbound/unbound.conf.d/zz.conf
      systemctl restart unbound`);
    const { exitCode, private: inside } = await verify();
    expect(exitCode).toBe(1);
    const told = inside.findings.map(
      ({ kind, host, resolver, name }: Record<string, string>) => `${kind} ${host} ${resolver} ${name}`,
    );
    expect(told).toContain('wrong vps nas photos.home.arpa');
    expect(told).toContain('wrong nas null photos.home.arpa');
    expect(told).toContain('open node vps null');
    await vps.sh('rm /etc/unbound/unbound.conf.d/zz.conf; systemctl restart unbound');
    await nas.sh('systemctl stop unbound');
    const silent = await project.lab(['verify', 'dns']);
    await nas.sh('systemctl start unbound');
    expect(silent).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining('silent: nas does not answer vps at 10.80.0.2'),
    });
    expect(await run()).toMatchObject({ exitCode: 0 });
  });
});

it('answers nobody at a public address, and refuses who is not of its networks', async () => {
  const from = async (server: string) =>
    (await outside.exec(['dig', `@${server}`, '+tries=1', '+time=2', 'nas.home.arpa'])).stdout;
  for (const name of ['vps', 'nas'] as const)
    expect(await from(tunnel.hosts[name].address)).toMatch(/refused|no servers|timed out/);
  await tunnel.hosts.nas.sh('ip address add 10.99.0.1/32 dev lo');
  expect(await dig('nas', tunnel.inside('nas'), '-b', '10.99.0.1', 'nas.home.arpa')).toContain('status: REFUSED');
  await tunnel.hosts.nas.sh('ip address del 10.99.0.1/32 dev lo');
  const told = await dig('nas', '127.0.0.1', '+short', 'version.bind', 'TXT', 'CH');
  expect(told.trim()).toBe('');
});

it('loses no answer while names change, and goes on with the old ones when the new ones do not load', async () => {
  const { vps, nas } = tunnel.hosts;
  const asking = vps.sh(
    `for _ in $(seq 400); do dig @${tunnel.inside('nas')} +short +tries=1 +time=5 nas.home.arpa; done | sort | uniq -c`,
  );
  for (const value of ['10.80.0.98', '10.80.0.99']) {
    set({ records: [{ name: 'printer', type: 'A', value }] });
    expect(await run('--limit', 'nas')).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('reloaded') });
    expect(await short('printer.home.arpa')).toBe(value);
  }
  expect((await asking).trim()).toBe('400 10.80.0.2');
  await nas.sh('echo nonsense >/etc/unbound/unbound.conf.d/aa.conf');
  set({ records: [{ name: 'printer', type: 'A', value: '10.80.0.97' }] });
  expect(await run('--limit', 'nas')).toMatchObject({ exitCode: 1 });
  expect(await short('printer.home.arpa')).toBe('10.80.0.99');
  await nas.sh('rm /etc/unbound/unbound.conf.d/aa.conf');
  expect(await run()).toMatchObject({ exitCode: 0 });
  expect(await short('printer.home.arpa')).toBe('10.80.0.97');
});

it('answers on a tunnel that comes up after it, and after a boot', async () => {
  const { nas } = tunnel.hosts;
  await nas.sh('systemctl stop wg-quick@wg0; systemctl restart unbound; systemctl start wg-quick@wg0');
  await tunnel.reaches('vps', 'nas');
  expect(await short('nas.home.arpa')).toBe('10.80.0.2');
  await tunnel.up('nas');
  await tunnel.reaches('vps', 'nas');
  expect(await short('nas.home.arpa')).toBe('10.80.0.2');
  expect(await addresses('nas', 'vps.home.arpa')).toEqual(['10.80.0.1', 'fd80::1']);
  const { stdout } = await run();
  expect(stdout).toContain('0 changed');
});

describe('a host that asks', () => {
  it('finds names also while a resolver, its own included, is down', async () => {
    await tunnel.hosts.nas.sh('systemctl stop unbound');
    for (const name of names) expect(await addresses(name, 'vps.home.arpa')).toEqual(['10.80.0.1', 'fd80::1']);
    await tunnel.hosts.vps.sh('systemctl stop unbound');
    // The name server of before is the last resort.
    expect(await tunnel.hosts.nas.sh('cat /etc/resolv.conf')).toContain(before.get('nas')?.split('\n')[0]);
    for (const name of ['nas', 'vps'] as const) await tunnel.hosts[name].sh('systemctl start unbound');
  });

  it('keeps what systemd-resolved holds, and asks by it', async () => {
    const { desk } = tunnel.hosts;
    expect(await desk.sh('readlink /etc/resolv.conf')).toBe('/run/systemd/resolve/stub-resolv.conf\n');
    expect(await desk.sh('resolvectl dns; resolvectl domain')).toMatch(
      /Global: 10\.80\.0\.1 10\.80\.0\.2(.|\n)*Global: home\.arpa ~\./,
    );
    set({ clients: 'domain' });
    // Where the C library reads a file, it cannot tell names apart.
    const { exitCode, stdout } = await run();
    expect({ exitCode, stdout }).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining('cannot ask some names here'),
    });
    expect(await desk.sh('resolvectl domain')).toContain('~photos.example.dev');
    set({ clients: 'all' });
    expect(await run()).toMatchObject({ exitCode: 0 });
  });

  it('is written in place where the file is a mount of its own, as Docker has it', async () => {
    const { node } = tunnel.hosts;
    await node.sh(
      'cp /etc/resolv.conf /root/own; echo nameserver 192.0.2.53 >/root/theirs; mount --bind /root/theirs /etc/resolv.conf',
    );
    expect(await run('--limit', 'node')).toMatchObject({ exitCode: 0 });
    expect(await node.sh('cat /root/theirs')).toMatch(
      /^nameserver 10\.80\.0\.1\nnameserver 10\.80\.0\.2\nnameserver 192\.0\.2\.53$/m,
    );
    await node.sh('umount /etc/resolv.conf; cp /root/own /etc/resolv.conf');
    expect((await run('--limit', 'node')).stdout).toContain('0 changed');
  });

  it.each([
    [
      'NetworkManager',
      'cp /etc/resolv.conf /root/own; printf "# Generated by NetworkManager\\nnameserver 192.0.2.1\\n" >/etc/resolv.conf',
    ],
    [
      'dhclient',
      'cp /bin/sleep /usr/local/sbin/dhclient; systemd-run -q --unit=dhclient /usr/local/sbin/dhclient 1000; sleep 0.2',
    ],
    [
      'a link to /run/resolvconf/resolv.conf',
      'mkdir -p /run/resolvconf; mv /etc/resolv.conf /run/resolvconf; ln -s /run/resolvconf/resolv.conf /etc',
    ],
  ])('leaves the file to %s, and says so', async (who, make) => {
    const { node } = tunnel.hosts;
    await node.sh(make);
    const found = await node.sh('cat /etc/resolv.conf');
    const { exitCode, stdout } = await run('--limit', 'node');
    expect({ exitCode, stdout }).toMatchObject({ exitCode: 1, stdout: expect.stringContaining('left alone') });
    expect(stdout).toContain(who);
    expect(await node.sh('cat /etc/resolv.conf')).toBe(found);
    await node.sh(`systemctl stop dhclient 2>/dev/null; [ ! -e /root/own ] || mv /root/own /etc/resolv.conf
      [ ! -L /etc/resolv.conf ] || { rm /etc/resolv.conf; mv /run/resolvconf/resolv.conf /etc; }`);
    expect((await run('--limit', 'node')).stdout).toContain('0 changed');
  });
});

it('is taken away when it is no longer declared: every host asks whom it asked before', async () => {
  set({ resolvers: [] });
  const { exitCode, stdout } = await run('--prune');
  expect({ exitCode, stdout }).toMatchObject({ exitCode: 0 });
  await isAsBefore();
});
