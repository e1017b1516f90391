import { afterAll, beforeAll, expect, it } from 'vitest';
import { rotateKeys } from '../../../roles/wireguard/role.ts';
import { TunnelHosts } from '../../support/tunnel.ts';

let tunnel: TunnelHosts<'gateway' | 'nas' | 'node'>;

beforeAll(async () => {
  tunnel = await TunnelHosts.start(['gateway', 'nas', 'node']);
  await tunnel.apply();
  await tunnel.reachesAll();
});
afterAll(() => tunnel?.remove());

const rotate = (given: Readonly<Record<string, unknown>> = { maxAge: '0s', drain: '5s' }) =>
  tunnel.proceed((inventory) => rotateKeys({ inventory }) as never, { given });

it('moves all links to new keys and loses nothing', async () => {
  const before = await tunnel.hosts.nas.sh('cat /etc/wireguard/wg0.pub');
  const { exitCode, text } = await rotate();
  console.log(text);
  expect(text).toContain('exit 0');
  expect(exitCode).toBe(0);
  await tunnel.reachesAll();
  console.log(await tunnel.hosts.gateway.sh('wg show; ip route; ip -6 route; ls -la /etc/wireguard; cat /etc/wireguard/*.conf /etc/wireguard/wg0.links'));
  console.log(before);
  const { finished } = await tunnel.apply();
  expect(finished.map(({ status, roundTrips }) => [status, roundTrips])).toEqual([['ok', 1], ['ok', 1], ['ok', 1]]);
});
