import { afterAll, beforeAll, expect, it } from 'vitest';
import { type StartedHost, startHost } from '../../support/host.ts';
import { type LabProject, labProject, lockFile } from '../../support/lab-project.ts';
import { TunnelHosts } from '../../support/tunnel.ts';

// A control host whose clock goes ahead rotates the keys of a tunnel: those that are due, and no others.

const names = ['gateway', 'nas', 'node'] as const;
let tunnel: TunnelHosts<(typeof names)[number]>;
let control: StartedHost;
let project: LabProject;

beforeAll(async () => {
  [tunnel, control] = await Promise.all([
    TunnelHosts.start(names),
    startHost({ hostname: 'control', packages: ['libfaketime'] }),
  ]);
  await tunnel.apply();
  await tunnel.reachesAll();
  project = labProject({
    'package.json': '{ "name": "homelab", "type": "module" }\n',
    'inventory/lab.lock.yml': lockFile({ control, ...tunnel.hosts }),
    'inventory/index.ts': tunnel.inventoryModule({ control }),
    'playbooks/rotate-keys.ts': `import { rotateKeys } from 'labwright/roles/wireguard';
import inventory from '../inventory/index.ts';
export default rotateKeys({ inventory, maxAge: '30d', drain: '5s' });
`,
  });
}, 240_000);
afterAll(async () => {
  project?.remove();
  await Promise.all([control?.remove(), tunnel?.remove()]);
});

const lab = (...words: readonly string[]) => project.lab(['schedule', ...words]);
const keysOf = async (name: (typeof names)[number]) =>
  (await tunnel.hosts[name].sh('for name in $(wg show interfaces); do wg show $name public-key; done'))
    .trim()
    .split('\n');
/** `wg` on the gateway: peers that it has, by key. */
const peersOfGateway = () => tunnel.hosts.gateway.sh('for name in $(wg show interfaces); do wg show $name peers; done');
const setClock = (days: number) =>
  control.sh(`mkdir -p /etc/systemd/system/lab-schedule-rotate-keys.service.d
    printf '[Service]\\nEnvironment=LD_PRELOAD=%s FAKETIME=+${days}d FAKETIME_DONT_FAKE_MONOTONIC=1\\n' "$(find /usr/lib -name libfaketime.so.1)" \\
      >/etc/systemd/system/lab-schedule-rotate-keys.service.d/clock.conf
    systemctl daemon-reload`);

it('is set up for a procedure, with access to every host', async () => {
  const { exitCode, stdout, stderr } = await lab('rotate-keys.ts', '--on', 'control', '--no-type-check');
  expect({ exitCode, stdout, stderr }).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(
      /rotate-keys runs on control, next at \S+; it gets through to control, gateway, nas, node/,
    ),
  });
});

it('leaves keys alone that are not due', async () => {
  const before = await Promise.all(names.map(keysOf));
  await setClock(20);
  const { exitCode, stdout } = await lab('run', 'rotate-keys');
  expect({ exitCode, stdout }).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('nothing to do') });
  expect(await Promise.all(names.map(keysOf))).toEqual(before);
});

it('rotates those that are due when their day has come, and no others', async () => {
  // That of nas was made fifteen days before the others.
  await tunnel.hosts.nas.sh("touch -d '15 days ago' /etc/wireguard/wg0.pub");
  const [[gatewayBefore = ''], [nasBefore = ''], [nodeBefore = '']] = (await Promise.all(names.map(keysOf))) as [
    string[],
    string[],
    string[],
  ];
  const { exitCode, stdout } = await lab('run', 'rotate-keys');
  expect({ exitCode, stdout }).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/gateway – nas: the key of nas is 35 days old/),
  });
  expect(stdout).not.toContain('– node:');
  // The link of nas has new keys at both ends; that of node has its old ones.
  const [nasAfter = ''] = await keysOf('nas');
  expect(nasAfter).not.toBe(nasBefore);
  expect(await keysOf('node')).toEqual([nodeBefore]);
  expect(await keysOf('gateway')).toContain(gatewayBefore);
  const peers = (await peersOfGateway()).trim().split('\n').sort();
  expect(peers).toEqual([nasAfter, nodeBefore].sort());
  await tunnel.reachesAll();
});

it('shows what became of it', async () => {
  const { exitCode, stdout } = await lab('list');
  expect({ exitCode, stdout }).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/rotate-keys .* succeeded .*1 link has new keys/),
  });
});

it('has left the other controller with keys that it does not know, which does no harm', async () => {
  // What this controller remembers is older than the rotation, and the host that it is about is not asked.
  const { finished } = await tunnel.apply({ only: ['gateway'] });
  expect(finished.map(({ status, failure }) => failure ?? status)).toEqual(['ok']);
  await tunnel.reachesAll();
});
