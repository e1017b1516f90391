import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { rotateKeys } from '../../../roles/wireguard/role.ts';
import type { LinkStatus } from '../../../roles/wireguard/status/classify.ts';
import type { Procedure } from '../../../src/playbook/procedure.ts';
import { tryCommand } from '../../../src/sandbox/docker.ts';
import { readRoleFile } from '../../../src/shared/own-package.ts';
import { type LabProject, labProject, lockFile } from '../../support/lab-project.ts';
import { TunnelHosts } from '../../support/tunnel.ts';

const names = ['gateway', 'nas', 'node'] as const;
let tunnel: TunnelHosts<(typeof names)[number]>;
let project: LabProject;
/** All that was printed in a test. */
let printed = '';

beforeAll(async () => {
  tunnel = await TunnelHosts.start(names);
  await tunnel.apply();
  await tunnel.reachesAll();
  project = labProject({
    'inventory/index.ts': tunnel.inventoryModule(),
    'inventory/lab.lock.yml': lockFile(tunnel.hosts),
  });
});
afterAll(async () => {
  project?.remove();
  await tunnel?.remove();
});

afterEach(async () => {
  for (const name of names) {
    const secrets = (await tunnel.hosts[name].sh('cat /etc/wireguard/*.key /etc/wireguard/*.psk')).trim().split('\n');
    expect(secrets.length).toBeGreaterThan(1);
    // Neither is printed, nor does it leave the host.
    const look = await tunnel.hosts[name].exec([
      'sh',
      '-c',
      readRoleFile('wireguard/status/look.sh'),
      'look',
      'wg0',
      'wg0b',
    ]);
    expect(look.stdout).toContain('peer wg0 ');
    for (const secret of secrets) expect(printed + look.stdout + look.stderr).not.toContain(secret);
  }
  printed = '';
});

const lab = async (...words: readonly string[]) => {
  const outcome = await project.lab(words);
  printed += outcome.stdout + outcome.stderr;
  return outcome;
};

const status = async (...more: readonly string[]) => {
  const { exitCode, stdout, stderr } = await lab('status', 'wireguard', '--output', 'json', ...more);
  if (stdout === '') throw new Error(stderr);
  const { hosts, links } = JSON.parse(stdout) as {
    hosts: { host: string; error: { code: string } | null }[];
    links: (LinkStatus & { keyDue: boolean })[];
  };
  return { exitCode, stderr, hosts, states: Object.fromEntries(links.map((link) => [link.ends.join(' – '), link])) };
};

it('lists what there is a status of', async () => {
  expect(await lab('status')).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('lab status wireguard') });
  expect(await lab('status', 'wiregard')).toMatchObject({
    exitCode: 4,
    stderr: expect.stringContaining('Did you mean wireguard?'),
  });
});

it('shows every link, and what wg(8) says of it at each end', async () => {
  const { exitCode, states, hosts } = await status();
  expect(Object.entries(states).map(([name, { state, at, problems }]) => [name, state, at, problems])).toEqual([
    ['gateway – nas', 'up', [], []],
    ['gateway – node', 'up', [], []],
  ]);
  expect(hosts).toEqual(names.map((host) => ({ host, error: null })));
  expect(exitCode).toBe(0);
  for (const spoke of ['nas', 'node'] as const) {
    const link = states[`gateway – ${spoke}`];
    const key = (await tunnel.hosts[spoke].sh('wg show wg0 public-key')).trim();
    const gatewaysKey = (await tunnel.hosts.gateway.sh('wg show wg0 public-key')).trim();
    expect(await tunnel.hosts.gateway.sh('wg show wg0 endpoints')).toContain(`${key}\t${link?.endpoint}\n`);
    expect(await tunnel.hosts[spoke].sh('wg show wg0 endpoints')).toBe(`${gatewaysKey}\t${link?.views[1].endpoint}\n`);
    for (const view of link?.views ?? []) {
      expect(view).toMatchObject({ asked: true, interface: 'wg0' });
      expect(view.received).toBeGreaterThan(0);
      expect(view.handshakeAge).toBeLessThan(180);
    }
  }
  const { stdout } = await lab('status', 'wireguard', '--limit', 'nas');
  expect(stdout).toMatch(
    /^LINK {11}STATE {2}HANDSHAKE .*\ngateway – nas {2}up {5}\d+ (s|min) ago .* [KM]iB .*:\d+ .*\n$/,
  );
});

it('tells of keys that are due, with an exit code only when asked to', async () => {
  const { exitCode, states } = await status('--max-age', '0s');
  expect([exitCode, states['gateway – nas']?.keyDue]).toEqual([0, true]);
  expect(await status('--max-age', '1d', '--strict')).toMatchObject({ exitCode: 0 });
  expect(await lab('status', 'wireguard', '--max-age', '0s', '--strict')).toMatchObject({
    exitCode: 2,
    stdout: expect.stringContaining('gateway – nas: a key is '),
  });
  expect(await lab('status', 'wireguard', '--max-age', 'soon')).toMatchObject({ exitCode: 4, stdout: '' });
  expect(await lab('status', 'wireguard', '--strict')).toMatchObject({ exitCode: 4, stdout: '' });
});

describe('names the side', () => {
  it('on which an interface or a peer is gone; the playbook mends both', async () => {
    await tunnel.hosts.nas.sh('systemctl stop wg-quick@wg0');
    const key = (await tunnel.hosts.node.sh('wg show wg0 public-key')).trim();
    await tunnel.hosts.gateway.sh(`wg set wg0 peer ${key} remove`);
    const { exitCode, states } = await status();
    expect(states['gateway – nas']).toMatchObject({
      ...{ state: 'down', at: ['nas'] },
      problems: [expect.stringMatching(/wg0 is down on nas/)],
    });
    expect(states['gateway – node']).toMatchObject({
      ...{ state: 'down', at: ['gateway'] },
      problems: [expect.stringMatching(/node is no peer on wg0 of gateway/)],
    });
    expect(exitCode).toBe(1);
    await tunnel.apply();
    await tunnel.reachesAll();
    expect((await status()).exitCode).toBe(0);
  });

  it('on which an interface is set down, with a command that mends it', async () => {
    await tunnel.hosts.nas.sh('ip link set wg0 down');
    const { exitCode, states } = await status();
    expect([exitCode, states['gateway – nas']?.state, states['gateway – nas']?.at]).toEqual([1, 'down', ['nas']]);
    const [, command = ''] = /: lab (.*)$/.exec(states['gateway – nas']?.problems[0] ?? '') ?? [];
    expect(await lab(...command.split(' '))).toMatchObject({ exitCode: 0 });
    await tunnel.reachesAll();
    expect((await status()).exitCode).toBe(0);
  });

  it('on which a route is missing', async () => {
    await tunnel.hosts.node.sh('ip route delete 10.80.0.0/24 dev wg0 proto 76');
    const { exitCode, states } = await status();
    expect(states['gateway – node']).toMatchObject({
      ...{ state: 'down', at: ['node'] },
      problems: [expect.stringMatching(/node has no route for 10\.80\.0\.0\/24 by wg0: run the playbook/)],
    });
    expect(exitCode).toBe(1);
    await tunnel.apply();
    expect((await status()).exitCode).toBe(0);
  });

  it('that has an old key of the other, when a key was replaced by hand', async () => {
    await tunnel.hosts.node.sh(
      'wg genkey >/etc/wireguard/wg0.key; wg pubkey </etc/wireguard/wg0.key >/etc/wireguard/wg0.pub; wg set wg0 private-key /etc/wireguard/wg0.key',
    );
    expect((await status()).states['gateway – node']).toMatchObject({
      ...{ state: 'down', at: ['gateway'] },
      problems: [expect.stringMatching(/gateway has another key of node than node itself/)],
    });
    await tunnel.apply();
    await tunnel.reachesAll();
    expect((await status()).exitCode).toBe(0);
  });

  it('that runs with another key than its file has', async () => {
    await tunnel.hosts.node.sh('umask 077; wg genkey >/run/other; wg set wg0 private-key /run/other; rm /run/other');
    expect((await status()).states['gateway – node']).toMatchObject({
      ...{ state: 'down', at: ['node'] },
      problems: [expect.stringMatching(/wg0 of node runs with another key/)],
    });
    await tunnel.apply();
    await tunnel.reachesAll();
    expect((await status()).exitCode).toBe(0);
  });
});

it('says that a rotation was interrupted', async () => {
  const rotate = (given: Readonly<Record<string, unknown>>, stop = new AbortController()) =>
    tunnel.proceed((inventory) => rotateKeys({ inventory, drain: '5s' }) as unknown as Procedure, {
      given,
      stop: stop.signal,
      onProcedure: (event) => event.event === 'step-finished' && event.name === 'stage' && stop.abort(),
    });
  expect((await rotate({ maxAge: '0s' })).exitCode).toBe(130);
  const { exitCode, states } = await status();
  for (const spoke of ['nas', 'node'])
    expect(states[`gateway – ${spoke}`]).toMatchObject({
      state: 'rotating',
      problems: [expect.stringContaining('lab resume')],
    });
  expect(exitCode).toBe(2);
  expect((await rotate({ abort: true })).exitCode).toBe(0);
  expect((await status()).exitCode).toBe(0);
});

it('does not take what wg(8) does not tell for an interface that is down', async () => {
  await tunnel.hosts.node.sh('mv /usr/bin/wg /usr/bin/wg.away');
  const { exitCode, states, hosts, stderr } = await status();
  await tunnel.hosts.node.sh('mv /usr/bin/wg.away /usr/bin/wg');
  expect(hosts.map(({ error }) => error?.code)).toEqual([undefined, undefined, 'READ_FAILED']);
  expect(states['gateway – node']).toMatchObject({ state: 'up', views: [{ asked: true }, { asked: false }] });
  expect(stderr).toContain('READ_FAILED: node: wg(8) does not tell what wg0 does');
  expect(exitCode).toBe(3);
});

it('says what one end says when the other is down, and shows the others all the same', async () => {
  await tunnel.reachesAll();
  const { exitCode: paused } = await tryCommand(['docker', 'pause', tunnel.hosts.node.container]);
  expect(paused).toBe(0);
  await tunnel.hosts.gateway.sh('systemctl restart wg-quick@wg0');
  await tunnel.reaches('nas', 'gateway');
  const { exitCode, states, stderr } = await status();
  await tryCommand(['docker', 'unpause', tunnel.hosts.node.container]);
  expect(states['gateway – nas']?.state).toBe('up');
  expect(states['gateway – node']).toMatchObject({
    state: 'half',
    problems: [expect.stringMatching(/node could not be asked, .* \(no handshake yet\): lab doctor node/)],
  });
  expect(stderr).toContain('UNREACHABLE: node');
  expect(exitCode).toBe(3);
});
