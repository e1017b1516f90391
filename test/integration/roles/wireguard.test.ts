import { afterAll, beforeAll, expect, it } from 'vitest';
import wireguard from '../../../roles/wireguard/role.ts';
import { resolveInventory } from '../../../src/model/resolve-inventory.ts';
import type { Host } from '../../../src/model/types.ts';
import type { Play, Playbook } from '../../../src/playbook/contract.ts';
import type { RunEvent } from '../../../src/runner/events.ts';
import type { ExportMemory } from '../../../src/runner/exports.ts';
import { type RunOptions, run } from '../../../src/runner/run.ts';
import type { ConnectionSettings } from '../../../src/transport/contract.ts';
import { connect } from '../../../src/transport/index.ts';
import { type StartedHost, startHost } from '../../support/host.ts';

const inside = { gateway: '10.80.0.1', nas: '10.80.0.10', node: '10.80.0.11' } as const;
type Name = keyof typeof inside;
let hosts: Record<Name, StartedHost>;
/** In the place of the lock file. */
const known = new Map<string, Readonly<Record<string, string>>>();
const exportMemory: ExportMemory = {
  recall: (host) => known.get(host),
  remember: (host, _, exports) => void known.set(host, exports),
};

beforeAll(async () => {
  const packages = ['wireguard-tools', 'wireguard-go'];
  const start = () => startHost({ packages });
  const [gateway, nas, node] = await Promise.all([start(), start(), start()]);
  hosts = { gateway, nas, node };
});

afterAll(async () => {
  for (const host of Object.values(hosts ?? {})) await host.remove();
});

async function apply(more: Partial<RunOptions> & { readonly only?: readonly Name[] } = {}) {
  const inventory = resolveInventory(
    {
      networks: {
        outside: { prefixes: '172.16.0.0/12', public: true },
        vpn: { prefixes: '10.80.0.0/24', tunnel: true },
      },
      hosts: {
        gateway: { addresses: { outside: hosts.gateway.address, vpn: inside.gateway } },
        nas: { address: hosts.nas.address, addresses: { vpn: inside.nas } },
        node: { address: hosts.node.address, addresses: { vpn: inside.node } },
      },
    },
    { at: undefined },
  );
  const play: Play = { name: 'tunnel', hosts: ['all'], roles: [wireguard()], tags: [], at: undefined };
  const playbook: Playbook = { kind: 'playbook', name: 'tunnel', inventory, plays: [play], at: undefined };
  const events: RunEvent[] = [];
  const chosen = [...inventory.hosts.values()].filter(({ name }) => more.only?.includes(name as Name) ?? true);
  const result = await run({
    mode: 'run',
    playbook,
    hosts: chosen.map(
      (host): Host => ({ ...host, connection: hosts[host.name as Name].connection as ConnectionSettings }),
    ),
    playsOf: () => [play],
    exportMemory,
    connect: async ({ name, connection: settings }) => {
      const { hostKeys } = hosts[name as Name];
      const policy = { pinned: () => hostKeys, firstContact: async () => false };
      return { connection: await connect(name, settings, { hostKeys: policy }), settings };
    },
    onEvent: (event) => events.push(event),
    stop: new AbortController().signal,
    ...more,
  });
  return { result, events, finished: events.filter((event) => event.event === 'host-finished') };
}

/** Asked several times: who dialled before the other knew its key tries again after five seconds (WireGuard, REKEY_TIMEOUT). */
const reaches = (from: Name, to: Name) =>
  hosts[from].sh(
    `for i in 1 2 3 4 5 6 7 8 9 10 11 12; do ping -c 1 -W 1 ${inside[to]} >/dev/null && exit 0; done; exit 1`,
  );

it('connects all of them in one run, each with a key of its own that stays where it was made', async () => {
  const { result, finished } = await apply();
  expect(finished.map(({ status, failure }) => failure ?? status)).toEqual(['changed', 'changed', 'changed']);
  expect(finished.map(({ counts }) => counts.differences)).toEqual([0, 0, 0]);
  expect(result.exitCode).toBe(0);
  for (const [from, to] of [
    ['gateway', 'nas'],
    ['gateway', 'node'],
    ['nas', 'node'],
    ['node', 'gateway'],
  ] as const)
    await reaches(from, to);
  const key = (await hosts.nas.sh('cat /etc/wireguard/wg0.key')).trim();
  expect(await hosts.nas.sh(`grep -r -l -F '${key}' /etc /var/lib/lab /var/log /root || true`)).toBe(
    '/etc/wireguard/wg0.key\n',
  );
  expect(await hosts.nas.sh('stat -c %a /etc/wireguard/wg0.key /etc/wireguard/wg0.conf')).toBe('600\n600\n');
  expect(JSON.stringify([...known])).not.toContain(key);
});

it('changes nothing the second time, in one round trip a host', async () => {
  const { finished } = await apply();
  expect(finished.map(({ status, roundTrips }) => [status, roundTrips])).toEqual([
    ['ok', 1],
    ['ok', 1],
    ['ok', 1],
  ]);
});

it('keeps every peer when a run reaches one host alone', async () => {
  const { finished } = await apply({ only: ['gateway'] });
  expect(finished.map(({ status }) => status)).toEqual(['ok']);
  expect((await hosts.gateway.sh('wg show wg0 peers')).trim().split('\n')).toHaveLength(2);
});

it('brings the others to a key that was made anew, without a new start of the interface', async () => {
  const since = await hosts.gateway.sh('systemctl show -p ActiveEnterTimestampMonotonic --value wg-quick@wg0');
  await hosts.node.sh('rm /etc/wireguard/wg0.key /etc/wireguard/wg0.pub; systemctl stop wg-quick@wg0');
  const { result } = await apply();
  expect(result.exitCode).toBe(0);
  await reaches('gateway', 'node');
  await reaches('nas', 'node');
  const now = await hosts.gateway.sh('systemctl show -p ActiveEnterTimestampMonotonic --value wg-quick@wg0');
  expect(now).toBe(since);
});
