import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { create } from 'qrcode';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { deviceLink } from '../../../roles/wireguard/devices/device-link.ts';
import { addDevice } from '../../../roles/wireguard/devices/procedures.ts';
import { ConfigurationFile } from '../../../src/cli/device/configuration-file.ts';
import { type StartedHost, startHost } from '../../support/host.ts';
import { type LabProject, labProject, lockFile } from '../../support/lab-project.ts';
import { TunnelHosts } from '../../support/tunnel.ts';

// A phone that is no managed host, and has nothing but the file that it was given.

vi.setConfig({ testTimeout: 180_000 });
const names = ['gateway', 'nas'] as const;
let tunnel: TunnelHosts<(typeof names)[number]>;
let phone: StartedHost;
let project: LabProject;

beforeAll(async () => {
  tunnel = await TunnelHosts.start(names);
  const packages = ['wireguard-tools', 'wireguard-go', 'iputils-ping'];
  phone = await startHost({ network: tunnel.beside(200), packages });
  tunnel.more = {
    devices: {
      phone: { addresses: { vpn: ['10.80.0.100', 'fd80::100'] } },
      laptop: { addresses: { vpn: '10.80.0.101' } },
    },
  };
  project = labProject({
    'inventory/index.ts': tunnel.inventoryModule(),
    'inventory/lab.lock.yml': lockFile(tunnel.hosts),
    'playbooks/site.ts': `import { definePlaybook } from 'labwright';
import wireguard from 'labwright/roles/wireguard';
import inventory from '../inventory/index.ts';
export default definePlaybook({ inventory, plays: [{ name: 'tunnel', hosts: ['all'], roles: [wireguard] }] });
`,
  });
  expect((await run()).exitCode).toBe(0);
}, 240_000);
afterAll(async () => {
  project?.remove();
  await phone?.remove();
  await tunnel?.remove();
});

const lab = (...words: readonly string[]) => project.lab(words);
const run = () => lab('run', 'site.ts', '--no-type-check');
/** Loads a configuration on the phone, as its app would. */
const load = async (file: string) => {
  await phone.sh(
    'wg-quick down phone >/dev/null 2>&1; rm -f /etc/wireguard/phone.conf; sysctl -q -w net.ipv6.conf.default.disable_ipv6=0',
  );
  await phone.exec(['sh', '-c', 'umask 077; cat >/etc/wireguard/phone.conf'], project.read(file));
  await phone.sh('wg-quick up phone 2>&1');
};
const reaches = async (address: string) => {
  const { exitCode } = await phone.exec([
    'sh',
    '-c',
    `for i in 1 2 3 4 5 6 7 8 9 10 11 12; do ping -c 1 -W 1 ${address} >/dev/null && exit 0; done; exit 1`,
  ]);
  return exitCode === 0;
};
const reachesNothing = async () =>
  (await phone.exec(['ping', '-c', '3', '-W', '1', tunnel.inside('gateway')])).exitCode !== 0;
/** Files of the controller that hold a text. */
const filesWith = (text: string) =>
  spawnSync('grep', ['-rlF', '-e', text, '.'], { cwd: project.root, encoding: 'utf8' }).stdout.trim().split('\n');
/** Where on a host a text is. */
const placesWith = (host: StartedHost, text: string) =>
  host.sh(`grep -rlF -e '${text}' /etc /var /root /run /tmp 2>/dev/null || true`);
const valueIn = (text: string, name: string) => new RegExp(`^${name} = (.+)$`, 'm').exec(text)?.[1] ?? '';

/** The dark squares of a QR code of half blocks among what a terminal shows, row by row. */
function squaresIn(shown: string): boolean[][] {
  const lines = stripVTControlCharacters(shown)
    .split(/\r?\n/)
    .filter((line) => /^[ ▀▄█]{30,}$/.test(line));
  const rows = lines.flatMap((line) => ['█▀', '█▄'].map((dark) => [...line].map((square) => dark.includes(square))));
  // Around it is a margin of one.
  const size = (rows[0]?.length ?? 2) - 2;
  return rows.slice(1, size + 1).map((row) => row.slice(1, size + 1));
}

it('lets a device in, which reaches every host inside', async () => {
  const { exitCode, stdout } = await project.labAtTerminal(['device', 'add', 'phone']).ended;
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/gateway lets phone in by wg0/);
  const text = project.read('phone.conf');
  expect(statSync(join(project.root, 'phone.conf')).mode & 0o777).toBe(0o600);
  // The secrets are in that file, and in nothing that was printed or kept.
  for (const name of ['PrivateKey', 'PresharedKey']) {
    expect(valueIn(text, name)).toMatch(/^[A-Za-z0-9+/]{43}=$/);
    expect(stdout).not.toContain(valueIn(text, name));
    expect(project.read('inventory/lab.lock.yml')).not.toContain(valueIn(text, name));
  }
  expect(filesWith(valueIn(text, 'PrivateKey'))).toEqual(['./phone.conf']);
  expect(filesWith(valueIn(text, 'PresharedKey'))).toEqual(['./phone.conf']);
  for (const host of Object.values(tunnel.hosts)) expect(await placesWith(host, valueIn(text, 'PrivateKey'))).toBe('');
  const { modules } = create(text, { errorCorrectionLevel: 'L' });
  const drawn = squaresIn(stdout);
  expect(drawn.length).toBe(modules.size);
  expect(drawn.flat().map(Number)).toEqual([...modules.data]);
  await load('phone.conf');
  for (const name of names)
    for (const family of [4, 6] as const) expect(await reaches(tunnel.inside(name, family))).toBe(true);
  const listed = await lab('device', 'list', '--output', 'json');
  expect(JSON.parse(listed.stdout)).toMatchObject({
    devices: [
      { name: 'phone', interface: 'wg0', handshakeAge: expect.any(Number), keyAge: expect.any(Number) },
      { name: 'laptop', interface: null, publicKey: null, keyAge: null },
    ],
  });
  const shown = await lab('device', 'show', 'phone');
  expect(shown).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(valueIn(text, 'PublicKey')) });
  for (const name of ['PrivateKey', 'PresharedKey']) expect(shown.stdout).not.toContain(valueIn(text, name));
  const key = await phone.sh('wg show phone public-key');
  expect(await tunnel.hosts.gateway.sh('wg show wg0 peers')).toContain(key.trim());
});

it('is what a run declares, and done once', async () => {
  expect((await run()).stdout).toContain('0 changed');
  const again = await lab('device', 'add', 'phone', '--file', 'again.conf');
  expect(again).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('phone has keys already') });
  expect(project.exists('again.conf')).toBe(false);
});

it('refuses a device that is not in the inventory, and a file that is there', async () => {
  expect(await lab('device', 'add', 'watch')).toMatchObject({
    exitCode: 4,
    stderr: expect.stringMatching(/the inventory has no device "watch"[\s\S]*expected +phone/),
  });
  expect(await lab('device', 'rotate', 'phone', '--file', 'phone.conf', '--wait', '0')).toMatchObject({
    exitCode: 4,
    stderr: expect.stringContaining('the only copy of a private key'),
  });
  expect((await run()).stdout).toContain('0 changed');
  expect(await reaches(tunnel.inside('nas'))).toBe(true);
});

it('does not replace keys in use when the lock file has forgotten them', async () => {
  const lock = project.read('inventory/lab.lock.yml');
  project.write('inventory/lab.lock.yml', lock.slice(0, lock.indexOf('devices:')));
  expect(await lab('device', 'add', 'phone', '--file', 'again.conf')).toMatchObject({
    exitCode: 4,
    stderr: expect.stringContaining('gateway lets phone in already'),
  });
  expect(project.exists('again.conf')).toBe(false);
  project.write('inventory/lab.lock.yml', lock);
  expect(await reaches(tunnel.inside('nas'))).toBe(true);
});

it('takes the gateway back when the configuration cannot be written', async () => {
  const files = 'cat /etc/wireguard/*.conf /etc/wireguard/*.links; ls /etc/wireguard; wg show all peers | sort';
  const before = await tunnel.hosts.gateway.sh(files);
  let during = '';
  const folder = join(project.root, 'stick');
  mkdirSync(folder);
  await using configuration = new ConfigurationFile(join(folder, 'laptop.conf'));
  await configuration.reserve();
  const { exitCode, text } = await tunnel.proceed((inventory) =>
    addDevice(inventory, deviceLink(inventory, 'laptop'), {
      async admitted() {
        during = await tunnel.hosts.gateway.sh(files);
        rmSync(folder, { recursive: true });
        await configuration.write('as it would be');
      },
    }),
  );
  expect(exitCode).toBe(1);
  expect(text).toMatch(/failed admit: the configuration cannot be written to .*laptop\.conf/);
  expect(text).toContain('undone admit: gateway does not know laptop');
  expect(during).not.toBe(before);
  expect(await tunnel.hosts.gateway.sh(files)).toBe(before);
  expect(await reaches(tunnel.inside('nas'))).toBe(true);
});

it('gives it new keys while the old ones work, and destroys those when the new ones are used', async () => {
  const first = await lab('device', 'rotate', 'phone', '--file', 'new.conf', '--wait', '0', '--no-qr');
  expect(first).toMatchObject({ exitCode: 3, stdout: expect.stringContaining('has not used its new keys yet') });
  // What is no terminal gets no private key, in no form.
  expect(first.stdout).not.toMatch(/[▀▄█]/);
  expect(await reaches(tunnel.inside('nas'))).toBe(true);
  expect((await lab('status', 'wireguard')).stdout).toMatch(/gateway – phone +rotating/);
  expect((await run()).stdout).toContain('0 changed');
  const text = project.read('new.conf');
  expect(valueIn(text, 'PublicKey')).not.toBe(valueIn(project.read('phone.conf'), 'PublicKey'));
  await load('new.conf');
  await phone.exec(['ping', '-c', '2', '-W', '1', tunnel.inside('gateway')]);
  const second = await lab('device', 'rotate', 'phone', '--wait', '60');
  expect(second).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('phone has new keys') });
  for (const name of names) expect(await reaches(tunnel.inside(name))).toBe(true);
  expect((await run()).stdout).toContain('0 changed');
  await load('phone.conf');
  expect(await reachesNothing()).toBe(true);
  await load('new.conf');
  expect(await reaches(tunnel.inside('nas'))).toBe(true);
});

it('stops waiting for new keys on Ctrl-C, and takes them back when asked to', async () => {
  const before = await tunnel.hosts.gateway.sh('cat /etc/wireguard/*.links; ls /etc/wireguard');
  const waiting = project.start(['device', 'rotate', 'phone', '--file', 'never.conf']);
  await waiting.says('waiting for phone');
  waiting.process.kill('SIGINT');
  expect(await waiting.ended).toMatchObject({
    exitCode: 130,
    stdout: expect.stringContaining('lab device rotate phone goes on'),
  });
  expect((await lab('device', 'rotate', 'phone', '--abort')).exitCode).toBe(0);
  expect(await tunnel.hosts.gateway.sh('cat /etc/wireguard/*.links; ls /etc/wireguard')).toBe(before);
  expect(await reaches(tunnel.inside('nas'))).toBe(true);
});

it('takes it out at once, also against a lock file of before', async () => {
  const lock = project.read('inventory/lab.lock.yml');
  expect(await lab('device', 'revoke', 'phone')).toMatchObject({ exitCode: 0 });
  expect(project.read('inventory/lab.lock.yml')).not.toContain('device');
  for (const file of ['phone.conf', 'new.conf', 'never.conf'])
    expect(await placesWith(tunnel.hosts.gateway, valueIn(project.read(file), 'PresharedKey'))).toBe('');
  expect(await reachesNothing()).toBe(true);
  expect((await run()).stdout).toContain('0 changed');
  project.write('inventory/lab.lock.yml', lock);
  expect((await run()).stdout).toContain('0 changed');
  expect(await reachesNothing()).toBe(true);
  expect(await tunnel.hosts.gateway.sh('ls /etc/wireguard')).not.toContain('phone');
});

it('leaves the tunnel with the inventory, and does not come back by itself', async () => {
  await lab('device', 'revoke', 'phone');
  expect(await lab('device', 'add', 'phone', '--file', 'third.conf', '--full-tunnel')).toMatchObject({
    exitCode: 0,
    stderr: expect.stringContaining("{ from: 'phone', to: 'internet'"),
  });
  expect(valueIn(project.read('third.conf'), 'AllowedIPs')).toBe('0.0.0.0/0, ::/0');
  const gatewayKnowsIt = async () => (await tunnel.hosts.gateway.sh('cat /etc/wireguard/*.conf')).includes('phone');
  expect(await gatewayKnowsIt()).toBe(true);
  const { devices } = tunnel.more;
  tunnel.more = { devices: { laptop: { addresses: { vpn: '10.80.0.101' } } } };
  project.write('inventory/index.ts', tunnel.inventoryModule());
  expect((await run()).exitCode).toBe(0);
  expect(await gatewayKnowsIt()).toBe(false);
  expect(await tunnel.hosts.gateway.sh('ls /etc/wireguard')).not.toContain('phone');
  tunnel.more = { devices };
  project.write('inventory/index.ts', tunnel.inventoryModule());
  expect((await run()).exitCode).toBe(0);
  expect(await gatewayKnowsIt()).toBe(false);
});

it('writes and keeps nothing when the gateway does not answer', async () => {
  await lab('device', 'revoke', 'phone');
  await tunnel.hosts.gateway.sh('systemctl stop ssh ssh.socket 2>/dev/null; pkill -x sshd; true');
  const { exitCode, stderr } = await lab('device', 'add', 'phone', '--file', 'none.conf');
  expect({ exitCode, stderr }).toMatchObject({
    exitCode: 3,
    stderr: expect.stringContaining('gateway has to be changed first'),
  });
  expect(project.exists('none.conf')).toBe(false);
  expect(project.read('inventory/lab.lock.yml')).not.toContain('device:');
});
