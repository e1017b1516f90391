import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type StartedHost, startHost } from '../../support/host.ts';
import { type LabProject, labProject, lockFile } from '../../support/lab-project.ts';
import { TunnelHosts } from '../../support/tunnel.ts';

// A control host whose clock goes ahead rotates the keys of a tunnel: those that are due, and no others.

const names = ['gateway', 'nas', 'node'] as const;
type Name = (typeof names)[number];
let tunnel: TunnelHosts<Name>;
let control: StartedHost;
let project: LabProject;

beforeAll(async () => {
  tunnel = await TunnelHosts.start(names);
  control = await startHost({ hostname: 'control', network: tunnel.beside(200), packages: ['libfaketime'] });
  project = labProject({
    'package.json': '{ "name": "homelab", "type": "module" }\n',
    '.gitignore': 'home/\n',
    'inventory/lab.lock.yml': lockFile({ control, ...tunnel.hosts }),
    'inventory/index.ts': tunnel.inventoryModule({ control }),
    'playbooks/wireguard.ts': `import { definePlaybook } from 'labwright';
import wireguard from 'labwright/roles/wireguard';
import inventory from '../inventory/index.ts';
export default definePlaybook({ inventory, plays: [{ name: 'tunnel', hosts: ['gateway', 'nas', 'node'], roles: [wireguard()] }] });
`,
    'playbooks/rotate-keys.ts': `import { rotateKeys } from 'labwright/roles/wireguard';
import inventory from '../inventory/index.ts';
export default rotateKeys({ inventory, maxAge: '1h', drain: '5s' });
`,
  });
  execFileSync('git', ['init', '--quiet'], { cwd: project.root });
  expect(await runTunnel()).toMatchObject({ exitCode: 0 });
  await tunnel.reachesAll();
}, 240_000);
afterAll(async () => {
  project?.remove();
  await control?.remove();
  await tunnel?.remove();
});

/** The playbook with the role, from the machine where the job was scheduled. */
const runTunnel = (...words: readonly string[]) => project.lab(['run', 'wireguard.ts', '--no-type-check', ...words]);
const lab = (...words: readonly string[]) => project.lab(['schedule', ...words]);
/** Words of the procedure stand among those of the schedule. */
const schedule = (...words: readonly string[]) =>
  lab('rotate-keys.ts', '--max-age', '30d', '--on', 'control', '--delay', '0', '--no-type-check', ...words);

const job = 'lab-schedule-rotate-keys';
const keyComment = 'lab-schedule:rotate-keys@control';
/** As wg(8) has it: each interface with its key and those of its peers. */
const shown = (name: Name) =>
  tunnel.hosts[name].sh(
    'for name in $(printf "%s\\n" $(wg show interfaces) | sort); do echo $name $(wg show $name public-key); wg show $name peers | sort; done',
  );
const shownByAll = async () => ({
  gateway: await shown('gateway'),
  nas: await shown('nas'),
  node: await shown('node'),
});
const keyOf = async (name: Name, link: string) => (await tunnel.hosts[name].sh(`wg show ${link} public-key`)).trim();
const interfacesOf = async (name: Name) => (await tunnel.hosts[name].sh('wg show interfaces')).trim().split(' ').sort();
const setClock = (days: number) =>
  control.sh(`mkdir -p /etc/systemd/system/${job}.service.d
    printf '[Service]\\nEnvironment=LD_PRELOAD=%s FAKETIME=+${days}d FAKETIME_DONT_FAKE_MONOTONIC=1\\n' "$(find /usr/lib -name libfaketime.so.1)" \\
      >/etc/systemd/system/${job}.service.d/clock.conf
    systemctl daemon-reload`);
/** The timer finds that it should have gone off meanwhile, as on a host that was off. */
const missATurn = () =>
  control.sh(`systemctl stop ${job}.timer
    touch -d '8 days ago' /var/lib/systemd/timers/stamp-${job}.timer
    systemctl start ${job}.timer`);
const result = async () => {
  const { stdout } = await lab('list', '--output', 'json');
  const [first] = (JSON.parse(stdout) as { jobs: { state: string; last: { summary: string } | null }[] }).jobs;
  return `${first?.state}: ${first?.last?.summary}`;
};

it('is set up for a procedure, with access to the hosts that it works on', async () => {
  const { exitCode, stdout, stderr } = await schedule();
  expect({ exitCode, stdout, stderr }).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/rotate-keys runs on control, next at \S+; it gets through to gateway, nas, node/),
  });
  expect(await control.sh('cat /root/.ssh/authorized_keys')).not.toContain(keyComment);
});

it('leaves keys alone that are not due', async () => {
  const before = await shownByAll();
  await setClock(20);
  const { exitCode, stdout } = await lab('run', 'rotate-keys');
  expect({ exitCode, stdout }).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('nothing to do') });
  expect(await shownByAll()).toEqual(before);
});

it('rotates those that are due when their day has come, and no others', async () => {
  // That of nas was made fifteen days before the others.
  await tunnel.hosts.nas.sh("touch -d '15 days ago' /etc/wireguard/wg0.pub");
  const before = { all: await shownByAll(), gateway: await keyOf('gateway', 'wg0'), nas: await keyOf('nas', 'wg0') };
  await missATurn();
  await expect.poll(result, { timeout: 120_000, interval: 1000 }).toBe('succeeded: 1 link has new keys');
  // The link of nas has new keys at both ends, on a new pair of interfaces.
  expect(await interfacesOf('nas')).toEqual(['wg0b']);
  expect(await interfacesOf('gateway')).toEqual(['wg0', 'wg0b']);
  const [nas, gateway] = [await keyOf('nas', 'wg0b'), await keyOf('gateway', 'wg0b')];
  expect([before.nas, before.gateway]).not.toContain(nas);
  expect([before.nas, before.gateway]).not.toContain(gateway);
  expect(await shown('nas')).toBe(`wg0b ${nas}\n${gateway}\n`);
  // That of node has its old ones, and nothing else is left of the old link.
  const node = await keyOf('node', 'wg0');
  expect(await shown('gateway')).toBe(`wg0 ${before.gateway}\n${node}\nwg0b ${gateway}\n${nas}\n`);
  expect(await shown('node')).toBe(before.all.node);
  await tunnel.reachesAll();
});

it('shows what became of it', async () => {
  expect(await lab('list')).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/rotate-keys.ts --max-age 30d .* succeeded .*1 link has new keys/),
  });
});

it('has left the other controller with keys that it does not know, which does no harm', async () => {
  const before = await shownByAll();
  const known = project.read('inventory/lab.lock.yml');
  expect(known).not.toContain(await keyOf('nas', 'wg0b'));
  // What it remembers is older than the rotation, and the host that it is about is not asked.
  expect(await runTunnel('--limit', 'gateway')).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining('0 changed'),
  });
  expect(await shownByAll()).toEqual(before);
  expect(await runTunnel()).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('0 changed') });
  expect(await shownByAll()).toEqual(before);
  expect(project.read('inventory/lab.lock.yml')).toContain(await keyOf('nas', 'wg0b'));
  await tunnel.reachesAll();
  // From here on it knows; what the job learned stays as well when it is scheduled with less.
  project.write('inventory/lab.lock.yml', known);
});

it('changes nothing when it is scheduled again, and keeps what the job has learned', async () => {
  const { exitCode, stdout, stderr } = await schedule();
  expect({ exitCode, stdout, stderr }).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('0 changed') });
  const lock = await control.sh('cat /var/lib/lab-schedule/rotate-keys/repository/inventory/lab.lock.yml');
  expect(lock).toContain(await keyOf('nas', 'wg0b'));
});

it('is removed with its key on every host', async () => {
  expect(await lab('remove', 'rotate-keys')).toMatchObject({ exitCode: 0 });
  for (const host of [control, ...Object.values<StartedHost>(tunnel.hosts)])
    expect(await host.sh('cat /root/.ssh/authorized_keys')).not.toContain('lab-schedule');
  await control.sh(`rm -r /etc/systemd/system/${job}.service.d`);
  expect(await control.sh('find / -xdev -name "*lab-schedule*" -o -xdev -name "*lab-job*"')).toBe('');
  expect(await control.sh('getent passwd | grep -c lab-job || :')).toBe('0\n');
});
