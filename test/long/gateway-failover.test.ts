import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { inside as runInside } from '../support/inside.ts';
import { type LabProject, labProject } from '../support/lab-project.ts';
import { ownSandboxName } from '../support/sweep.ts';
import { webServer } from '../support/web-server.ts';

// Two gateways for the same names: each with a certificate of its own, whichever the authority asks, and each enough for all.

vi.setConfig({ testTimeout: 600_000 });
const sandbox = ownSandboxName();
const run = promisify(execFile);
const gateways = { east: '10.72.0.10', west: '10.72.0.11' } as const;
const name = 'photos.example.test';

const inventory = `import { defineInventory } from 'labwright';
export default defineInventory({
  ssh: { user: 'root', identityFile: '.lab/sandbox-${sandbox}/id_ed25519' },
  params: {
    firewall: { connectionRate: null },
    'vps-gateway': {
      acme: { directory: 'https://10.72.0.50:9443/acme/local/directory', root: '.lab/sandbox-${sandbox}/authority.pem' },
    },
  },
  networks: {
    public: { prefixes: '10.72.0.0/24', public: true },
    home: { prefixes: '10.72.1.0/24' },
    vpn: { prefixes: ['10.82.0.0/24', 'fd82::/64'], tunnel: true },
  },
  hosts: {
    east: { addresses: { public: '${gateways.east}', vpn: ['10.82.0.1', 'fd82::1'] } },
    west: { addresses: { public: '${gateways.west}', vpn: ['10.82.0.2', 'fd82::2'] } },
    nas: { addresses: { home: '10.72.1.10', vpn: ['10.82.0.10', 'fd82::10'] } },
  },
  services: { photos: { host: 'nas', port: 2342, public: '${name}' } },
  flows: [
    { from: 'internet', to: ['east', 'west'], ports: 22, reason: 'administration' },
    { from: 'home', to: 'nas', ports: 22, reason: 'administration at home' },
  ],
});
`;
const site = `import { definePlaybook } from 'labwright';
import firewall from 'labwright/roles/firewall';
import gateway from 'labwright/roles/vps-gateway';
import wireguard from 'labwright/roles/wireguard';
import inventory from '../inventory/index.ts';
export default definePlaybook({ inventory, plays: [{ name: 'all', hosts: 'all', roles: [wireguard, firewall, gateway] }] });
`;

let project: LabProject;
const inside = (machine: string, command: string, timeout = 300_000) =>
  runInside(`${sandbox}-${machine}`, command, timeout);
const lab = async (...argv: string[]) => {
  const { exitCode, stdout, stderr } = await project.lab(argv);
  expect({ exitCode, said: stdout + stderr }).toMatchObject({ exitCode: 0 });
  return stdout;
};
/** As a browser does: by name, and by the next address when one does not answer. */
const ask = () => inside('internet', `curl -sS --max-time 20 --connect-timeout 5 https://${name}/ 2>&1 || true`);
const askAt = (gateway: keyof typeof gateways) =>
  inside('internet', `curl -sS --max-time 10 --resolve ${name}:443:${gateways[gateway]} https://${name}/ 2>&1 || true`);
const serial = (gateway: keyof typeof gateways) =>
  inside(
    'internet',
    `openssl s_client -connect ${gateways[gateway]}:443 -servername ${name} </dev/null 2>/dev/null | openssl x509 -noout -serial`,
  );
const power = async (machine: string, verb: 'start' | 'kill') =>
  void (await run('docker', [verb, `${sandbox}-${machine}`]));

beforeAll(async () => {
  project = labProject({ 'inventory/index.ts': inventory, 'playbooks/site.ts': site });
  await lab('sandbox', 'up', '--name', sandbox);
  // Both addresses under one name, as a provider's zone would have them; each gateway is asked for some of them.
  await inside(
    'internet',
    `for address in ${Object.values(gateways).join(' ')}; do echo "$address ${name}"; done >>/etc/hosts`,
  );
  const program = Buffer.from(webServer).toString('base64');
  await inside(
    'nas',
    `echo ${program} | base64 -d >/root/web.pl; setsid perl /root/web.pl 2342 >/dev/null 2>&1 </dev/null & sleep 1`,
  );
  await lab('run', 'site.ts', '--accept-new-host-keys', '--output', 'plain');
}, 600_000);
afterAll(async () => {
  await project?.lab(['sandbox', 'down', '--name', sandbox]);
  project?.remove();
}, 120_000);

it('gives each gateway a certificate of its own', async () => {
  for (const gateway of ['east', 'west'] as const)
    await expect.poll(() => askAt(gateway), { timeout: 240_000, interval: 2000 }).toContain('port 2342');
  expect(await serial('east')).toMatch(/^serial=/);
  expect(await serial('east')).not.toBe(await serial('west'));
});

it.each(['east', 'west'] as const)('goes on without %s, and takes it back', async (gateway) => {
  await power(gateway, 'kill');
  expect(await ask()).toContain('port 2342');
  await power(gateway, 'start');
  // A host behind it that has nothing to say does not notice that it was away.
  await expect
    .poll(() => inside('nas', `ping -c 1 -W 1 10.82.0.${gateway === 'east' ? 1 : 2} || true`), { timeout: 120_000 })
    .toContain(' 0% packet loss');
  await expect.poll(() => askAt(gateway), { timeout: 120_000, interval: 2000 }).toContain('port 2342');
});

it('changes nothing the second time', async () => {
  expect(await lab('run', 'site.ts', '--output', 'plain')).toContain('0 changed');
});
