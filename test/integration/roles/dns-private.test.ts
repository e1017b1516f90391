import { afterAll, beforeAll, expect, it } from 'vitest';
import dns from '../../../roles/dns/role.ts';
import wireguard from '../../../roles/wireguard/role.ts';
import { HostNetwork } from '../../support/host-network.ts';
import { TunnelHosts } from '../../support/tunnel.ts';

// Real resolvers behind a real tunnel: a gateway and a host at home answer, a third host asks.

const names = ['vps', 'nas', 'node'] as const;
let network: HostNetwork;
let tunnel: TunnelHosts<(typeof names)[number]>;

beforeAll(async () => {
  network = await HostNetwork.create();
  tunnel = await TunnelHosts.start(names, (name) => ({ network: network.place(10 + names.indexOf(name)) }));
  tunnel.more = { params: { dns: { resolvers: ['vps', 'nas'] } } };
  await tunnel.apply({ use: wireguard() });
}, 240_000);
afterAll(async () => {
  await tunnel?.remove();
  await network?.[Symbol.asyncDispose]();
});

const apply = async () => {
  const { finished, events } = await tunnel.apply({ use: dns() });
  return { finished, events, states: finished.map(({ status, failure }) => failure ?? status) };
};

it('makes resolvers, and then hosts that ask them, in one run', async () => {
  const { states } = await apply();
  expect(states).toEqual(['changed', 'changed', 'changed']);
  expect(await tunnel.hosts.node.sh('cat /etc/resolv.conf; getent ahosts nas.home.arpa')).toContain('10.80.0.2');
});

it('changes nothing the second time, in one round trip a host', async () => {
  const { finished } = await apply();
  expect(finished.map(({ status, roundTrips }) => [status, roundTrips])).toEqual([
    ['ok', 1],
    ['ok', 1],
    ['ok', 1],
  ]);
});
