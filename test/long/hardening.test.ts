import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StartedHost, startHost } from '../support/host.ts';
import { type LabProject, labProject, lockFile } from '../support/lab-project.ts';

// What lynis says of hosts as a homelab has them: a gateway and a server at home, with the tunnel and the firewall between them.

let hosts: Readonly<Record<'gateway' | 'home', StartedHost>>;
let project: LabProject;

const network = (address: string) => address.replace(/\d+$/, '0/24');
const inventory = (level: string) => `import { defineInventory } from 'labwright';
export default defineInventory({
  ssh: { user: 'root', identityFile: '${hosts.home.identityFile}' },
  params: { base: { hardening: { level: '${level}' } }, wireguard: { gateways: ['gateway'] } },
  networks: {
    lan: { prefixes: '${network(hosts.home.address)}' },
    vpn: { prefixes: ['10.81.0.0/24', 'fd81::/64'], tunnel: true },
  },
  hosts: {
    gateway: { addresses: { lan: '${hosts.gateway.address}', vpn: ['10.81.0.1', 'fd81::1'] } },
    home: { addresses: { lan: '${hosts.home.address}', vpn: ['10.81.0.2', 'fd81::2'] } },
  },
  flows: [
    { from: 'lan', to: 'all', ports: 22, reason: 'administration' },
    { from: 'all', to: 'internet', ports: [80, 443], reason: 'updates' },
    { from: 'all', to: 'internet', ports: [53, 123], protocol: 'udp', reason: 'names and time' },
  ],
});
`;
const site = `import { definePlaybook } from 'labwright';
import base from 'labwright/roles/base';
import firewall from 'labwright/roles/firewall';
import wireguard from 'labwright/roles/wireguard';
import inventory from '../inventory/index.ts';
export default definePlaybook({ inventory, plays: [{ name: 'all', hosts: 'all', roles: [base, wireguard, firewall] }] });
`;

/** The report of lynis; its index counts points of the tests that a host has something for. */
async function audit(host: StartedHost): Promise<{ index: number; warnings: string[]; suggestions: string[] }> {
  await host.sh('lynis audit system --quick --no-colors >/dev/null 2>&1; test -s /var/log/lynis-report.dat');
  const report = (await host.sh('cat /var/log/lynis-report.dat')).split('\n');
  const all = (key: string) =>
    report.flatMap((line) =>
      line.startsWith(`${key}[]=`) ? [line.slice(key.length + 3).replace(/\|-\|-\|$/, '')] : [],
    );
  const index = Number(report.find((line) => line.startsWith('hardening_index='))?.slice('hardening_index='.length));
  return { index, warnings: all('warning'), suggestions: all('suggestion') };
}

/** Left out on purpose, as docs/hardening.md says: name of the test. */
const exceptions =
  /^(KRNL-6000|SSH-7408|SSH-7440|AUTH-9286|FILE-(6310|6344|6374|7524)|USB-(1000|3000)|LOGG-2154|ACCT-96\d\d|HRDN-7230|DEB-0(280|810|811|831|880)|PKGS-7394|NAME-4028|BOOT-5264|TOOL-5002|KRNL-5788|LYNIS)\|/;

beforeAll(async () => {
  const [gateway, home] = await Promise.all([startHost({ packages: ['lynis'] }), startHost({ packages: ['lynis'] })]);
  hosts = { gateway, home };
  project = labProject({
    'inventory/index.ts': inventory('strict'),
    'inventory/lab.lock.yml': lockFile(hosts),
    'playbooks/site.ts': site,
  });
}, 900_000);
afterAll(async () => {
  project?.remove();
  await Promise.all(Object.values(hosts ?? {}).map((host) => host.remove()));
});

describe('lynis', () => {
  it('gives a host as it comes less than what the role is for', async () => {
    expect((await audit(hosts.home)).index).toBeLessThan(65);
  });

  it('gives every host of a strict homelab 80 at least, and warns of nothing', async () => {
    const { exitCode, stdout, stderr } = await project.lab(['run', 'site', '--output', 'plain']);
    expect({ exitCode, said: stdout + stderr }).toMatchObject({ exitCode: 0 });
    for (const host of Object.values(hosts)) {
      const { index, warnings, suggestions } = await audit(host);
      expect(warnings).toEqual([]);
      expect(suggestions.filter((suggestion) => !exceptions.test(suggestion))).toEqual([]);
      expect(index).toBeGreaterThanOrEqual(80);
    }
  });

  it('is no reason for another run to change something', async () => {
    expect((await project.lab(['run', 'site', '--output', 'plain'])).stdout).toMatch(/0 changed/);
  });

  it('gives 69 at least to the standard level, to which a strict homelab can go back', async () => {
    project.write('inventory/index.ts', inventory('standard'));
    const { exitCode, stdout, stderr } = await project.lab(['run', 'site', '--prune', '--output', 'plain']);
    expect({ exitCode, said: stdout + stderr }).toMatchObject({ exitCode: 0 });
    const { index, warnings } = await audit(hosts.home);
    expect(warnings).toEqual([]);
    expect(index).toBeGreaterThanOrEqual(69);
    expect(await hosts.home.sh('ls /var/lib/aide /etc/fail2ban/jail.d 2>&1 || :')).not.toMatch(/lab/);
  });
});
