import { afterAll, beforeAll, expect, it } from 'vitest';
import { type HandMadeKeys, handMadeConfig, handMadeKeys, presharedKey, startByHand } from '../../support/hand-made.ts';
import { type StartedHost, startHost } from '../../support/host.ts';
import { rolledBack } from '../../support/revert.ts';
import { Traffic } from '../../support/traffic.ts';
import { TunnelHosts } from '../../support/tunnel.ts';

const names = ['gateway', 'nas'] as const;
let tunnel: TunnelHosts<(typeof names)[number]>;
let phone: StartedHost;
const secrets: string[] = [];
let keys: Record<'gateway' | 'nas' | 'phone', HandMadeKeys>;

const packages = ['wireguard-tools', 'wireguard-go', 'iputils-ping', 'iptables'];

beforeAll(async () => {
  tunnel = await TunnelHosts.start(names, () => ({ packages }));
  phone = await startHost({ packages, network: tunnel.beside(200) });
  const { gateway, nas } = tunnel.hosts;
  keys = {
    gateway: await handMadeKeys(gateway),
    nas: await handMadeKeys(nas),
    phone: await handMadeKeys(phone),
  };
  const withNas = await presharedKey(gateway);
  secrets.push(withNas, ...Object.values(keys).map(({ privateKey }) => privateKey));
  const forward = 'iptables -A FORWARD -i %i -j ACCEPT';
  // Of a new interface, for wg-quick(8); some engines turn it off.
  const ipv6 = 'net.ipv6.conf.default.disable_ipv6=0';
  for (const host of [gateway, nas, phone]) await host.sh(`sysctl -q -w ${ipv6}`);
  await gateway.sh('sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1');
  await startByHand(
    gateway,
    'wg0',
    handMadeConfig(
      keys.gateway,
      [
        'Address = 10.80.0.1/24, fd80::1/64',
        'ListenPort = 51900',
        `PostUp = ${forward}`,
        `PostDown = ${forward.replace('-A', '-D')}`,
      ],
      [
        {
          comment: 'nas',
          publicKey: keys.nas.publicKey,
          presharedKey: withNas,
          allowedIps: '10.80.0.2/32, fd80::2/128',
        },
        { comment: "Ada's phone", publicKey: keys.phone.publicKey, allowedIps: '10.80.0.50/32' },
      ],
    ),
  );
  const hub = { publicKey: keys.gateway.publicKey, endpoint: `${gateway.address}:51900` };
  await startByHand(
    nas,
    'wg0',
    handMadeConfig(
      keys.nas,
      ['Address = 10.80.0.2/32', 'Address = fd80::2/64'],
      [{ ...hub, presharedKey: withNas, allowedIps: '10.80.0.0/24, fd80::/64', keepalive: 25 }],
    ),
  );
  await startByHand(
    phone,
    'wg0',
    handMadeConfig(keys.phone, ['Address = 10.80.0.50/32'], [{ ...hub, allowedIps: '10.80.0.0/24', keepalive: 25 }]),
  );
  tunnel.more = {
    devices: { phone: { addresses: { vpn: '10.80.0.50' } } },
    params: { wireguard: { port: 51900 } },
  };
  await phone.sh('until ping -c 1 -W 1 10.80.0.2; do :; done');
  await tunnel.reachesAll();
});
afterAll(async () => {
  await phone?.remove();
  await tunnel?.remove();
});

it('keeps keys, port and interface, and loses no packet', async () => {
  const { gateway, nas } = tunnel.hosts;
  const before = { gateway: await runningKeys(gateway), nas: await runningKeys(nas) };
  const streams = [
    await Traffic.start(phone, '10.80.0.2'),
    await Traffic.start(nas, '10.80.0.1'),
    await Traffic.start(gateway, '10.80.0.2'),
    await Traffic.start(gateway, 'fd80::2'),
    await Traffic.start(nas, 'fd80::1'),
  ];
  const { finished, events } = await tunnel.apply();
  expect(finished.map(({ status, failure }) => failure ?? status)).toEqual(['changed', 'changed']);
  expect(finished.map(({ counts }) => counts.differences)).toEqual([0, 0]);
  const traffic = await Promise.all(streams.map((stream) => stream.end()));
  expect(traffic.map(({ lost }) => lost)).toEqual([0, 0, 0, 0, 0]);
  expect({ gateway: await runningKeys(gateway), nas: await runningKeys(nas) }).toEqual(before);
  for (const secret of secrets) expect(JSON.stringify([events, [...tunnel.known]])).not.toContain(secret);
});

it('plans nothing the second time', async () => {
  const { finished } = await tunnel.apply();
  expect(finished.map(({ status, roundTrips }) => [status, roundTrips])).toEqual([
    ['ok', 1],
    ['ok', 1],
  ]);
});

async function runningKeys(host: StartedHost): Promise<string> {
  const look =
    'wg show wg0 private-key; wg show wg0 preshared-keys | sort; wg show wg0 listen-port; cat /sys/class/net/wg0/ifindex';
  return await host.sh(look);
}

it('is rolled back to what was made by hand', async () => {
  for (const name of names) await rolledBack(tunnel.hosts[name], { role: 'wireguard' });
  await tunnel.reachesAll();
});
