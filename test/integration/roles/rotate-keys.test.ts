import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { rotateKeys } from '../../../roles/wireguard/role.ts';
import type { Procedure } from '../../../src/playbook/procedure.ts';
import { startHost } from '../../support/host.ts';
import { rolledBack } from '../../support/revert.ts';
import { Traffic } from '../../support/traffic.ts';
import { TunnelHosts } from '../../support/tunnel.ts';

const names = ['gateway', 'nas', 'node'] as const;
let tunnel: TunnelHosts<(typeof names)[number]>;

// A rotation waits for what is on its way, and hosts that boot for each other.
vi.setConfig({ testTimeout: 180_000 });

beforeAll(async () => {
  tunnel = await TunnelHosts.start(names);
  await tunnel.apply();
  await tunnel.reachesAll();
});
afterAll(() => tunnel?.remove());

const rotate = (given: Readonly<Record<string, unknown>>, options: Parameters<typeof tunnel.proceed>[1] = {}) =>
  tunnel.proceed((inventory) => rotateKeys({ inventory, drain: '5s' }) as unknown as Procedure, {
    given,
    ...options,
  });

/** Key pairs and preshared keys as they stand on a host: name → secret. */
const secretsOf = async (name: (typeof names)[number]) =>
  (await tunnel.hosts[name].sh('cat /etc/wireguard/*.key /etc/wireguard/*.psk')).trim().split('\n');
const interfacesOf = async (name: (typeof names)[number]) =>
  (await tunnel.hosts[name].sh('wg show interfaces')).trim().split(/\s+/).sort();
/** Where a host with one interface goes with new keys. */
const nextOf = async (name: (typeof names)[number]) => {
  const [now] = await interfacesOf(name);
  return now === 'wg0' ? 'wg0b' : 'wg0';
};
/**
 * What waits for a handshake that got lost waits for 5 s (REKEY_TIMEOUT, "WireGuard: Next Generation Kernel Network Tunnel", 6.1); less
 * is a busy machine.
 */
const lateMs = 4000;

it('has nothing to do while keys are young', async () => {
  const { exitCode, text } = await rotate({ maxAge: '1d' });
  expect([exitCode, text]).toEqual([0, 'prepared: \nexit 0: nothing to do ']);
});

it('says with --check which links are due and each step, and changes nothing', async () => {
  const before = await tunnel.hosts.gateway.sh('cat /etc/wireguard/*; ls /var/lib/lab/runs');
  const { exitCode, told } = await rotate({ maxAge: '0s' }, { check: true });
  expect(exitCode).toBe(2);
  expect(told[0]).toMatchObject({
    event: 'prepared',
    steps: [
      { name: 'make keys' },
      { name: 'stage' },
      { name: 'prove' },
      { name: 'cut over' },
      { name: 'confirm' },
      { name: 'drain' },
      { name: 'retire' },
    ],
  });
  expect(await tunnel.hosts.gateway.sh('cat /etc/wireguard/*; ls /var/lib/lab/runs')).toBe(before);
});

it('moves every link to new keys at a packet every 10 ms, and none is lost or late', async () => {
  const old = { gateway: await secretsOf('gateway'), nas: await secretsOf('nas'), node: await secretsOf('node') };
  const next = await nextOf('gateway');
  const flows = [
    ['gateway', 'nas'],
    ['nas', 'gateway'],
    ['node', 'gateway'],
    ['nas', 'node'],
  ] as const;
  const traffic = await Promise.all(
    flows.flatMap(([from, to]) =>
      ([4, 6] as const).map((family) => Traffic.start(tunnel.hosts[from], tunnel.inside(to, family))),
    ),
  );
  // The same beside the tunnel: what a busy machine delays or loses anyway.
  const beside = await Traffic.start(tunnel.hosts.nas, tunnel.hosts.gateway.address);
  const { exitCode, text } = await rotate({ maxAge: '0s' });
  const [usual, ...outcome] = await Promise.all([beside, ...traffic].map((each) => each.end()));
  expect(text).toContain('exit 0: 2 links have new keys');
  expect(exitCode).toBe(0);
  for (const { sent, lost, longestMs } of outcome) {
    expect(sent).toBeGreaterThan(100);
    expect(lost).toBeLessThanOrEqual(usual?.lost ?? 0);
    expect(longestMs).toBeLessThan(lateMs);
  }
  for (const name of names) {
    expect(await interfacesOf(name)).toEqual([next]);
    // Neither on the disk nor anywhere that is readable: the journal, logs, other programs' memory as far as it shows.
    for (const secret of old[name])
      expect(
        await tunnel.hosts[name].sh(`grep -r -l -F -e '${secret}' /etc /var /root /run /tmp 2>/dev/null || true`),
      ).toBe('');
    for (const secret of await secretsOf(name)) expect(JSON.stringify([...tunnel.known, text])).not.toContain(secret);
  }
});

it('leaves what the playbook declares: the next run changes nothing, in one round trip a host', async () => {
  const { finished } = await tunnel.apply();
  expect(finished.map(({ status, roundTrips, counts }) => [status, roundTrips, counts.orphans])).toEqual(
    names.map(() => ['ok', 1, 0]),
  );
});

it('comes back after a reboot of any host', async () => {
  await tunnel.up('node');
  await tunnel.up('gateway');
  await tunnel.reachesAll();
});

it('rotates the links of one host alone, and back to the first interface', async () => {
  const [next, stays] = [await nextOf('nas'), await interfacesOf('node')];
  const { exitCode, text } = await rotate({ maxAge: '0s' }, { limit: ['nas'] });
  expect(text).toContain('finished retire: old keys destroyed on gateway, nas');
  expect(exitCode).toBe(0);
  expect(await interfacesOf('nas')).toEqual([next]);
  expect(await interfacesOf('node')).toEqual(stays);
  expect(await interfacesOf('gateway')).toEqual(['wg0', 'wg0b']);
  await tunnel.reachesAll();
});

it('brings together again what was rotated at different times', async () => {
  const { exitCode } = await rotate({ maxAge: '0s' });
  expect(exitCode).toBe(0);
  expect(await interfacesOf('gateway')).toHaveLength(1);
  await tunnel.reachesAll();
  expect((await tunnel.apply()).finished.map(({ status }) => status)).toEqual(names.map(() => 'ok'));
});

it('destroys compromised keys without waiting', async () => {
  const [old = ''] = await secretsOf('nas');
  const { exitCode, text } = await rotate({ compromised: ['nas'] });
  expect(text).toContain('finished drain: left out: a key is compromised');
  expect(exitCode).toBe(0);
  expect(await secretsOf('nas')).not.toContain(old);
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
    const { exitCode, text } = await rotate({ maxAge: '0s' });
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
  /** Ends the controller's part after a step, as Ctrl-C would. */
  const interruptAfter = async (step: string) => {
    const stop = new AbortController();
    const { exitCode } = await rotate(
      { maxAge: '0s' },
      {
        stop: stop.signal,
        onProcedure: (event) => event.event === 'step-finished' && event.name === step && stop.abort(),
      },
    );
    expect(exitCode).toBe(130);
  };
  const activeOn = async (name: (typeof names)[number]) =>
    (
      await tunnel.hosts[name].sh("sed -n 's/^# link gateway \\([^ ]*\\) .* active .*/\\1/p' /etc/wireguard/*.links")
    ).trim();
  const publicKeys = () => tunnel.hosts.gateway.sh('cat /etc/wireguard/*.links /etc/wireguard/*.pub');

  it.each(['cut over'])('after "%s" is finished by another controller, which knows nothing of it', async (step) => {
    const before = await secretsOf('nas');
    await interruptAfter(step);
    await tunnel.reachesAll();
    tunnel.known.clear();
    const { exitCode, text } = await rotate({ onlyBegun: true });
    expect(text).toContain('a rotation was interrupted');
    expect(exitCode).toBe(0);
    for (const name of names) expect(await interfacesOf(name)).toHaveLength(1);
    for (const secret of before) expect(await secretsOf('nas')).not.toContain(secret);
    await tunnel.reachesAll();
  });

  it.each(['make keys', 'cut over'])('after "%s" is taken back', async (step) => {
    const before = await publicKeys();
    await interruptAfter(step);
    const { exitCode } = await rotate({ abort: true });
    expect(exitCode).toBe(0);
    expect(await publicKeys()).toBe(before);
    await tunnel.reachesAll();
    expect((await tunnel.apply()).finished.map(({ status }) => status)).toEqual(names.map(() => 'ok'));
  });

  it('after "cut over" goes back to the old keys by a rollback of the role, on every host', async () => {
    const before = await publicKeys();
    await interruptAfter('cut over');
    for (const name of names) await rolledBack(tunnel.hosts[name], { role: 'wireguard' });
    await tunnel.reachesAll();
    expect(await tunnel.hosts.nas.sh('ip route get 10.80.0.3')).toMatch(new RegExp(` dev ${await activeOn('nas')} `));
    expect((await rotate({ abort: true })).exitCode).toBe(0);
    expect(await publicKeys()).toBe(before);
  });

  it('after "make keys" is ended by destroying the keys that nobody uses', async () => {
    const before = await publicKeys();
    await interruptAfter('make keys');
    const { exitCode, text } = await rotate({ onlyBegun: true });
    expect([exitCode, text]).toEqual([0, expect.stringContaining('finished discard')]);
    expect(await publicKeys()).toBe(before);
  });

  it('is left alone by a run of the role, and there is nothing to finish when there is none', async () => {
    await interruptAfter('stage');
    const before = await publicKeys();
    expect((await tunnel.apply()).finished.map(({ status }) => status)).toEqual(names.map(() => 'ok'));
    expect(await publicKeys()).toBe(before);
    expect((await rotate({ onlyBegun: true })).exitCode).toBe(0);
    const { exitCode, text } = await rotate({ onlyBegun: true });
    expect([exitCode, text]).toEqual([0, 'prepared: \nexit 0: nothing to do ']);
  });
});

describe('what goes wrong', () => {
  it('takes everything back when new keys carry no packets', async () => {
    await tunnel.hosts.gateway.sh(
      'nft add table inet test; nft "add chain inet test in { type filter hook input priority 0; }"; nft add rule inet test in udp dport 51820-51823 ct state new drop',
    );
    const before = await tunnel.hosts.gateway.sh('cat /etc/wireguard/*.links /etc/wireguard/*.pub');
    const { exitCode, text } = await rotate({ maxAge: '0s' });
    await tunnel.hosts.gateway.sh('nft delete table inet test');
    expect(text).toMatch(/failed prove: the new link .* carries no packets/);
    expect(text).toContain('everything was taken back');
    expect(exitCode).toBe(1);
    expect(await tunnel.hosts.gateway.sh('cat /etc/wireguard/*.links /etc/wireguard/*.pub')).toBe(before);
    await tunnel.reachesAll();
    expect((await tunnel.apply()).finished.map(({ status }) => status)).toEqual(names.map(() => 'ok'));
  });

  it('leaves the link of a host that is down as it is, and moves it when the host is back', async () => {
    await tunnel.down('node');
    const { exitCode, text } = await rotate({ maxAge: '0s' });
    expect(text).toMatch(/gateway – node keeps its key: node does not answer/);
    expect(exitCode).toBe(3);
    await tunnel.reaches('gateway', 'nas');
    await tunnel.up('node');
    await tunnel.reachesAll();
    const again = await rotate({ maxAge: '0s' });
    expect(again.exitCode).toBe(0);
    await tunnel.reachesAll();
    expect(await interfacesOf('gateway')).toHaveLength(1);
  });
});
