import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type StartedHost, startHost } from '../support/host.ts';
import { HostNetwork } from '../support/host-network.ts';
import { type LabProject, labProject, lockFile } from '../support/lab-project.ts';

// The gateway of a homelab is lost: an empty machine takes its place, and nobody else notices.

vi.setConfig({ testTimeout: 1_200_000 });
let network: HostNetwork;
let vps: StartedHost;
let nas: StartedHost;
let project: LabProject;

const inventory = () => `import { defineInventory } from 'labwright';
export default defineInventory({
  ssh: { user: 'root', identityFile: '${vps.identityFile}' },
  networks: {
    public: { prefixes: '172.16.0.0/12', public: true },
    vpn: { prefixes: ['10.83.0.0/24', 'fd83::/64'], tunnel: true },
  },
  hosts: {
    vps: {
      addresses: { public: '${vps.address}', vpn: ['10.83.0.1', 'fd83::1'] },
      params: {
        dns: { zones: { 'example.dev': { provider: { type: 'authoritative' } } } },
        'vps-gateway': {
          ban: null,
          acme: { directory: 'https://${nas.address}:9443/acme/local/directory', root: 'files/root.pem' },
        },
      },
    },
    nas: { address: '${nas.address}', addresses: { vpn: ['10.83.0.10', 'fd83::10'] } },
  },
  services: { photos: { host: 'vps', port: 2342, public: 'photos.example.dev' } },
});
`;
const site = `import { definePlaybook } from 'labwright';
import base from 'labwright/roles/base';
import dns from 'labwright/roles/dns';
import gateway from 'labwright/roles/vps-gateway';
import wireguard from 'labwright/roles/wireguard';
import inventory from '../inventory/index.ts';
const quiet = base({ timezone: null, upgrades: { enabled: false }, timeSync: { with: 'none' } });
export default definePlaybook({ inventory, plays: [{ name: 'all', hosts: 'all', roles: [quiet, wireguard, dns, gateway] }] });
`;
const tunnel = ['wireguard-tools', 'wireguard-go', 'iputils-ping', 'openssl', 'curl'];
const emptyVps = () => startHost({ packages: tunnel, network: network.place(2), hostname: 'vps' });

beforeAll(async () => {
  network = await HostNetwork.create();
  [vps, nas] = await Promise.all([
    emptyVps(),
    startHost({ packages: [...tunnel, 'caddy', 'bind9-dnsutils'], network: network.place(3), hostname: 'nas' }),
  ]);
  await nas.sh(`echo '${vps.address} photos.example.dev' >>/etc/hosts`);
  const authority = `https://${nas.address}:9443 {\n tls internal\n acme_server\n}\n`;
  await nas.exec(['sh', '-c', 'cat >/etc/caddy/Caddyfile'], authority);
  const root = await nas.sh(
    'systemctl restart caddy; file=/var/lib/caddy/.local/share/caddy/pki/authorities/local/root.crt; until [ -s $file ]; do sleep 0.2; done; cat $file',
  );
  project = labProject({
    'inventory/index.ts': inventory(),
    'inventory/lab.lock.yml': lockFile({ vps, nas }),
    'files/root.pem': root,
    'playbooks/site.ts': site,
  });
}, 600_000);
afterAll(async () => {
  project?.remove();
  await Promise.all([vps?.remove(), nas?.remove()]);
  await network?.[Symbol.asyncDispose]();
});

async function ok(...words: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await project.lab(words);
  expect({ exitCode, said: stdout + stderr }).toMatchObject({ exitCode: 0 });
  return stdout;
}
const run = (...more: string[]) => ok('run', 'site', '--output', 'plain', ...more);
const certificate = (more: string) =>
  `openssl s_client -connect ${vps.address}:443 -servername photos.example.dev </dev/null 2>/dev/null | openssl x509 -noout -serial ${more} 2>/dev/null`;

/** What strangers and peers know the gateway by, as they see it. */
const identity = async () => ({
  tunnel: await vps.sh('cat /etc/wireguard/wg0.pub; wg show wg0 peers; wg show wg0 preshared-keys | sha256sum'),
  certificate: await nas.sh(certificate('-fingerprint')),
  delegation: await vps.sh('cat /etc/lab/dns/example.dev.ds; runuser -u knot -- keymgr example.dev ds'),
  signingKeys: await nas.sh(`dig @${vps.address} +short example.dev DNSKEY | sort`),
  ssh: await nas.sh(`ssh-keyscan -t ed25519,ecdsa,rsa ${vps.address} 2>/dev/null | sort`),
});

let before: Awaited<ReturnType<typeof identity>>;
let history: string;

it('is at work, known to others by what it has made itself, and backed up', async () => {
  await run();
  await vps.sh('until ping -c 1 -W 1 10.83.0.10 >/dev/null; do sleep 0.5; done');
  // A record that no run makes.
  await vps.sh(
    `printf 'server 127.0.0.1 10053\\nzone example.dev\\nupdate add byhand.example.dev. 60 TXT kept\\nsend\\n' | nsupdate -k /etc/lab/dns/local.key`,
  );
  await nas.sh(`until ${certificate('')} | grep -q serial; do sleep 1; done`);
  before = await identity();
  expect(before.certificate).toMatch(/^serial=/);
  expect(before.delegation).toMatch(/ DS /);
  history = await ok('history', 'vps', '--output', 'json');

  const written = await project.lab(['secrets', 'init']);
  expect(written).toMatchObject({ exitCode: 0 });
  await ok('backup', '-o', 'monday.tar.age');
  expect(await ok('backup', '--list', 'monday.tar.age')).toMatch(
    /^vps +wireguard +0600 +root:root +45 B +\/etc\/wireguard\/wg0\.key$/m,
  );
});

it('is lost, and put back on an empty machine that nobody knows', async () => {
  await vps.remove();
  vps = await emptyVps();
  const ownKey = vps.hostKeys.find(({ type }) => type === 'ssh-ed25519');
  expect(before.ssh).not.toContain(ownKey?.base64);
  // Whoever answers there now is not trusted.
  const refused = await project.lab(['restore', 'monday.tar.age', 'vps']);
  expect(refused).toMatchObject({ exitCode: 3, stdout: expect.stringContaining('HOST_KEY_CHANGED') });

  const lock = project.read('inventory/lab.lock.yml');
  const newMachine = ['--host-key', `${ownKey?.type} ${ownKey?.base64} root@new`];
  const told = await ok('restore', 'monday.tar.age', 'vps', '--output', 'plain', ...newMachine);
  expect(told).toMatch(/a fresh login confirmed/);
  expect(project.read('inventory/lab.lock.yml')).toBe(lock);
  // By its old key from now on, and nothing is left to do.
  expect(await ok('restore', 'monday.tar.age', 'vps', '--output', 'plain')).toMatch(/0 changed/);
});

it('is the old one again after a run, for everybody else', async () => {
  const after = await run();
  expect(after).toMatch(/^nas \| recap \| ok/m);
  await nas.sh('until ping -c 1 -W 1 10.83.0.1 >/dev/null && ping -c 1 -W 1 fd83::1 >/dev/null; do sleep 0.5; done');
  await vps.sh('until knotc status >/dev/null 2>&1 && systemctl is-active -q caddy; do sleep 0.5; done');
  expect(await identity()).toEqual(before);
  expect(await nas.sh(`dig @${vps.address} +short byhand.example.dev TXT`)).toBe('"kept"\n');
  expect(await run()).toMatch(/0 changed/);
  // What the old machine went through is known on the new one, and what came after is later.
  type Runs = { readonly hosts: Readonly<Record<string, readonly { readonly run: string }[]>> };
  const runsOf = (text: string) => ((JSON.parse(text) as Runs).hosts.vps ?? []).map((one) => one.run);
  const [old, now] = [runsOf(history), runsOf(await ok('history', 'vps', '--output', 'json'))];
  expect(now.slice(0, old.length)).toEqual(old);
  expect(now.length).toBeGreaterThan(old.length);
});
