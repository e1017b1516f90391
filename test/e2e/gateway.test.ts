import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inside as runInside } from '../support/inside.ts';
import { type LabProject, roleProject } from '../support/lab-project.ts';
import { ownSandboxName } from '../support/sweep.ts';
import { webServer } from '../support/web-server.ts';

// A client outside that knows nothing but public names and the root of an authority, which another Caddy is: what it gets from
// services at home, through a gateway that is made from the model.

const sandbox = ownSandboxName();
const vps = { ipv4: '10.74.0.10', ipv6: 'fd74::10' } as const;
const client = { ipv4: '10.74.0.50', ipv6: 'fd74::32' } as const;
const names = ['photos', 'admin', 'office', 'git', 'game'].map((name) => `${name}.example.test`);
/** Of "correct horse", as `caddy hash-password` makes it. */
let hash = `$2a$14$${'a'.repeat(53)}`;

const inventory = (root: string, more = '') => `import { defineInventory } from 'labwright';
export default defineInventory({
  ssh: { user: 'root', identityFile: '.lab/sandbox-${sandbox}/id_ed25519' },
  params: { firewall: { connectionRate: null, sshRate: null } },
  networks: {
    public: { prefixes: ['10.74.0.0/24', 'fd74::/64'], public: true },
    home: { prefixes: '10.74.1.0/24' },
    vpn: { prefixes: ['10.84.0.0/24', 'fd84::/64'], tunnel: true },
  },
  groups: { lab: {} },
  hosts: {
    vps: {
      groups: ['lab'],
      addresses: { public: ['${vps.ipv4}', '${vps.ipv6}'], vpn: ['10.84.0.1', 'fd84::1'] },
      params: { 'vps-gateway': { acme: { directory: 'https://ca.test:9443/acme/local/directory', root: \`${root}\` }, ban: { failures: 3, minutes: 5 } } },
    },
    nas: { groups: ['lab'], addresses: { home: '10.74.1.10', vpn: ['10.84.0.10', 'fd84::10'] } },
    node: { groups: ['lab'], addresses: { home: '10.74.1.11', vpn: ['10.84.0.11', 'fd84::11'] } },
    // The authority. Nothing is done to it.
    ca: { addresses: { public: ['10.74.0.30', 'fd74::30'] } },
  },
  services: {
    photos: { host: 'nas', port: 2342, public: 'photos.example.test', gateways: 'vps', replicas: 'node' },
    albums: { host: 'nas', port: 2343, public: 'photos.example.test', gateways: 'vps', http: { path: '/albums', headers: { 'X-Test': '{"a": "b\\\\"} $(id)' } } },
    admin: { host: 'nas', port: 2343, public: 'admin.example.test', gateways: 'vps', http: { users: { ada: '${hash}' } } },
    office: { host: 'nas', port: 2343, public: 'office.example.test', gateways: 'vps', http: { access: 'inside' } },
    git: { host: 'nas', port: 2222, mode: 'tcp', public: 'git.example.test', gateways: 'vps' },
    game: { host: 'nas', port: 27015, mode: 'udp', public: 'game.example.test', gateways: 'vps' },
    ${more}
  },
  flows: [
    { from: 'internet', to: 'vps', ports: 22, reason: 'administration' },
    { from: 'home', to: ['nas', 'node'], ports: 22, reason: 'administration at home' },
    { from: 'node', to: ['office', 'photos'], reason: 'the household' },
    { from: 'all', to: 'internet', ports: [80, 443, 9443], reason: 'updates' },
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

const tcp = `use IO::Socket::IP; my $s=IO::Socket::IP->new(LocalHost=>"::",LocalPort=>2222,Listen=>99,ReuseAddr=>1,V6Only=>0) or die; while(my $c=$s->accept){ print $c $c->peerhost; close $c }`;
const udp = `use IO::Socket::IP; my $s=IO::Socket::IP->new(LocalHost=>"::",LocalPort=>27015,Proto=>"udp",ReuseAddr=>1,V6Only=>0) or die; while($s->recv(my $m,2000)){ $s->send($s->peerhost) }`;

let project: LabProject;
let root = '';
const lab = (...argv: string[]) => project.lab(argv);
const inside = (machine: string, command: string, timeout?: number) =>
  runInside(`${sandbox}-${machine}`, command, timeout);
const write = async (machine: string, path: string, text: string) => {
  await inside(machine, `echo ${Buffer.from(text).toString('base64')} | base64 -d >${path}`);
};
const curl = (words: string, machine = 'internet') =>
  inside(machine, `curl -sS --cacert /root.pem --max-time 60 ${words} 2>&1 || true`);

async function serve() {
  await Promise.all(
    ['nas', 'node'].map(async (host) => {
      for (const [name, text] of Object.entries({ web: webServer, tcp, udp }))
        await write(host, `/root/${name}.pl`, text);
      await inside(
        host,
        'for job in "web.pl 2342" "web.pl 2343" tcp.pl udp.pl; do setsid perl /root/$job >/dev/null 2>&1 </dev/null & done; sleep 0.5',
      );
    }),
  );
}

beforeAll(async () => {
  project = roleProject({
    'inventory/index.ts': inventory('-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n'),
    'playbooks/site.ts': site,
  });
  expect(await lab('sandbox', 'up', '--name', sandbox)).toMatchObject({ exitCode: 0 });
  const hosts = `for name in ${names.join(' ')}; do echo "${vps.ipv4} $name"; echo "${vps.ipv6} $name"; done >>/etc/hosts`;
  await inside(
    'ca',
    `apt-get install -y --no-install-recommends caddy >/dev/null 2>&1 || { apt-get update && apt-get install -y --no-install-recommends caddy; } >/dev/null 2>&1
    ${hosts}`,
  );
  await write('ca', '/etc/caddy/Caddyfile', 'https://ca.test:9443 {\n tls internal\n acme_server\n}\n');
  root = await inside(
    'ca',
    'systemctl restart caddy; file=/var/lib/caddy/.local/share/caddy/pki/authorities/local/root.crt; until [ -s $file ]; do sleep 0.2; done; cat $file',
  );
  hash = (await inside('ca', "caddy hash-password --plaintext 'correct horse'")).trim();
  await inside('vps', 'echo "10.74.0.30 ca.test" >>/etc/hosts');
  await inside('internet', hosts);
  await inside(
    'node',
    `apt-get install -y --no-install-recommends curl >/dev/null 2>&1 || true; for name in ${names.join(' ')}; do echo "10.84.0.1 $name"; done >>/etc/hosts`,
  );
  for (const machine of ['internet', 'node']) await write(machine, '/root.pem', root);
  await serve();
  project.write('inventory/index.ts', inventory(root));
}, 400_000);
afterAll(async () => {
  await project?.lab(['sandbox', 'down', '--name', sandbox]);
  project?.remove();
}, 120_000);

it('is made from the model alone, and then nothing is left to do in one round trip a host', async () => {
  const first = await lab('run', 'site.ts', '--accept-new-host-keys', '--output', 'plain');
  expect({ exitCode: first.exitCode, said: first.stdout + first.stderr }).toMatchObject({ exitCode: 0 });
  const second = await lab('run', 'site.ts', '--output', 'plain');
  expect(second.stdout).toContain('3 hosts as declared, 0 changed');
  expect(second.stdout.match(/1 round trip,/g)).toHaveLength(3);
  // Certificates come while the servers already answer.
  for (const name of ['photos', 'admin', 'office'])
    await expect
      .poll(() => curl(`-o /dev/null -w '%{ssl_verify_result}' https://${name}.example.test/`), { timeout: 60_000 })
      .toBe('0');
});

describe('by name over HTTPS', () => {
  it.each(['-4', '-6'])('reaches the service with a valid chain and HTTP/2 (%s)', async (family) => {
    const answer = await curl(`${family} -i https://photos.example.test/x`);
    expect(answer).toMatch(/^HTTP\/2 200/);
    expect(answer).toMatch(/^alt-svc: h3=":443"/m);
    expect(answer).toMatch(/^strict-transport-security: max-age=31536000/m);
    // The service sees who asks; who asks sees nothing of the service but what it says.
    expect(answer).toContain(`X-Real-Ip: ${family === '-4' ? client.ipv4 : client.ipv6}`);
    expect(answer).not.toMatch(/^(server|via):/im);
  });

  it('takes the route of the longest path, and what a header says as it is', async () => {
    expect(await curl('https://photos.example.test/albums/1')).toContain('port 2343');
    expect(await curl('-i https://photos.example.test/albums')).toContain('x-test: {"a": "b\\"} $(id)');
    expect(await curl('https://photos.example.test/albumsx')).toContain('port 2342');
  });

  it('comes from HTTP to HTTPS, and says nothing under other names', async () => {
    expect(await curl('-o /dev/null -w "%{http_code} %{redirect_url}" http://photos.example.test/x?y')).toBe(
      '308 https://photos.example.test/x?y',
    );
    expect(await curl(`-o /dev/null -w "%{http_code}" http://${vps.ipv4}/`)).toBe('404');
    expect(await curl(`-k https://${vps.ipv4}/`)).toMatch(/alert|error/i);
    expect(await curl(`-k --connect-to ::${vps.ipv4}: https://other.example.test/`)).toMatch(/alert|error/i);
  });

  it('answers on the port of QUIC', async () => {
    // A version that nobody speaks is answered with those that the server does (RFC 9000 6.1).
    const probe = `use IO::Socket::IP; my $s=IO::Socket::IP->new(PeerHost=>"photos.example.test",PeerPort=>443,Proto=>"udp");
      $s->send("\\xc0\\x1a\\x2a\\x3a\\x4a\\x08"."A"x8 ."\\x08"."B"x8 ."\\0"x1200); local $SIG{ALRM}=sub{exit}; alarm 3; $s->recv(my $m,2000); print unpack("H*",$m)`;
    await write('internet', '/quic.pl', probe);
    // The version of its answer is zero, and among those that it offers is 1.
    expect(await inside('internet', 'perl /quic.pl')).toMatch(/^[89a-f].00000000.*00000001/);
  });

  it('asks for a password where one is declared, and lets in who knows it', async () => {
    const code = (words: string) => curl(`-o /dev/null -w '%{http_code}' ${words} https://admin.example.test/`);
    expect(await code('')).toBe('401');
    expect(await code("-u 'ada:correct horse'")).toBe('200');
    expect(await inside('vps', 'stat -c "%a %U %G" /etc/caddy/lab-users-admin')).toBe('640 root caddy\n');
  });

  it('is for those inside alone where it says so', async () => {
    const code = (machine: string) => curl("-o /dev/null -w '%{http_code}' https://office.example.test/", machine);
    expect(await code('internet')).toBe('403');
    expect(await code('node')).toBe('200');
  });

  it('carries a websocket', async () => {
    const said = await inside(
      'internet',
      `(printf 'GET /ws HTTP/1.1\\r\\nHost: photos.example.test\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\nSec-WebSocket-Version: 13\\r\\n\\r\\n'; sleep 1; printf hello; sleep 1) |
        timeout 8 openssl s_client -quiet -CAfile /root.pem -verify_return_error -servername photos.example.test -connect photos.example.test:443 2>/dev/null || true`,
    );
    expect(said).toContain('101 Switching Protocols');
    expect(said).toContain('echo hello');
  });

  it('carries large bodies both ways as they are', async () => {
    const size = 50 * 1024 * 1024;
    const sum = await inside('internet', `head -c ${size} /dev/urandom >/big; sha256sum /big | cut -c1-64`);
    expect(await curl('-T /big https://photos.example.test/up')).toContain(sum.trim());
    const zeros = await inside('internet', `head -c ${size} /dev/zero | sha256sum`);
    expect(
      await inside('internet', `curl -sS --cacert /root.pem https://photos.example.test/zeros/${size} | sha256sum`),
    ).toBe(zeros);
  });
});

describe('without HTTP', () => {
  const ask = (protocol: 'tcp' | 'udp', port: number, address: string) =>
    inside(
      'internet',
      `perl -e 'use IO::Socket::IP; my $s=IO::Socket::IP->new(PeerHost=>"${address}",PeerPort=>${port},Proto=>"${protocol}",Timeout=>5) or exit; $s->send("x") if "${protocol}" eq "udp"; local $SIG{ALRM}=sub{exit}; alarm 5; $s->recv(my $m,2000); print $m'`,
    );
  it.each(['ipv4', 'ipv6'] as const)('services see the address of the client (%s)', async (family) => {
    expect(await ask('tcp', 2222, vps[family])).toContain(client[family]);
    // This home has no line with IPv6, over which a socket that is bound to no address would answer.
    if (family === 'ipv4') expect(await ask('udp', 27015, vps.ipv4)).toContain(client.ipv4);
  });

  it('does so after both ends were rebooted', async () => {
    for (const machine of ['nas', 'vps']) {
      await inside(machine, 'systemctl reboot').catch(() => {});
      await expect
        .poll(() => inside(machine, 'systemctl is-active lab-firewall lab-gateway wg-quick@wg0').catch(() => ''), {
          timeout: 60_000,
        })
        .toBe('active\nactive\nactive\n');
    }
    await serve();
    // The engine gives a container its list of names anew.
    await inside('vps', 'grep -q ca.test /etc/hosts || echo "10.74.0.30 ca.test" >>/etc/hosts');
    await expect.poll(() => ask('tcp', 2222, vps.ipv4), { timeout: 30_000 }).toContain(client.ipv4);
    expect(await curl('https://photos.example.test/')).toContain('port 2342');
    // A peer that has nothing to say does not notice that the gateway has forgotten it: one that sends does, after 15 seconds.
    const answers = () =>
      inside('node', 'ping -c 1 -W 1 10.84.0.1').then(
        () => true,
        () => false,
      );
    await expect.poll(answers, { timeout: 60_000 }).toBe(true);
    expect((await lab('run', 'site.ts', '--output', 'plain')).stdout).toContain('0 changed');
  });
});

describe('while it is changed', () => {
  it('loses no request, and brings back what was before', async () => {
    project.write(
      'inventory/index.ts',
      inventory(root, "wiki: { host: 'nas', port: 2343, public: 'wiki.example.test', gateways: 'vps' },"),
    );
    await inside('internet', `echo '${vps.ipv4} wiki.example.test' >>/etc/hosts`);
    await inside('ca', `echo '${vps.ipv4} wiki.example.test' >>/etc/hosts`);
    await inside(
      'internet',
      'rm -f /stop /codes; (while [ ! -e /stop ]; do curl -s --cacert /root.pem -o /dev/null -w "%{http_code}\\n" "https://photos.example.test/[1-20]" --next -Z --cacert /root.pem -s -o /dev/null -w "%{http_code}\\n" "https://photos.example.test/[1-20]"; done >/codes) >/dev/null 2>&1 </dev/null &',
    );
    const certificate = () =>
      inside(
        'vps',
        'sha256sum /var/lib/caddy/.local/share/caddy/certificates/*/photos*/*.crt /var/lib/caddy/.local/share/caddy/acme/*/users/*/*.json',
      );
    const before = await certificate();
    const changed = await lab('run', 'site.ts', '--output', 'plain');
    expect({ exitCode: changed.exitCode, said: changed.stdout + changed.stderr }).toMatchObject({ exitCode: 0 });
    await expect.poll(() => curl('https://wiki.example.test/'), { timeout: 60_000 }).toContain('port 2343');
    expect((await lab('run', 'site.ts', '--output', 'plain')).stdout).toContain('0 changed');
    const back = await lab('rollback', 'vps-gateway', '--limit', 'vps', '--output', 'plain');
    expect({ exitCode: back.exitCode, said: back.stdout + back.stderr }).toMatchObject({ exitCode: 0 });
    expect(await curl('https://wiki.example.test/')).toMatch(/alert|error/i);
    await inside('internet', 'touch /stop; sleep 2');
    const codes = (await inside('internet', 'sort /codes | uniq -c')).trim();
    expect(codes).toMatch(/^\d+ 200$/);
    expect(Number.parseInt(codes, 10)).toBeGreaterThan(200);
    expect(await certificate()).toBe(before);
  });

  it('puts back passwords that somebody has changed on the gateway', async () => {
    await inside(
      'vps',
      `echo "mallory ${'$'}(cut -d ' ' -f 2 /etc/caddy/lab-users-admin)" >/etc/caddy/lab-users-admin`,
    );
    expect(await lab('run', 'site.ts', '--output', 'plain')).toMatchObject({ exitCode: 0 });
    const code = (user: string) =>
      curl(`-o /dev/null -w '%{http_code}' -u '${user}:correct horse' https://admin.example.test/`);
    expect([await code('ada'), await code('mallory')]).toEqual(['200', '401']);
  });

  it('takes another replica when one is down', async () => {
    await inside('nas', "pkill -f '[w]eb.pl 2342'");
    const codes = await curl('-o /dev/null -w "%{http_code}\\n" "https://photos.example.test/[1-20]"');
    expect(new Set(codes.trim().split('\n'))).toEqual(new Set(['200']));
  });
});

it('shows nothing to nmap but what is declared', async () => {
  const scan = await inside(
    'internet',
    `nmap -n -Pn -sS -p- --min-rate 20000 --max-retries 3 -oG - ${vps.ipv4}`,
    200_000,
  );
  const found = [...scan.matchAll(/(\d+)\/(open|closed)\/tcp/g)].map(([, port]) => Number(port));
  expect(found.sort((a, b) => a - b)).toEqual([22, 80, 443, 2222]);
});

it('shuts out who guesses passwords, under their own address', async () => {
  // Of one family: a client that is shut out comes again by the other.
  const answer = () => curl("-6 --max-time 3 -o /dev/null -w '%{http_code}' https://admin.example.test/");
  expect(await answer()).toContain('401');
  for (const word of ['a', 'b', 'c', 'd']) await curl(`-6 -o /dev/null -u ada:${word} https://admin.example.test/`);
  await expect.poll(answer, { timeout: 30_000 }).not.toContain('401');
  expect(await inside('vps', 'fail2ban-client status lab-gateway')).toContain(client.ipv6);
});
