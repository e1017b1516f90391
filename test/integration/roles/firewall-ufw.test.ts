import { afterAll, beforeAll, expect, it } from 'vitest';
import firewall from '../../../roles/firewall/role.ts';
import type { InventoryInput } from '../../../src/index.ts';
import { TunnelHosts } from '../../support/tunnel.ts';

const names = ['gateway', 'nas'] as const;
let tunnel: TunnelHosts<(typeof names)[number]>;
const use = firewall({ backend: 'ufw' });
type FlowInput = NonNullable<InventoryInput['flows']>[number];
const ssh: FlowInput = { from: 'internet', to: 'gateway', ports: 22, reason: 'administration' };
const page: FlowInput = { from: 'internet', to: 'gateway', ports: [8080, '8090-8095'], reason: 'it\'s a "page", ü' };

beforeAll(async () => {
  tunnel = await TunnelHosts.start(names, () => ({
    packages: ['wireguard-tools', 'wireguard-go', 'iputils-ping', 'nftables', 'netcat-openbsd', 'ufw'],
  }));
  tunnel.more = { flows: [ssh, page] };
  await tunnel.hosts.gateway.sh(`ufw allow 9999/tcp comment theirs
    for port in 8080 8081 8092 9999; do systemd-run -q nc -lk $port; done; sleep 1`);
});
afterAll(() => tunnel?.remove());

const open = async () => {
  const { address } = tunnel.hosts.gateway;
  const text = await tunnel.hosts.nas.sh(
    `for port in 22 8080 8081 8092 9999; do nc -z -w 2 ${address} $port && echo $port || :; done`,
  );
  return text.trim().split('\n').map(Number);
};
const apply = async (role = use) => {
  const { finished } = await tunnel.apply({ use: role, only: ['gateway'] });
  const [one] = finished;
  return one?.failure ?? [one?.status, one?.status === 'ok' ? one.roundTrips : undefined];
};

it('turns ufw on with what flows name, and leaves the rules of others', async () => {
  expect(await open()).toEqual([22, 8080, 8081, 8092, 9999]);
  expect(await apply()).toEqual(['changed', undefined]);
  expect(await open()).toEqual([22, 8080, 8092, 9999]);
  const status = await tunnel.hosts.gateway.sh('ufw status verbose');
  expect(status).toContain('Status: active');
  expect(status).toMatch(/8080,8090:8095\/tcp +ALLOW IN +Anywhere +# \[lab\] internet → gateway: it's a "page", ü/);
});

it('changes nothing the second time, in one round trip, also when ufw has written its files anew', async () => {
  expect(await apply()).toEqual(['ok', 1]);
  await tunnel.hosts.gateway.sh('ufw allow 9998/tcp comment theirs');
  expect(await apply()).toEqual(['ok', 1]);
});

it('takes away what no flow names any more, and cuts nothing', async () => {
  await tunnel.hosts.nas.sh(
    `systemd-run -q --unit=held sh -c 'while :; do echo x; sleep 0.1; done | nc ${tunnel.hosts.gateway.address} 8092'; sleep 1`,
  );
  tunnel.more = { flows: [ssh] };
  expect(await apply()).toEqual(['changed', undefined]);
  expect(await open()).toEqual([22, 9999]);
  expect(await tunnel.hosts.nas.sh('sleep 0.5; systemctl is-active held')).toBe('active\n');
  await tunnel.hosts.nas.sh('systemctl stop held');
  expect(await tunnel.hosts.gateway.sh('ufw status')).not.toContain('page');
});

it('notices rules that somebody else changed in the kernel, and brings them back', async () => {
  await tunnel.hosts.gateway.sh('iptables -I ufw-user-input -p tcp --dport 8081 -j ACCEPT');
  expect(await open()).toContain(8081);
  expect(await apply()).toEqual(['changed', undefined]);
  expect(await open()).toEqual([22, 9999]);
});

it('notices that somebody flushed what leads to its rules, and turns it on again', async () => {
  await tunnel.hosts.gateway.sh('nft flush ruleset');
  expect(await open()).toContain(8081);
  expect(await apply()).toEqual(['changed', undefined]);
  expect(await open()).toEqual([22, 9999]);
  expect(await apply()).toEqual(['ok', 1]);
});

it('refuses rules that would not let in the login in use', async () => {
  tunnel.more = { flows: [page] };
  expect(await apply()).toMatchObject({ code: 'PLAN_IMPOSSIBLE' });
  tunnel.more = { flows: [ssh, page] };
  expect(await open()).toEqual([22, 9999]);
});

it('is refused with Docker, whose published ports go past it', async () => {
  const { gateway } = tunnel.hosts;
  await gateway.sh('ln -s /bin/true /usr/local/bin/dockerd');
  const refused = await apply();
  await gateway.sh('rm /usr/local/bin/dockerd');
  expect(refused).toMatchObject({
    code: 'PLAN_IMPOSSIBLE',
    message: expect.stringContaining('ports that Docker publishes go past ufw'),
  });
});

it('is not mixed with a table of our own', async () => {
  expect(await apply(firewall())).toMatchObject({
    code: 'PLAN_IMPOSSIBLE',
    hint: expect.stringContaining("backend: 'ufw'"),
  });
});

it('holds after a boot', async () => {
  expect(await apply()).toEqual(['changed', undefined]);
  await tunnel.up('gateway');
  await tunnel.hosts.gateway.sh('for port in 8080 8081; do systemd-run -q nc -lk $port; done; sleep 1');
  expect(await open()).toEqual([22, 8080]);
  expect(await apply()).toEqual(['ok', 1]);
});

it('takes its own away with state "absent"', async () => {
  // Who administers it by another rule than ours.
  await tunnel.hosts.gateway.sh('ufw allow 22/tcp comment theirs');
  expect(await apply(firewall({ state: 'absent' }))).toEqual(['changed', undefined]);
  const status = await tunnel.hosts.gateway.sh('ufw status');
  expect(status).toContain('theirs');
  expect(status).not.toContain('[lab]');
});
