import { afterAll, beforeAll, expect, it } from 'vitest';
import { tryCommand } from '../../src/sandbox/docker.ts';
import { fingerprint } from '../../src/transport/known-hosts.ts';
import { type StartedHost, startHost } from '../support/host.ts';
import { HostNetwork } from '../support/host-network.ts';
import { type LabProject, labProject } from '../support/lab-project.ts';

// A machine that is known by an address of IPv6 alone.

let network: HostNetwork;
let host: StartedHost;
let project: LabProject;
let address = '';

beforeAll(async () => {
  network = await HostNetwork.create({ ipv6: true });
  host = await startHost({ packages: ['nftables', 'sudo'], network: network.place(2) });
  address = (await host.sh('ip -6 -o address show dev eth0 scope global')).split(/\s+/)[3]?.split('/')[0] ?? '';
  project = labProject({
    'inventory/index.ts': `import { defineInventory } from 'labwright';

export default defineInventory({
  networks: { office: { prefixes: 'fd77::/16' } },
  hosts: { nas: { address: '192.0.2.20' } },
});
`,
  });
}, 240_000);
afterAll(async () => {
  project?.remove();
  await host?.remove();
  await network?.[Symbol.asyncDispose]();
});

const bootstrap = (target: string, ...more: string[]) =>
  project.lab([
    'bootstrap',
    target,
    '--name',
    'vps1',
    '--admin',
    'ada',
    '--identity',
    host.identityFile,
    '--no-upgrade',
    ...more,
  ]);
const ssh = (user: string) =>
  tryCommand([
    ...[
      'ssh',
      '-6',
      '-F',
      'none',
      '-i',
      host.identityFile,
      '-o',
      'StrictHostKeyChecking=no',
      '-o',
      'UserKnownHostsFile=/dev/null',
    ],
    ...['-o', 'BatchMode=yes', `${user}@${address}`, 'sudo -n id -u'],
  ]);

it('is made a host of the inventory, with a firewall that lets the admin in, however the address is written', async () => {
  const key = host.hostKeys.find(({ type }) => type === 'ssh-ed25519');
  const first = await bootstrap(`root@[${address}]:22`, '--fingerprint', fingerprint(key as never));
  expect({ exitCode: first.exitCode, said: first.stdout + first.stderr }).toMatchObject({ exitCode: 0 });
  expect(project.read('inventory/index.ts')).toContain(`addresses: { office: '${address}' }`);
  expect((await ssh('ada')).stdout).toBe('0\n');
  expect(await ssh('root')).toMatchObject({ stdout: '' });
  expect(await host.sh('nft list table inet lab')).toMatch(/tcp dport 22/);
  const text = project.read('inventory/index.ts');
  for (const same of [address, `root@${address.toUpperCase()}`, `[${address.replace('::', ':0:0:0:0:0:')}]`]) {
    const again = await bootstrap(same);
    expect({ same, exitCode: again.exitCode, said: again.stdout + again.stderr }).toMatchObject({
      exitCode: 0,
      said: expect.stringContaining('0 changed'),
    });
  }
  expect(project.read('inventory/index.ts')).toBe(text);
});
