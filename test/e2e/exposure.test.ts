import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExposureFinding } from '../../roles/vps-gateway/exposure/finding.ts';
import { inside as runInside } from '../support/inside.ts';
import { type LabProject, roleProject } from '../support/lab-project.ts';
import { ownSandboxName } from '../support/sweep.ts';

// A home behind a router, a gateway, and a machine in the internet that serves the zone, signs certificates and looks from outside.
// As it is meant to be nothing shows; then everything that gives a home away is planted, and each of it has to be found.

const sandbox = ownSandboxName();
const vps = { ipv4: '10.79.0.10', ipv6: 'fd79::10' } as const;
const outside = '10.79.0.30';
/** The router's address in the internet: the home's line. */
const line = '10.79.0.253';
const line6 = 'fd79:0:0:99::7';

const inventory = (root: string) => `import { defineInventory } from 'labwright';
export default defineInventory({
  ssh: { user: 'root', identityFile: '.lab/sandbox-${sandbox}/id_ed25519' },
  params: { firewall: { connectionRate: null, sshRate: null } },
  networks: {
    public: { prefixes: ['10.79.0.0/24', 'fd79::/64'], public: true },
    home: { prefixes: '10.79.1.0/24' },
    vpn: { prefixes: ['10.89.0.0/24', 'fd89::/64'], tunnel: true },
  },
  groups: { lab: {} },
  hosts: {
    vps: {
      groups: ['lab'],
      addresses: { public: ['${vps.ipv4}', '${vps.ipv6}'], vpn: ['10.89.0.1', 'fd89::1'] },
      params: { 'vps-gateway': { acme: { directory: 'https://ca.test:9443/acme/local/directory', root: \`${root}\` }, ban: null } },
    },
    nas: {
      groups: ['lab'],
      addresses: { home: '10.79.1.10', vpn: ['10.89.0.10', 'fd89::10'] },
      params: { firewall: { internet: 'tunnel' } },
    },
    // Nothing is done to these two.
    tv: { addresses: { home: '10.79.1.20' } },
    outside: { addresses: { public: ['${outside}', 'fd79::30'] } },
  },
  services: {
    photos: { host: 'nas', port: 2342, public: 'photos.example.test', private: 'photos.home.arpa', gateways: 'vps' },
    mail: { host: 'nas', port: 25, mode: 'tcp', public: 'mail.example.test', gateways: 'vps' },
  },
  flows: [
    { from: 'internet', to: 'vps', ports: 22, reason: 'administration' },
    { from: 'internet', to: 'outside', ports: [22, 53, 8080, 9443], reason: 'names, certificates, addresses' },
    { from: 'home', to: 'nas', ports: 22, reason: 'administration at home' },
    { from: 'all', to: 'internet', ports: [80, 443, 8080, 9443], reason: 'updates' },
    { from: 'all', to: 'internet', ports: 53, protocol: 'udp', reason: 'names' },
  ],
});
`;
const site = `import { definePlaybook } from 'labwright';
import firewall from 'labwright/roles/firewall';
import gateway from 'labwright/roles/vps-gateway';
import wireguard from 'labwright/roles/wireguard';
import inventory from '../inventory/index.ts';
export default definePlaybook({ inventory, plays: [{ name: 'all', hosts: ['lab'], roles: [wireguard, firewall, gateway] }] });
`;

/** Answers with what the files /root/head and /root/body hold. */
const web = `use IO::Socket::IP; $SIG{CHLD}="IGNORE"; my $s=IO::Socket::IP->new(LocalHost=>"::",LocalPort=>2342,Listen=>99,ReuseAddr=>1,V6Only=>0) or die;
sub of { open my $f,"<",$_[0] or return ""; local $/; <$f> }
while(my $c=$s->accept){ next if fork; while(<$c>){ last if /^\\r?\\n$/ } my ($h,$b)=(of("/root/head"),of("/root/body"));
  print $c "HTTP/1.1 200 OK\\r\\n$h"."Content-Length: ".length($b)."\\r\\nConnection: close\\r\\n\\r\\n$b"; exit } continue { close $c }`;
/** Greets as the file /root/banner says. */
const mail = `use IO::Socket::IP; $SIG{CHLD}="IGNORE"; my $s=IO::Socket::IP->new(LocalHost=>"::",LocalPort=>25,Listen=>99,ReuseAddr=>1,V6Only=>0) or die;
while(my $c=$s->accept){ next if fork; open my $f,"<","/root/banner"; my $n=<$f>; chomp $n; $c->autoflush(1); print $c "220 $n ESMTP\\r\\n"; <$c>; print $c "250-$n\\r\\n250 8BITMIME\\r\\n"; <$c>; exit } continue { close $c }`;
/** Tells who comes under which address. */
const echo = `use IO::Socket::IP; my $s=IO::Socket::IP->new(LocalHost=>"::",LocalPort=>8080,Listen=>99,ReuseAddr=>1,V6Only=>0) or die;
while(my $c=$s->accept){ my $p=$c->peerhost; $p=~s/^::ffff://; print $c "HTTP/1.0 200 OK\\r\\n\\r\\n$p\\n"; close $c }`;

const zone = `$TTL 60
@ IN SOA ns1 hostmaster 1 3600 600 86400 60
@ NS ns1
@ MX 10 mail
@ TXT "v=spf1 mx ip4:${vps.ipv4} -all"
ns1 A ${outside}
photos A ${vps.ipv4}
photos AAAA ${vps.ipv6}
mail A ${vps.ipv4}
`;

let project: LabProject;
const lab = (...argv: string[]) => project.lab(argv);
const inside = (machine: string, command: string, timeout?: number) =>
  runInside(`${sandbox}-${machine}`, command, timeout);
const write = async (machine: string, path: string, text: string) => {
  await inside(machine, `echo ${Buffer.from(text).toString('base64')} | base64 -d >${path}`);
};
const install = (machine: string, packages: string) =>
  inside(
    machine,
    `apt-get install -y --no-install-recommends ${packages} >/dev/null 2>&1 || { apt-get update && apt-get install -y --no-install-recommends ${packages}; } >/dev/null 2>&1`,
  );
const begin = (machine: string, command: string) =>
  inside(machine, `setsid ${command} >/dev/null 2>&1 </dev/null & sleep 0.3`);
const update = (...lines: string[]) =>
  inside(
    'outside',
    `printf '%s\\n' 'server 127.0.0.1' 'zone example.test' ${lines.map((one) => `'${one}'`).join(' ')} send | nsupdate`,
  );

interface Outcome {
  readonly exitCode: number;
  readonly said: string;
  readonly home: readonly { readonly address: string; readonly from: string }[];
  readonly findings: readonly ExposureFinding[];
}
async function verify(...more: string[]): Promise<Outcome> {
  const words = ['--from', 'outside', '--resolver', outside, '--echo', `http://${outside}:8080/`];
  const { exitCode, stdout, stderr } = await lab('verify', 'exposure', ...words, '--output', 'json', ...more);
  const said = stdout + stderr;
  return { exitCode, said, ...(stdout.startsWith('{') ? JSON.parse(stdout) : { home: [], findings: [] }) };
}

beforeAll(async () => {
  project = roleProject({
    'inventory/index.ts': inventory('-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n'),
    'playbooks/site.ts': site,
  });
  expect(await lab('sandbox', 'up', '--name', sandbox)).toMatchObject({ exitCode: 0 });
  await Promise.all([install('outside', 'caddy bind9 bind9-dnsutils'), install('nas', 'curl')]);
  await write(
    'outside',
    '/etc/caddy/Caddyfile',
    '{\n auto_https disable_redirects\n}\nhttps://ca.test:9443 {\n tls internal\n acme_server\n}\n',
  );
  await write(
    'outside',
    '/etc/bind/named.conf',
    'options { directory "/var/cache/bind"; recursion no; dnssec-validation no; };\nzone "example.test" { type primary; file "/var/cache/bind/example.test.zone"; allow-update { 127.0.0.1; }; };\n',
  );
  await write('outside', '/var/cache/bind/example.test.zone', zone);
  await write('outside', '/root/echo.pl', echo);
  await begin('outside', 'perl /root/echo.pl');
  const root = await inside(
    'outside',
    `for name in photos mail; do echo "${vps.ipv4} $name.example.test"; done >>/etc/hosts
    chown bind: /var/cache/bind/*; systemctl restart named caddy; file=/var/lib/caddy/.local/share/caddy/pki/authorities/local/root.crt; until [ -s $file ]; do sleep 0.2; done; cat $file`,
  );
  await inside('vps', `echo "${outside} ca.test" >>/etc/hosts`);
  for (const [name, text] of Object.entries({ 'web.pl': web, 'mail.pl': mail, banner: 'mail.example.test\n' }))
    await write('nas', `/root/${name}`, text);
  // As an engine of containers has it.
  await inside(
    'nas',
    'sysctl -qw net.ipv4.ip_forward=1; ip link add docker0 type bridge; ip address add 172.18.0.1/16 dev docker0; ip link set docker0 up',
  );
  await begin('nas', 'perl /root/web.pl');
  await begin('nas', 'perl /root/mail.pl');
  project.write('inventory/index.ts', inventory(root));
  const made = await lab('run', 'site.ts', '--accept-new-host-keys', '--output', 'plain');
  expect({ exitCode: made.exitCode, said: made.stdout + made.stderr }).toMatchObject({ exitCode: 0 });
  await write('outside', '/root.pem', root);
  // The certificate comes while the server already answers.
  await inside(
    'outside',
    `until timeout 5 openssl s_client -CAfile /root.pem -verify_return_error -servername photos.example.test -connect ${vps.ipv4}:443 </dev/null >/dev/null 2>&1; do sleep 0.5; done`,
    60_000,
  );
}, 400_000);
afterAll(async () => {
  await project?.lab(['sandbox', 'down', '--name', sandbox]);
  project?.remove();
}, 120_000);

it('finds nothing where the home is behind its gateway', async () => {
  const { exitCode, said, home, findings } = await verify();
  expect({ exitCode, findings, said }).toMatchObject({ exitCode: 0, findings: [] });
  // Learnt, not told.
  expect(home).toEqual([{ address: line, from: 'vps sees nas there' }]);
  const text = await lab('verify', 'exposure', '--from', 'outside', '--resolver', outside);
  expect(text.stdout).toContain('the home does not show');
});

/** All verifications at once, of the hosts that something was done to. */
const everything = (...more: string[]) =>
  lab('verify', '--limit', 'lab', '--from', 'outside', '--resolver', outside, ...more);

it('verifies everything at once, and writes a page for the user alone', async () => {
  let { exitCode, stdout, stderr } = await everything('--html', 'report.html');
  // A datagram can be lost where other tests keep the machine busy, which is told as it should be.
  if (/^ {2}✘ lost: .*udp did not come/m.test(stdout))
    ({ exitCode, stdout, stderr } = await everything('--html', 'report.html'));
  expect({ exitCode, stdout, stderr }).toMatchObject({ exitCode: 0 });
  expect(stdout).toMatch(/^✔ wireguard +1 link: 1 up; the oldest key is/m);
  expect(stdout).toMatch(/^✔ firewall +\d+ packets to 2 hosts$/m);
  expect(stdout).toMatch(/^✔ drift +2 hosts as declared, by site$/m);
  expect(stdout).toMatch(/^- dns +the inventory names no resolver/m);
  expect(stdout).toContain('all as declared: 5 verifications found nothing');
  expect(statSync(join(project.root, 'report.html')).mode & 0o777).toBe(0o600);
  expect(project.read('report.html')).toContain('<h2 id="reach-title">Who can reach what</h2>');
});

describe('what gives a home away', () => {
  let outcome: Outcome;
  const found = (kind: ExposureFinding['kind'], where: string) =>
    outcome.findings.filter((one) => one.kind === kind && one.where === where).map((one) => one.found);

  beforeAll(async () => {
    await update(
      `update add home.example.test 60 A ${line}`,
      `update add photos.example.test 60 AAAA ${line6}`,
      'update add nas.example.test 60 A 10.79.1.10',
      `update add relay.example.test 60 A ${line}`,
      `update add mx2.example.test 60 A ${line}`,
      'update add example.test 60 MX 20 mx2.example.test.',
      'update add www.example.test 60 CNAME relay.example.test.',
      'update add mail.example.test 60 TXT "v=spf1 ip4:10.79.0.252/30 a:relay.example.test -all"',
    );
    // A port forwarding of the router, to what serves the names of the gateway at home, and to something else.
    await inside(
      'tv',
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /root/key -out /root/cert -days 2 -subj /CN=home -addext 'subjectAltName=DNS:*.example.test' 2>/dev/null",
    );
    await begin('tv', 'openssl s_server -quiet -www -accept 443 -cert /root/cert -key /root/key');
    await write('tv', '/root/tv.pl', web.replace('2342', '8123'));
    await begin('tv', 'perl /root/tv.pl');
    await begin(
      'tv',
      "perl -e 'use IO::Socket::IP; my $s=IO::Socket::IP->new(LocalPort=>5001,Listen=>9); while(my $c=$s->accept){close $c}'",
    );
    await inside(
      'router',
      `nft 'add chain inet router forwarded { type nat hook prerouting priority dstnat; }'
      nft 'add rule inet router forwarded ip saddr != 10.79.1.0/24 ip daddr ${line} tcp dport { 443, 5001, 8123 } dnat ip to 10.79.1.20'
      nft 'insert rule inet router forward ct status dnat accept'
      # This machine, which is the wire between both, would translate the client's address.
      nft 'insert rule inet router postrouting ct status dnat masquerade'`,
    );
    await write(
      'nas',
      '/root/head',
      [
        `Location: http://${line}:2342/login`,
        'X-Node: [fd89::10]:2342',
        'Link: <http://photos.home.arpa/api>; rel=next',
        'X-Served-By: gunicorn/20.1',
        '',
      ].join('\r\n'),
    );
    await write('nas', '/root/body', `webhooks come from ${line}`);
    await write('nas', '/root/banner', 'relay.example.test [10.79.1.10]\n');
    // As if somebody had taken the switch away.
    await inside('nas', 'ip rule del pref 7602; ip rule del pref 7601; nft delete table inet lab_internet');
    await inside(
      'vps',
      `printf '[Peer]\\nEndpoint = ${line}:51820\\n[Peer]\\nendpoint=home.example.test:51820\\n' >/etc/wireguard/old.conf
      nft insert rule inet lab input tcp dport 5001 accept`,
    );
    await begin(
      'vps',
      "perl -e 'use IO::Socket::IP; my $s=IO::Socket::IP->new(LocalPort=>5001,Listen=>9); while(my $c=$s->accept){close $c}'",
    );
    outcome = await verify('--home', line6, '--ports', '5001');
  }, 120_000);

  const planted = [
    ['an address of a name that was forgotten', 'record', 'home.example.test A', line],
    ['an address of the other family', 'record', 'photos.example.test AAAA', line6],
    ['an address of the inside', 'record', 'nas.example.test A', '10.79.1.10'],
    ['where mail goes', 'record', 'mx2.example.test A (by example.test MX)', line],
    ['what may send mail', 'record', 'relay.example.test A (by mail.example.test TXT)', line],
    ['a name for another name', 'record', 'www.example.test A', line],
    ['a network that may send mail', 'record', 'mail.example.test TXT', '10.79.0.252/30'],
    [
      'a certificate of a public name at home',
      'certificate',
      `port 443/tcp of ${line}`,
      'mail.example.test, photos.example.test',
    ],
    ['an answer past the gateway', 'answer', `port 8123/tcp of ${line}`, 'mail.example.test, photos.example.test'],
    ['a port that is open at home', 'open', `port 5001/tcp of ${line}`, 'a connection'],
    ['a redirect', 'header', 'Location of https://photos.example.test/', line],
    ['a header with an address of the inside', 'header', 'X-Node of https://photos.example.test/', 'fd89::10'],
    ['a header with a private name', 'header', 'Link of https://photos.example.test/', 'photos.home.arpa'],
    ['a header that tells what runs inside', 'header', 'X-Served-By of https://photos.example.test/', 'gunicorn/20.1'],
    ['a page', 'body', 'https://photos.example.test/', line],
    ['an address in a greeting of a mail server', 'mail', 'greeting of mail.example.test:25', '10.79.1.10'],
    ['the name in a greeting of a mail server', 'mail', 'greeting of mail.example.test:25', line],
    ['requests that leave by the line of the home', 'egress', 'nas, IPv4, the host itself, by eth0', line],
    ['requests of containers', 'egress', 'nas, IPv4, containers on docker0, by eth0', line],
    ['an endpoint at home', 'endpoint', 'vps /etc/wireguard/old.conf', `${line}:51820`],
    ['an endpoint that follows the line', 'endpoint', 'vps /etc/wireguard/old.conf', 'home.example.test:51820'],
    ['a port of the gateway without a flow', 'open', `port 5001/tcp of vps (${vps.ipv4})`, 'a connection'],
  ] as const;

  it('is told with the exit code of findings', () => {
    expect({ exitCode: outcome.exitCode, said: outcome.said }).toMatchObject({ exitCode: 1 });
  });

  it.each(planted)('%s', (_, kind, where, what) => {
    expect(found(kind, where)).toContain(what);
  });

  it('says how to stop each of them, and tells nothing else', () => {
    for (const { stop } of outcome.findings) expect(stop.length).toBeGreaterThan(20);
    const told = new Set(outcome.findings.map(({ kind, where }) => `${kind} ${where}`));
    expect([...told].sort()).toEqual(
      [
        'answer port 443/tcp of 10.79.0.253',
        'open port 443/tcp of 10.79.0.253',
        'open port 8123/tcp of 10.79.0.253',
        ...new Set(planted.map(([, kind, where]) => `${kind} ${where}`)),
      ].sort(),
    );
  });

  it('is in the report of everything, with a service that stands still and a host that nobody can ask', async () => {
    await inside('vps', 'systemctl stop caddy');
    await inside('nas', 'systemctl stop ssh.socket ssh');
    const { exitCode, stdout } = await everything('--ports', '5001', '--html', 'report.html', '--output', 'json');
    await inside('nas', 'systemctl start ssh');
    await inside('vps', 'systemctl start caddy');
    const { verifications, history, ...report } = JSON.parse(stdout);
    expect({ exitCode, report }).toMatchObject({ exitCode: 1, report: { version: 1, exitCode: 1, status: 'failed' } });
    const told = (name: string) => verifications[name].problems.map(({ text }: { text: string }) => text).join('\n');
    expect(told('firewall')).toMatch(/^open: .* → vps .* 5001\/tcp is let in without a flow$/m);
    expect(told('exposure')).toContain(`record: home.example.test A: ${line}`);
    expect(told('drift')).toMatch(/^vps: unit caddy\.service .*inactive → active/m);
    // Not known, and never passed.
    for (const name of ['wireguard', 'firewall', 'exposure', 'containers', 'drift']) {
      expect(verifications[name].unknown).toContainEqual({ host: 'nas', text: expect.stringContaining('UNREACHABLE') });
      expect(verifications[name].hosts.nas).not.toBe('passed');
    }
    expect(history.vps).toMatchObject([{ playbook: 'site', state: 'complete' }]);
    expect(history.nas).toMatchObject({ error: { code: 'UNREACHABLE' } });
    expect(project.read('report.html')).toContain('5001/tcp is let in without a flow');
  });

  it('is shown to a person line by line, but for what is accepted', async () => {
    const accepting = project
      .read('inventory/index.ts')
      .replace(
        "firewall: { internet: 'tunnel' }",
        "firewall: { internet: 'tunnel' }, 'vps-gateway': { accepted: ['egress'] }",
      );
    project.write('inventory/index.ts', accepting);
    const { stdout, exitCode } = await lab('verify', 'exposure', '--resolver', outside);
    expect({ exitCode, stdout }).toMatchObject({ exitCode: 1 });
    // This machine is on the home's network as well: a public host looks at the line.
    expect(stdout).toMatch(/^the home's line .*443, 5001, 8123 open at 10\.79\.0\.253 to vps$/m);
    expect(stdout).toContain(`record: home.example.test A: ${line}, the home's address`);
    expect(stdout).toMatch(/^way out of nas .*IPv4: the home's line.*\(accepted\)$/m);
    expect(stdout).not.toContain('egress:');
  });
});

describe('what cannot be proven', () => {
  it('is no proof: a home that nobody has seen, and a host that does not answer', async () => {
    await inside('tv', 'systemctl stop ssh');
    const { exitCode, said } = await verify('--limit', 'tv,outside');
    expect({ exitCode, said }).toMatchObject({
      exitCode: 1,
      said: expect.stringContaining("the home's address is not known"),
    });
    expect(said).toContain('UNREACHABLE: tv');
  });

  it('is no proof where nobody answers for names', async () => {
    await inside('outside', 'systemctl stop named');
    const { exitCode, said } = await verify('--limit', 'outside', '--home', '192.0.2.77');
    expect({ exitCode, said }).toMatchObject({ exitCode: 3, said: expect.stringContaining('nobody answered') });
  });

  it.each([
    [['--from', 'nowhere'], '--from names no host'],
    [['--home', vps.ipv4], 'an address of vps on a public network'],
    [['--home', 'home.example.test'], 'is no address'],
    [['--resolver', 'dns.example.test'], 'is no address'],
  ])('%j is a mistake of usage', async (words, message) => {
    const { exitCode, stderr } = await lab('verify', 'exposure', ...words);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 4, stderr: expect.stringContaining(message) });
  });
});
