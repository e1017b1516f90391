import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startHost } from '../support/host.ts';
import { rolledBack } from '../support/revert.ts';
import { lateMs, RotatingHosts, type RotatingName, rotatingNames } from '../support/rotating-hosts.ts';
import { Traffic } from '../support/traffic.ts';

let hosts: RotatingHosts;
let tunnel: RotatingHosts['tunnel'];

// A rotation waits for what is on its way, and hosts that boot for each other.
vi.setConfig({ testTimeout: 180_000 });

beforeAll(async () => {
  hosts = await RotatingHosts.start();
  tunnel = hosts.tunnel;
});
afterAll(() => hosts?.[Symbol.asyncDispose]());

it('comes back after a reboot of any host, with keys of a rotation', async () => {
  expect((await hosts.rotate({ maxAge: '0s' })).exitCode).toBe(0);
  await tunnel.up('node');
  await tunnel.up('gateway');
  await tunnel.reachesAll();
});

it('loses nothing either of what the gateway translates for somebody outside, while lab itself comes through the tunnel', async () => {
  await using client = await startHost({
    network: tunnel.beside(200),
    packages: ['wireguard-tools', 'wireguard-go', 'iputils-ping'],
  });
  const { gateway } = tunnel.hosts;
  await client.sh(`ip route add 10.80.0.0/24 via ${gateway.address}`);
  await gateway.sh(
    `nft add table ip test; nft 'add chain ip test out { type nat hook postrouting priority 100; }'
    nft add rule ip test out ip saddr ${client.address} ip daddr 10.80.0.0/24 snat to ${tunnel.inside('gateway')}`,
  );
  tunnel.isManagedInside = true;
  try {
    const traffic = await Promise.all([
      Traffic.start(client, tunnel.inside('nas')),
      Traffic.start(client, tunnel.inside('node')),
    ]);
    const beside = await Traffic.start(client, gateway.address);
    const { exitCode, text } = await hosts.rotate({ maxAge: '0s' });
    const [usual, ...outcome] = await Promise.all([beside, ...traffic].map((each) => each.end()));
    expect(text).toContain('exit 0');
    expect(exitCode).toBe(0);
    for (const { sent, lost, longestMs } of outcome) {
      expect(sent).toBeGreaterThan(100);
      expect(lost).toBeLessThanOrEqual(usual?.lost ?? 0);
      expect(longestMs).toBeLessThan(lateMs);
    }
  } finally {
    tunnel.isManagedInside = false;
    await gateway.sh('nft delete table ip test');
  }
});

describe('a rotation that is interrupted', () => {
  const activeOn = async (name: RotatingName) =>
    (
      await tunnel.hosts[name].sh("sed -n 's/^# link gateway \\([^ ]*\\) .* active .*/\\1/p' /etc/wireguard/*.links")
    ).trim();

  it.each(['make keys', 'cut over'])('after "%s" is taken back', async (step) => {
    const before = await hosts.publicKeys();
    expect(await hosts.interruptAfter(step)).toBe(130);
    const { exitCode } = await hosts.rotate({ abort: true });
    expect(exitCode).toBe(0);
    expect(await hosts.publicKeys()).toBe(before);
    await tunnel.reachesAll();
    expect(await hosts.statuses()).toEqual(rotatingNames.map(() => 'ok'));
  });

  it('after "cut over" goes back to the old keys by a rollback of the role, on every host', async () => {
    const before = await hosts.publicKeys();
    expect(await hosts.interruptAfter('cut over')).toBe(130);
    for (const name of rotatingNames) await rolledBack(tunnel.hosts[name], { role: 'wireguard' });
    await tunnel.reachesAll();
    expect(await tunnel.hosts.nas.sh('ip route get 10.80.0.3')).toMatch(new RegExp(` dev ${await activeOn('nas')} `));
    expect((await hosts.rotate({ abort: true })).exitCode).toBe(0);
    expect(await hosts.publicKeys()).toBe(before);
  });

  it('after "make keys" is ended by destroying the keys that nobody uses', async () => {
    const before = await hosts.publicKeys();
    expect(await hosts.interruptAfter('make keys')).toBe(130);
    const { exitCode, text } = await hosts.rotate({ onlyBegun: true });
    expect([exitCode, text]).toEqual([0, expect.stringContaining('finished discard')]);
    expect(await hosts.publicKeys()).toBe(before);
  });

  it('is left alone by a run of the role, and there is nothing to finish when there is none', async () => {
    expect(await hosts.interruptAfter('stage')).toBe(130);
    const before = await hosts.publicKeys();
    expect(await hosts.statuses()).toEqual(rotatingNames.map(() => 'ok'));
    expect(await hosts.publicKeys()).toBe(before);
    expect((await hosts.rotate({ onlyBegun: true })).exitCode).toBe(0);
    const { exitCode, text } = await hosts.rotate({ onlyBegun: true });
    expect([exitCode, text]).toEqual([0, 'prepared: \nexit 0: nothing to do ']);
  });
});

it('leaves the link of a host that is down as it is, and moves it when the host is back', async () => {
  await tunnel.down('node');
  const { exitCode, text } = await hosts.rotate({ maxAge: '0s' });
  expect(text).toMatch(/gateway – node keeps its key: node does not answer/);
  expect(exitCode).toBe(3);
  await tunnel.reaches('gateway', 'nas');
  await tunnel.up('node');
  await tunnel.reachesAll();
  const again = await hosts.rotate({ maxAge: '0s' });
  expect(again.exitCode).toBe(0);
  await tunnel.reachesAll();
  expect(await hosts.interfacesOf('gateway')).toHaveLength(1);
});
