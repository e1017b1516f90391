import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Exceptions, lynis, sshAudit } from '../support/graders.ts';
import { type StartedHost, startHost } from '../support/host.ts';
import { inventoryFiles, type LabProject, labProject, lockFile } from '../support/lab-project.ts';
import { minimalDebian } from '../support/minimal-debian.ts';

// What graders say of hosts as a homelab has them: a gateway that answers for a domain, a resolver with a service, and another.

let hosts: Readonly<Record<'gateway' | 'nas' | 'node', StartedHost>>;
let project: LabProject;

const network = (address: string) => address.replace(/\d+$/, '0/24');
const inventory = (level: string, upstream: string) => `import { defineInventory } from 'labwright';
export default defineInventory({
  ssh: { user: 'root', identityFile: '${hosts.nas.identityFile}' },
  params: {
    base: { hardening: { level: '${level}' } },
    wireguard: { gateways: ['gateway'] },
    dns: { resolvers: ['nas', 'node'], upstreams: [{ address: '${upstream}', name: 'resolver.test', tls: false }] },
    // Nobody signs here: the gateway goes on asking.
    'vps-gateway': { acme: { directory: 'https://127.0.0.1:1/directory' } },
  },
  networks: {
    lan: { prefixes: '${network(hosts.nas.address)}', public: true },
    vpn: { prefixes: ['10.81.0.0/24', 'fd81::/64'], tunnel: true },
  },
  hosts: {
    gateway: {
      addresses: { lan: '${hosts.gateway.address}', vpn: ['10.81.0.1', 'fd81::1'] },
      params: { dns: { zones: { 'example.test': { provider: { type: 'authoritative' } } } } },
    },
    nas: { addresses: { lan: '${hosts.nas.address}', vpn: ['10.81.0.2', 'fd81::2'] } },
    node: { addresses: { lan: '${hosts.node.address}', vpn: ['10.81.0.3', 'fd81::3'] } },
  },
  services: { photos: { host: 'nas', port: 2342, public: 'photos.example.test', gateways: 'gateway' } },
  flows: [
    { from: ['internet', 'lan'], to: 'all', ports: 22, reason: 'administration' },
    { from: 'internet', to: 'photos', reason: 'friends' },
    { from: 'all', to: 'internet', ports: [53, 80, 443], reason: 'updates' },
    { from: 'all', to: 'internet', ports: [53, 123], protocol: 'udp', reason: 'names and time' },
  ],
});
`;
const site = `import { definePlaybook } from 'labwright';
import base from 'labwright/roles/base';
import dns from 'labwright/roles/dns';
import firewall from 'labwright/roles/firewall';
import gateway from 'labwright/roles/vps-gateway';
import wireguard from 'labwright/roles/wireguard';
import inventory from '../inventory/index.ts';
export default definePlaybook({ inventory, plays: [{ name: 'all', hosts: 'all', roles: [base, wireguard, dns, gateway, firewall] }] });
`;

const sshdAlone = `import { definePlaybook } from 'labwright';
import base from 'labwright/roles/base';
import inventory from '../inventory/index.ts';
export default definePlaybook({ inventory, plays: [{ name: 'all', hosts: 'all', roles: [base({
  hostname: null, timezone: null, packages: { install: [] }, upgrades: { enabled: false }, timeSync: { with: 'none' }, hardening: { level: 'none' },
})] }] });
`;

async function declare(level: 'standard' | 'strict') {
  const resolver = await hosts.nas.sh("sed -n 's/^nameserver //p' /etc/resolv.conf.before");
  project.write('inventory/index.ts', inventory(level, resolver.trim()));
}
async function run(...more: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await project.lab(['run', 'site', '--output', 'plain', ...more]);
  expect({ exitCode, said: stdout + stderr }).toMatchObject({ exitCode: 0 });
  return stdout;
}

const names = ['gateway', 'nas', 'node'] as const;
const exceptions = new Exceptions();

/** Every host: the points that its index of lynis is short of the least, warnings, and what is not documented. */
async function audited(least: number) {
  return await Promise.all(
    Object.entries(hosts).map(async ([name, host]) => {
      const { index, warnings, findings } = await lynis(host);
      const all = [...findings, ...(await sshAudit(host))];
      console.log(`lynis: ${name} ${index}`);
      return { name, short: Math.max(0, least - index), warnings, findings: all };
    }),
  );
}

beforeAll(async () => {
  // What graders do not look at is there before: most of the time would go into installing it.
  const packages = [
    'lynis',
    'ssh-audit',
    'curl',
    'python3-systemd',
    'wireguard-tools',
    'wireguard-go',
    'bind9-dnsutils',
  ];
  const started = await Promise.all(names.map(async (hostname) => [hostname, await startHost({ packages, hostname })]));
  hosts = Object.fromEntries(started) as typeof hosts;
  await hosts.nas.sh('cp /etc/resolv.conf /etc/resolv.conf.before');
  project = labProject({ 'inventory/lab.lock.yml': lockFile(hosts), 'playbooks/site.ts': site });
}, 900_000);
afterAll(async () => {
  project?.remove();
  await Promise.all(Object.values(hosts ?? {}).map((host) => host.remove()));
});

describe('graders', () => {
  it('give a host as it comes less than what the role is for', async () => {
    expect((await lynis(hosts.node)).index).toBeLessThan(65);
    expect(exceptions.unexplained(await sshAudit(hosts.node))).not.toEqual([]);
  });

  it('give every host of a strict homelab 80 at least, and warn of nothing', async () => {
    await declare('strict');
    await run();
    const hardened = await audited(80);
    expect(
      hardened.map(({ findings, ...rest }) => ({ ...rest, unexplained: exceptions.unexplained(findings) })),
    ).toEqual(names.map((name) => ({ name, short: 0, warnings: [], unexplained: [] })));
    // Nor does the page explain what nobody finds.
    expect(exceptions.unused(hardened.flatMap(({ findings }) => findings))).toEqual([]);
  });

  it('are no reason for another run to change something', async () => {
    expect(await run()).toMatch(/0 changed/);
  });

  it('give 69 at least to the standard level, to which a strict homelab can go back', async () => {
    await declare('standard');
    await run('--prune');
    expect(await audited(69)).toMatchObject(names.map((name) => ({ name, short: 0, warnings: [] })));
    expect(await hosts.node.sh('ls /var/lib/aide /etc/fail2ban/jail.d 2>&1 || :')).not.toMatch(/lab/);
  });
});

describe('ssh-audit of Debian 13', () => {
  const suites = ['bullseye', 'bookworm', 'trixie'] as const;
  const servers = new Map<string, StartedHost>();
  afterAll(() => Promise.all([...servers.values()].map((host) => host.remove())));

  it('has nothing to say of any OpenSSH that Debian supports', async () => {
    for (const hostname of suites)
      servers.set(hostname, await startHost({ image: await minimalDebian(hostname), hostname }));
    const own = labProject({ ...inventoryFiles(Object.fromEntries(servers)), 'playbooks/site.ts': sshdAlone });
    const { exitCode, stdout, stderr } = await own.lab(['run', 'site', '--output', 'plain']);
    own.remove();
    expect({ exitCode, said: stdout + stderr }).toMatchObject({ exitCode: 0 });
    const trixie = servers.get('trixie') as StartedHost;
    await trixie.sh('apt-get -q update && apt-get -q -y --no-install-recommends install ssh-audit');
    for (const [suite, { address }] of servers) {
      expect({ suite, findings: await sshAudit(trixie, address) }).toEqual({ suite, findings: [] });
    }
  });
});
