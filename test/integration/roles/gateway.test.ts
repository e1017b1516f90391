import { afterAll, beforeAll, expect, it } from 'vitest';
import { type StartedHost, startHost } from '../../support/host.ts';
import { type LabProject, lockFile, roleProject } from '../../support/lab-project.ts';

// Every word that a service can say about its requests, as a real Caddy takes it; and what it does not take.

let gateway: StartedHost;
let bare: StartedHost;
let project: LabProject;
const hash = `$2a$10$${'a'.repeat(53)}`;

const inventory = ({
  maxBody = '1MB',
  users = `'${hash}'`,
  state = 'present',
} = {}) => `import { defineInventory, Secret } from 'labwright';
export default defineInventory({
  ssh: { user: 'root', identityFile: '${gateway.identityFile}' },
  networks: {
    public: { prefixes: '${gateway.address.replace(/\d+$/, '0')}/24', public: true },
    vpn: { prefixes: ['10.80.0.0/24', 'fd80::/64'], tunnel: true },
  },
  groups: { lab: {} },
  hosts: {
    alpha: {
      groups: ['lab'],
      addresses: { public: '${gateway.address}', vpn: ['10.80.0.1', 'fd80::1'] },
      // Nobody signs anything here.
      params: { 'vps-gateway': { state: '${state}', acme: { directory: 'https://127.0.0.1:1/directory', email: 'ada@example.test' }, log: { maxSize: '1MiB', keep: 2 } } },
    },
    beta: { addresses: { public: '${gateway.address.replace(/\d+$/, '250')}', vpn: ['10.80.0.2', 'fd80::2'] } },
    bare: { groups: ['lab'], address: '${bare.address}' },
    nas: { addresses: { vpn: ['10.80.0.10', 'fd80::10'] } },
    node: { addresses: { vpn: 'fd80::11' } },
  },
  services: {
    whole: {
      host: 'nas', port: 1, public: 'a.example', replicas: 'node',
      http: { path: '/x(y', access: 'inside', users: { ada: ${users} }, health: '/well', maxBody: '${maxBody}', headers: { 'X-A': '{env.HOME} "q" \\\\', Server: null } },
    },
    asked: { host: 'nas', port: 2, public: 'a.example', http: { authorizer: 'http://[fd80::10]:9091/api/verify?rd=1' } },
    sealed: { host: 'nas', port: 3, public: 'b.example', gateways: 'alpha', http: { tls: 'verified' } },
    own: { host: 'nas', port: 4, public: 'c.example', gateways: 'alpha', http: { tls: 'unverified' } },
  } as never,
});
`;
const site = `import { definePlaybook } from 'labwright';
import gateway from 'labwright/roles/vps-gateway';
import inventory from '../inventory/index.ts';
export default definePlaybook({ inventory, plays: [{ name: 'all', hosts: 'lab', roles: [gateway] }] });
`;

beforeAll(async () => {
  [gateway, bare] = await Promise.all([
    startHost({ packages: ['caddy', 'fail2ban', 'python3-systemd', 'curl'] }),
    startHost({ variant: 'busybox' }),
  ]);
  project = roleProject({
    'inventory/index.ts': inventory(),
    'inventory/lab.lock.yml': lockFile({ alpha: gateway, bare }),
    'playbooks/site.ts': site,
  });
}, 240_000);
afterAll(async () => {
  project?.remove();
  await gateway?.remove();
  await bare?.remove();
});

const run = (...more: string[]) => project.lab(['run', 'site', '--output', 'plain', ...more]);
const code = (words: string) => gateway.sh(`curl -s -o /dev/null -w '%{http_code}' --max-time 20 ${words}`);

it('says all that the model can in words of Caddy, and is nothing to a host that carries nothing', async () => {
  const { exitCode, stdout, stderr } = await run();
  expect({ exitCode, said: stdout + stderr }).toMatchObject({ exitCode: 0 });
  const second = await run();
  expect(second.stdout).toContain('2 hosts as declared, 0 changed');
  expect(second.stdout.match(/1 round trip,/g)).toHaveLength(2);
  expect(await gateway.sh('ls -l /run/caddy/admin.sock; ss -Hlnt sport = :2019')).toMatch(/^s.*caddy/);
});

it('asks another gateway for the answer to a challenge, and a gateway that asks is not asked on', async () => {
  const url = "-H 'Host: a.example' http://127.0.0.1/.well-known/acme-challenge/token";
  // The other one is not there, nor anybody else who would answer for it.
  await gateway.sh('ip route add unreachable 10.80.0.0/24');
  expect(await code(url)).toBe('502');
  expect(await code(`-H 'X-Lab-Gateway: 1' ${url}`)).toBe('404');
});

it('begins its log anew when it is full, and goes on', async () => {
  const processId = () => gateway.sh('systemctl show --property MainPID --property NRestarts caddy');
  const before = await processId();
  await gateway.sh(
    `curl -s -o /dev/null -H 'Host: a.example' "http://127.0.0.1/[1-3000]?$(head -c 1000 /dev/zero | tr '\\0' x)"; sleep 1`,
  );
  expect((await gateway.sh('ls /var/log/caddy/access-*.log* | wc -l')).trim()).toBe('1');
  expect(await processId()).toBe(before);
});

it.each([
  ['a size that Caddy does not know', { maxBody: '99999999999999999999999GB' }],
  ['a secret that would be more than a word', { users: "new Secret('canary-7391 }\\n}')" }],
])('refuses %s before anything is changed, and shows no secret', async (_, change) => {
  const before = await gateway.sh('cat /etc/caddy/Caddyfile /etc/caddy/lab-users-whole');
  project.write('inventory/index.ts', inventory(change));
  const { exitCode, stdout, stderr } = await run('--diff');
  expect({ exitCode, said: stdout + stderr }).toMatchObject({ exitCode: 1 });
  expect(stdout + stderr).not.toContain('canary-7391');
  expect(await gateway.sh('cat /etc/caddy/Caddyfile /etc/caddy/lab-users-whole')).toBe(before);
  expect(await gateway.sh('systemctl is-active caddy')).toBe('active\n');
});

it('stops with state "absent", and leaves what the authority gave', async () => {
  await gateway.sh('echo certificate >/var/lib/caddy/certificate');
  project.write('inventory/index.ts', inventory({ state: 'absent' }));
  expect(await run()).toMatchObject({ exitCode: 0 });
  expect(
    await gateway.sh(
      'systemctl is-active caddy fail2ban || true; cat /var/lib/caddy/certificate; ss -Hlnt sport = :80',
    ),
  ).toBe('inactive\ninactive\ncertificate\n');
  expect((await run()).stdout).toContain('0 changed');
});
