import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LabProject, labProject } from '../support/lab-project.ts';
import { ownSandboxName } from '../support/sweep.ts';
import { webServer } from '../support/web-server.ts';

// A whole homelab as strangers have it before them: what auditors' programs say of it, what it carries, and what leaves the home
// by its own line meanwhile.

const sandbox = ownSandboxName();
const run = promisify(execFile);
const vps = '10.73.0.10';

const inventory = (more = '') => `import { defineInventory } from 'labwright';
export default defineInventory({
  ssh: { user: 'root', identityFile: '.lab/sandbox-${sandbox}/id_ed25519' },
  params: {
    // All strangers of this test have one address.
    firewall: { connectionRate: null },
    dns: { resolvers: ['nas'], upstreams: [{ address: '10.73.0.50', name: 'resolver.test', tls: false }] },
    'vps-gateway': {
      acme: { directory: 'https://10.73.0.50:9443/acme/local/directory', root: '.lab/sandbox-${sandbox}/authority.pem' },
    },
  },
  networks: {
    public: { prefixes: '10.73.0.0/24', public: true },
    home: { prefixes: '10.73.1.0/24' },
    vpn: { prefixes: ['10.83.0.0/24', 'fd83::/64'], tunnel: true },
  },
  hosts: {
    vps: {
      addresses: { public: '${vps}', vpn: ['10.83.0.1', 'fd83::1'] },
      params: { dns: { zones: { 'example.test': { provider: { type: 'authoritative' } } } } },
    },
    nas: {
      addresses: { home: '10.73.1.10', vpn: ['10.83.0.10', 'fd83::10'] },
      params: { firewall: { internet: 'tunnel' } },
    },
  },
  services: {
    photos: { host: 'nas', port: 2342, public: 'photos.example.test' },
    files: { host: 'nas', port: 2343, public: 'files.example.test' },
    ${more}
  },
  flows: [
    { from: 'internet', to: 'vps', ports: 22, reason: 'administration' },
    { from: 'home', to: 'nas', ports: 22, reason: 'administration at home' },
    { from: 'nas', to: 'internet', ports: 53, protocol: 'udp', reason: 'names' },
    { from: 'nas', to: 'internet', ports: 53, reason: 'names' },
  ],
});
`;
const site = `import { definePlaybook, file, packages, unit } from 'labwright';
import base from 'labwright/roles/base';
import dns from 'labwright/roles/dns';
import firewall from 'labwright/roles/firewall';
import gateway from 'labwright/roles/vps-gateway';
import wireguard from 'labwright/roles/wireguard';
import inventory from '../inventory/index.ts';
const answers = file({ path: '/etc/caddy/Caddyfile', content: '{\\n auto_https off\\n}\\nhttp://:2342 {\\n respond hello\\n}\\n' });
export default definePlaybook({ inventory, plays: [
  { name: 'all', hosts: 'all', roles: [base, wireguard, dns, gateway] },
  { name: 'service', hosts: 'nas', resources: () => [
    packages({ names: ['caddy'], recommends: false }), answers, unit({ name: 'caddy', state: 'running', enabled: true }, { reloadOn: [answers] }),
  ] },
  // Last: what comes after it goes through the tunnel alone.
  { name: 'firewall', hosts: 'all', roles: [firewall] },
] });
`;

let project: LabProject;
const lab = (...argv: string[]) => project.lab(argv);
const inside = async (machine: string, command: string, timeout = 600_000) =>
  (await run('docker', ['exec', `${sandbox}-${machine}`, 'sh', '-c', command], { timeout, maxBuffer: 1e8 })).stdout;
const succeeds = async (...argv: string[]) => {
  const { exitCode, stdout, stderr } = await lab(...argv);
  expect({ exitCode, said: stdout + stderr }).toMatchObject({ exitCode: 0 });
  return stdout;
};

/** What a stranger's machine needs of programs that audit. */
const tools = 'testssl.sh bsdextrautils dnsviz bind9 bind9-utils bind9-dnsutils hey ssh-audit nmap graphviz';

beforeAll(async () => {
  project = labProject({ 'inventory/index.ts': inventory(), 'playbooks/site.ts': site });
  await succeeds('sandbox', 'up', '--name', sandbox);
  await inside(
    'internet',
    `apt-get update >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ${tools} >/dev/null 2>&1
    # Debian's package lacks the module that dnsviz asks for its version.
    release=/usr/lib/python3/dist-packages/pygraphviz/release.py; [ -e $release ] || echo 'version = "1.7"' >$release`,
  );
  await succeeds('run', 'site.ts', '--accept-new-host-keys', '--output', 'plain');
  const program = Buffer.from(webServer).toString('base64');
  await inside(
    'nas',
    `echo ${program} | base64 -d >/root/web.pl; setsid perl /root/web.pl 2343 >/dev/null 2>&1 </dev/null & sleep 1`,
  );
  await inside(
    'internet',
    'for name in photos files; do timeout 120 sh -c "until curl -sS -o /dev/null https://$name.example.test/; do sleep 1; done"; done',
  );
  // From here on, what passes on the home's own line; link-local packets end there.
  const tunnel = `udp and host ${vps} and port 51820`;
  const captures = { others: `(ip or ip6) and not (${tunnel}) and not ip6 net fe80::/10 and not ip6 src ::`, tunnel };
  for (const [name, filter] of Object.entries(captures))
    await inside(
      'router',
      `line=$(ip -o -4 address show | awk '$4 ~ /^10[.]73[.]0[.]/ { print $2; exit }')
      setsid tcpdump -i "$line" -n -U -s 128 -c 10000 -w /${name}.pcap '${filter}' >/dev/null 2>&1 </dev/null & sleep 1`,
    );
}, 900_000);
afterAll(async () => {
  await project?.lab(['sandbox', 'down', '--name', sandbox]);
  project?.remove();
}, 120_000);

describe('those who audit', () => {
  it('find nothing in the TLS of the gateway (testssl.sh)', async () => {
    const report = await inside(
      'internet',
      `cd /tmp && rm -f tls.json; testssl --severity MEDIUM --quiet --color 0 --warnings batch --add-ca /usr/local/share/ca-certificates/lab-sandbox.crt \\
        --jsonfile tls.json https://photos.example.test >/dev/null 2>&1; cat tls.json`,
    );
    const found = (JSON.parse(report) as { id: string; severity: string }[])
      .filter(({ severity }) => severity !== 'WARN')
      .map(({ id }) => id);
    // What the authority of the sandbox puts into certificates: half a day, and nowhere to ask whether one was revoked.
    const ofTheAuthority = ['cert_expirationStatus', 'cert_notAfter', 'cert_revocation'];
    expect(found.filter((id) => !ofTheAuthority.includes(id))).toEqual([]);
    expect(report).toContain('cert_notAfter');
  });

  it('find nothing in the signed zone (dnsviz, delv)', async () => {
    const ds = (await inside('vps', "awk '$4 == 13 && $5 == 2 || $5 == 13 && $6 == 2' /etc/lab/dns/example.test.ds"))
      .trim()
      .replace(/^.* DS /, '');
    expect(ds).toMatch(/^\d+ 13 2 [0-9a-f]{64}$/i);
    const grok = await inside(
      'internet',
      `cd /tmp && dnsviz probe -4 -A -a example.test -N example.test:ns1.example.test=${vps} -D 'example.test:${ds}' \\
        example.test photos.example.test missing.example.test 2>/dev/null >probe.json
      dig @${vps} example.test DNSKEY +noall +answer >keys; dnsviz grok -t keys -l warning -r probe.json; dnsviz grok -t keys -r probe.json >all.json`,
    );
    const codes = [...grok.matchAll(/"code": "(\w+)"/g)].map(([, code]) => code);
    // The sandbox's internet has private addresses.
    expect(codes.filter((code) => !code?.endsWith('PRIVATE_IP'))).toEqual([]);
    expect(await inside('internet', 'cat /tmp/all.json')).toContain('"SECURE"');
    const anchors = `trust-anchors { example.test. static-ds ${ds.replace(/(\S+)$/, '"$1"')}; };`;
    const answer = await inside(
      'internet',
      `echo '${anchors}' >/tmp/anchors; delv @${vps} -a /tmp/anchors +root=example.test photos.example.test A`,
    );
    expect(answer).toContain('; fully validated');
  });

  it('get no copy of the zone, and no answer for others', async () => {
    expect(await inside('internet', `dig @${vps} example.test AXFR`)).toContain('Transfer failed');
    expect(await inside('internet', `dig @${vps} debian.org`)).toContain('status: REFUSED');
  });

  it('find the declared ports alone (nmap)', async () => {
    const scan = await inside(
      'internet',
      `nmap -n -Pn -sS -p- --min-rate 20000 --max-retries 3 -oG - ${vps}; nmap -n -Pn -sU -p 53,443,51820,161,123,1900,5353 -oG - ${vps}`,
    );
    expect([...scan.matchAll(/(\d+)\/open\/(\w+)/g)].map(([, port, protocol]) => `${port}/${protocol}`)).toEqual([
      '22/tcp',
      '53/tcp',
      '80/tcp',
      '443/tcp',
      '53/udp',
    ]);
  });

  it('find no weak algorithm of sshd (ssh-audit)', async () => {
    const audit = await inside('internet', `ssh-audit -n ${vps} || true`);
    expect(audit).toContain('(kex)');
    expect(audit).not.toMatch(/\[fail\]/);
  });
});

it('carries a gigabyte each way as it is', async () => {
  const size = 1024 ** 3;
  const up = await inside(
    'internet',
    `head -c ${size} /dev/urandom >/big; sha256sum </big; curl -sS -T /big https://files.example.test/up`,
  );
  const [sum] = up.split(' ');
  expect(up).toContain(`body ${sum}`);
  const down = await inside(
    'internet',
    `rm -f /big; head -c ${size} /dev/zero | sha256sum; curl -sS https://files.example.test/zeros/${size} | sha256sum`,
  );
  const [wanted, got] = down.split('\n');
  expect(got).toBe(wanted);
});

it('loses no request of a thousand a second while it is changed, run again and rolled back', async () => {
  // Twenty connections with fifty a second each; how many of them come to be depends on the machine.
  await inside(
    'internet',
    'rm -f /load; (hey -z 90s -c 20 -q 50 https://photos.example.test/ >/load 2>&1; echo done >>/load) >/dev/null 2>&1 </dev/null &',
  );
  project.write('inventory/index.ts', inventory(`wiki: { host: 'nas', port: 2343, public: 'wiki.example.test' },`));
  expect(await succeeds('run', 'site.ts', '--output', 'plain')).not.toContain('0 changed');
  expect(await succeeds('run', 'site.ts', '--output', 'plain')).toContain('0 changed');
  await succeeds('rollback', 'vps-gateway', '--limit', 'vps', '--output', 'plain');
  await expect.poll(() => inside('internet', 'tail -n 1 /load'), { timeout: 180_000 }).toBe('done\n');
  const load = await inside('internet', 'cat /load');
  console.log(load.match(/Requests\/sec:.*/)?.[0]);
  expect(load).not.toContain('Error distribution');
  expect([...load.matchAll(/\[(\d{3})\]\s+\d+ responses/g)].map(([, code]) => code)).toEqual(['200']);
});

it('meanwhile sent nothing by the line of the home but WireGuard', async () => {
  const seen = async (name: string) =>
    (await inside('router', `tcpdump -n -r /${name}.pcap 2>/dev/null`)).split('\n').slice(0, -1);
  expect((await seen('tunnel')).length).toBe(10_000);
  await inside('router', 'pgrep -x tcpdump && pkill -x tcpdump && sleep 1');
  expect(await seen('others')).toEqual([]);
});
