import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { lateMs, RotatingHosts, rotatingNames } from '../../support/rotating-hosts.ts';
import { Traffic } from '../../support/traffic.ts';

let hosts: RotatingHosts;
let tunnel: RotatingHosts['tunnel'];

// A rotation waits for what is on its way, and hosts that boot for each other.
vi.setConfig({ testTimeout: 180_000 });

beforeAll(async () => {
  hosts = await RotatingHosts.start();
  tunnel = hosts.tunnel;
});
afterAll(() => hosts?.[Symbol.asyncDispose]());

it('has nothing to do while keys are young', async () => {
  const { exitCode, text } = await hosts.rotate({ maxAge: '1d' });
  expect([exitCode, text]).toEqual([0, 'prepared: \nexit 0: nothing to do ']);
});

it('says with --check which links are due and each step, and changes nothing', async () => {
  const before = await tunnel.hosts.gateway.sh('cat /etc/wireguard/*; ls /var/lib/lab/runs');
  const { exitCode, told } = await hosts.rotate({ maxAge: '0s' }, { check: true });
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
  const old = {
    gateway: await hosts.secretsOf('gateway'),
    nas: await hosts.secretsOf('nas'),
    node: await hosts.secretsOf('node'),
  };
  const next = await hosts.nextOf('gateway');
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
  const { exitCode, text } = await hosts.rotate({ maxAge: '0s' });
  const [usual, ...outcome] = await Promise.all([beside, ...traffic].map((each) => each.end()));
  expect(text).toContain('exit 0: 2 links have new keys');
  expect(exitCode).toBe(0);
  for (const { sent, lost, longestMs } of outcome) {
    expect(sent).toBeGreaterThan(100);
    expect(lost).toBeLessThanOrEqual(usual?.lost ?? 0);
    expect(longestMs).toBeLessThan(lateMs);
  }
  for (const name of rotatingNames) {
    expect(await hosts.interfacesOf(name)).toEqual([next]);
    // Neither on the disk nor anywhere that is readable: the journal, logs, other programs' memory as far as it shows.
    for (const secret of old[name])
      expect(
        await tunnel.hosts[name].sh(`grep -r -l -F -e '${secret}' /etc /var /root /run /tmp 2>/dev/null || true`),
      ).toBe('');
    for (const secret of await hosts.secretsOf(name))
      expect(JSON.stringify([...tunnel.known, text])).not.toContain(secret);
  }
});

it('leaves what the playbook declares: the next run changes nothing, in one round trip a host', async () => {
  const { finished } = await tunnel.apply();
  expect(finished.map(({ status, roundTrips, counts }) => [status, roundTrips, counts.orphans])).toEqual(
    rotatingNames.map(() => ['ok', 1, 0]),
  );
});

it('rotates the links of one host alone, and back to the first interface', async () => {
  const [next, stays] = [await hosts.nextOf('nas'), await hosts.interfacesOf('node')];
  const { exitCode, text } = await hosts.rotate({ maxAge: '0s' }, { limit: ['nas'] });
  expect(text).toContain('finished retire: old keys destroyed on gateway, nas');
  expect(exitCode).toBe(0);
  expect(await hosts.interfacesOf('nas')).toEqual([next]);
  expect(await hosts.interfacesOf('node')).toEqual(stays);
  expect(await hosts.interfacesOf('gateway')).toEqual(['wg0', 'wg0b']);
  await tunnel.reachesAll();
});

it('brings together again what was rotated at different times', async () => {
  const { exitCode } = await hosts.rotate({ maxAge: '0s' });
  expect(exitCode).toBe(0);
  expect(await hosts.interfacesOf('gateway')).toHaveLength(1);
  await tunnel.reachesAll();
  expect(await hosts.statuses()).toEqual(rotatingNames.map(() => 'ok'));
});

it('destroys compromised keys without waiting', async () => {
  const [old = ''] = await hosts.secretsOf('nas');
  const { exitCode, text } = await hosts.rotate({ compromised: ['nas'] });
  expect(text).toContain('finished drain: left out: a key is compromised');
  expect(exitCode).toBe(0);
  expect(await hosts.secretsOf('nas')).not.toContain(old);
  await tunnel.reachesAll();
});

it('is finished by another controller, which knows nothing of it, when the first was interrupted after the cut over', async () => {
  const before = await hosts.secretsOf('nas');
  expect(await hosts.interruptAfter('cut over')).toBe(130);
  await tunnel.reachesAll();
  tunnel.known.clear();
  const { exitCode, text } = await hosts.rotate({ onlyBegun: true });
  expect(text).toContain('a rotation was interrupted');
  expect(exitCode).toBe(0);
  for (const name of rotatingNames) expect(await hosts.interfacesOf(name)).toHaveLength(1);
  for (const secret of before) expect(await hosts.secretsOf('nas')).not.toContain(secret);
  await tunnel.reachesAll();
});

it('takes everything back when new keys carry no packets', async () => {
  await tunnel.hosts.gateway.sh(
    'nft add table inet test; nft "add chain inet test in { type filter hook input priority 0; }"; nft add rule inet test in udp dport 51820-51823 ct state new drop',
  );
  const before = await tunnel.hosts.gateway.sh('cat /etc/wireguard/*.links /etc/wireguard/*.pub');
  const { exitCode, text } = await hosts.rotate({ maxAge: '0s' });
  await tunnel.hosts.gateway.sh('nft delete table inet test');
  expect(text).toMatch(/failed prove: the new link .* carries no packets/);
  expect(text).toContain('everything was taken back');
  expect(exitCode).toBe(1);
  expect(await tunnel.hosts.gateway.sh('cat /etc/wireguard/*.links /etc/wireguard/*.pub')).toBe(before);
  await tunnel.reachesAll();
  expect(await hosts.statuses()).toEqual(rotatingNames.map(() => 'ok'));
});
