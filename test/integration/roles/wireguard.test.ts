import { afterAll, beforeAll, expect, it } from 'vitest';
import { TunnelHosts } from '../../support/tunnel.ts';

const names = ['gateway', 'nas', 'node'] as const;
let tunnel: TunnelHosts<(typeof names)[number]>;

beforeAll(async () => {
  tunnel = await TunnelHosts.start(names);
});
afterAll(() => tunnel?.remove());

it('connects all of them in one run, each with a key of its own that stays where it was made', async () => {
  const { result, finished } = await tunnel.apply();
  expect(finished.map(({ status, failure }) => failure ?? status)).toEqual(['changed', 'changed', 'changed']);
  expect(finished.map(({ counts }) => counts.differences)).toEqual([0, 0, 0]);
  expect(result.exitCode).toBe(0);
  await tunnel.reachesAll();
  const key = (await tunnel.hosts.nas.sh('cat /etc/wireguard/wg0.key')).trim();
  expect(await tunnel.hosts.nas.sh(`grep -r -l -F '${key}' /etc /var/lib/lab /var/log /root || true`)).toBe(
    '/etc/wireguard/wg0.key\n',
  );
  expect(await tunnel.hosts.nas.sh('stat -c %a /etc/wireguard/wg0.key /etc/wireguard/wg0.conf')).toBe('600\n600\n');
  expect(JSON.stringify([...tunnel.known])).not.toContain(key);
});

it('changes nothing the second time, in one round trip a host', async () => {
  const { finished } = await tunnel.apply();
  expect(finished.map(({ status, roundTrips }) => [status, roundTrips])).toEqual([
    ['ok', 1],
    ['ok', 1],
    ['ok', 1],
  ]);
});

it('keeps every peer when a run reaches one host alone', async () => {
  const { finished } = await tunnel.apply({ only: ['gateway'] });
  expect(finished.map(({ status }) => status)).toEqual(['ok']);
  expect((await tunnel.hosts.gateway.sh('wg show wg0 peers')).trim().split('\n')).toHaveLength(2);
});

it('brings the others to a key that was made anew, without a new start of the interface', async () => {
  const since = await tunnel.hosts.gateway.sh('systemctl show -p ActiveEnterTimestampMonotonic --value wg-quick@wg0');
  await tunnel.hosts.node.sh('rm /etc/wireguard/wg0.key /etc/wireguard/wg0.pub; systemctl stop wg-quick@wg0');
  const { result } = await tunnel.apply();
  expect(result.exitCode).toBe(0);
  await tunnel.reaches('gateway', 'node');
  await tunnel.reaches('nas', 'node');
  const now = await tunnel.hosts.gateway.sh('systemctl show -p ActiveEnterTimestampMonotonic --value wg-quick@wg0');
  expect(now).toBe(since);
});
