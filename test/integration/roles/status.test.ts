import { afterAll, beforeAll, expect, it } from 'vitest';
import { tryCommand } from '../../../src/sandbox/docker.ts';
import { type LabProject, labProject, lockFile } from '../../support/lab-project.ts';
import { TunnelHosts } from '../../support/tunnel.ts';

const names = ['gateway', 'nas', 'node'] as const;
let tunnel: TunnelHosts<(typeof names)[number]>;
let project: LabProject;

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

const status = async (...more: readonly string[]) => {
  const { exitCode, stdout, stderr } = await project.lab(['status', 'wireguard', '--output', 'json', ...more]);
  if (stdout === '') throw new Error(stderr);
  const { links } = JSON.parse(stdout) as {
    links: {
      ends: string[];
      state: string;
      problems: string[];
      endpoint: string;
      handshakeAge: number;
      keyAge: number;
    }[];
  };
  return { exitCode, stdout, states: Object.fromEntries(links.map((link) => [link.ends.join(' – '), link])) };
};

it('shows every link, and what wg(8) says of it', async () => {
  const { exitCode, states, stdout } = await status();
  expect(Object.entries(states).map(([name, { state }]) => [name, state])).toEqual([
    ['gateway – nas', 'up'],
    ['gateway – node', 'up'],
  ]);
  expect(exitCode).toBe(0);
  const endpoints = await tunnel.hosts.gateway.sh('wg show wg0 endpoints');
  expect(endpoints).toContain(states['gateway – nas']?.endpoint);
  for (const name of names) {
    const secrets = (await tunnel.hosts[name].sh('cat /etc/wireguard/*.key /etc/wireguard/*.psk')).trim().split('\n');
    for (const secret of secrets) expect(stdout).not.toContain(secret);
  }
});

it('names the side on which an interface is down, a peer is gone or a key is another one', async () => {
  await tunnel.hosts.nas.sh('systemctl stop wg-quick@wg0');
  await tunnel.hosts.gateway.sh(
    'wg set wg0 peer "$(cat /etc/wireguard/wg0.conf | sed -n \'/^# node$/,/^PublicKey/s/^PublicKey = //p\')" remove',
  );
  const broken = await status();
  expect(broken.states['gateway – nas']).toMatchObject({
    state: 'down',
    problems: [expect.stringMatching(/wg0 is down on nas/)],
  });
  expect(broken.states['gateway – node']).toMatchObject({
    state: 'down',
    problems: [expect.stringMatching(/node is no peer on wg0 of gateway/)],
  });
  expect(broken.exitCode).toBe(1);
  await tunnel.apply();
  await tunnel.reachesAll();
  await tunnel.hosts.node.sh(
    'wg genkey >/etc/wireguard/wg0.key; wg pubkey </etc/wireguard/wg0.key >/etc/wireguard/wg0.pub',
  );
  expect((await status()).states['gateway – node']).toMatchObject({
    state: 'down',
    problems: [expect.stringMatching(/gateway has another key of node/)],
  });
  await tunnel.apply();
});

it('says what one end says when the other is down', async () => {
  await tunnel.reachesAll();
  const { exitCode: stopped } = await tryCommand(['docker', 'pause', tunnel.hosts.node.container]);
  expect(stopped).toBe(0);
  await tunnel.hosts.gateway.sh('systemctl restart wg-quick@wg0');
  const { exitCode, states } = await status();
  expect(states['gateway – node']).toMatchObject({
    state: 'half',
    problems: [expect.stringMatching(/node could not be asked/)],
  });
  expect(exitCode).toBe(3);
  await tryCommand(['docker', 'unpause', tunnel.hosts.node.container]);
});
