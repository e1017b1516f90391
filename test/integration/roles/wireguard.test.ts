import { afterAll, beforeAll, expect, it } from 'vitest';
import wireguard from '../../../roles/wireguard/role.ts';
import { rolledBack } from '../../support/revert.ts';
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

it('keeps every peer although nothing is remembered of it, as with a lock file that was lost', async () => {
  const remembered = new Map(tunnel.known);
  tunnel.known.clear();
  const { finished } = await tunnel.apply({ only: ['gateway'] });
  expect(finished.map(({ status }) => status)).toEqual(['ok']);
  expect((await tunnel.hosts.gateway.sh('wg show wg0 peers')).trim().split('\n')).toHaveLength(2);
  for (const [name, exports] of remembered) tunnel.known.set(name, exports);
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

it('lets those ping each other that the model connects, and nobody else', async () => {
  // An address of the tunnel that nobody in the model has, taken by a member.
  await tunnel.hosts.node.sh('ip address add 10.80.0.66/32 dev wg0');
  const answer = await tunnel.hosts.nas.sh('ping -c 2 -W 1 10.80.0.66 >/dev/null && echo answered || echo silence');
  await tunnel.hosts.node.sh('ip address del 10.80.0.66/32 dev wg0');
  expect(answer).toBe('silence\n');
});

it('comes up each time that it starts, whenever the kernel is done with its addresses', async () => {
  // The userspace implementation ends a moment after its interface.
  const ended = 'while [ -S /run/wireguard/wg0.sock ]; do sleep 0.02; done';
  await tunnel.hosts.nas.sh(
    `for _ in $(seq 30); do wg-quick down wg0 && { ${ended}; } && wg-quick up wg0 || exit 1; done`,
  );
  await tunnel.reachesAll();
});

it('follows an address that changes, on a tunnel that is up', async () => {
  const { hosts } = tunnel;
  const moved = { address: hosts.nas.address, addresses: { vpn: ['10.80.0.77', 'fd80::77'] } };
  tunnel.more = {
    hosts: {
      gateway: {
        addresses: { outside: hosts.gateway.address, vpn: [tunnel.inside('gateway'), tunnel.inside('gateway', 6)] },
      },
      nas: moved,
      node: { address: hosts.node.address, addresses: { vpn: [tunnel.inside('node'), tunnel.inside('node', 6)] } },
    },
  } as never;
  expect((await tunnel.apply()).finished.map(({ failure }) => failure)).toEqual([undefined, undefined, undefined]);
  for (const address of ['10.80.0.77', 'fd80::77'])
    await hosts.node.sh(`for _ in $(seq 20); do ping -c 1 -W 1 ${address} && exit 0; done; exit 1`);
  expect(await hosts.nas.sh('ip -br address show dev wg0')).not.toMatch(/10\.80\.0\.2\/|fd80::2\//);
  tunnel.more = {};
  expect((await tunnel.apply()).finished.map(({ failure }) => failure)).toEqual([undefined, undefined, undefined]);
  await tunnel.reachesAll();
});

it('loses one peer and no other when a preshared key is gone', async () => {
  const { gateway } = tunnel.hosts;
  const said = await gateway.sh('cd /etc/wireguard; mv wg0.node.psk /root; lab-wireguard sync wg0 2>&1 || echo failed');
  expect(said).toBe('lab-wireguard: no preshared key in /etc/wireguard/wg0.node.psk: its peer is left out\nfailed\n');
  expect((await gateway.sh('wg show wg0 peers')).trim().split('\n')).toHaveLength(1);
  await tunnel.reaches('nas', 'gateway');
  await gateway.sh('cd /etc/wireguard; mv /root/wg0.node.psk .; lab-wireguard sync wg0');
  await tunnel.reachesAll();
  expect((await tunnel.apply()).finished.map(({ status }) => status)).toEqual(['ok', 'ok', 'ok']);
});

const nothingLeft = async () => {
  for (const name of names) {
    expect(
      await tunnel.hosts[name].sh(
        'wg show interfaces; ls -A /etc/wireguard; ls /usr/local/sbin/lab-wireguard 2>/dev/null || true',
      ),
    ).toBe('');
    expect(
      await tunnel.hosts[name].sh('ip route show proto 76; systemctl list-units -q --no-legend "wg-quick@*"'),
    ).toBe('');
  }
};

it('is taken away with state "absent"', async () => {
  const { result } = await tunnel.apply({ use: wireguard({ state: 'absent' }) });
  expect(result.exitCode).toBe(0);
  await nothingLeft();
});

it('connects hosts that are worked on one after the other', async () => {
  const { result } = await tunnel.apply({ serial: 1 });
  expect(result.exitCode).toBe(0);
  // The first knows of the others when it is its turn again.
  expect((await tunnel.apply()).result.exitCode).toBe(0);
  await tunnel.reachesAll();
});

it('is rolled back to what there was before it', async () => {
  await tunnel.apply({ use: wireguard({ state: 'absent' }) });
  await tunnel.apply();
  await tunnel.reachesAll();
  for (const name of names) await rolledBack(tunnel.hosts[name], { role: 'wireguard' });
  await nothingLeft();
});
