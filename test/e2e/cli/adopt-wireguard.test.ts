import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  adoptedInventory,
  type HandMadeKeys,
  handMadeConfig,
  handMadeKeys,
  networkdFiles,
  presharedKey,
  startByHand,
} from '../../support/hand-made.ts';
import { type StartedHost, startHost } from '../../support/host.ts';
import { HostNetwork } from '../../support/host-network.ts';
import { eventsOf, type LabOutcome, type LabProject, lockFile, roleProject } from '../../support/lab-project.ts';
import { Traffic } from '../../support/traffic.ts';

// A hub, a spoke of wg-quick, a spoke of systemd-networkd and a phone that nobody logs in to, all made by hand.

type Name = 'hub' | 'nas' | 'node';
const names = ['hub', 'nas', 'node'] as const;
// An image that other tests have as well; iptables comes with ufw.
const packages = ['wireguard-tools', 'wireguard-go', 'iputils-ping', 'nftables', 'netcat-openbsd', 'ufw'];
let network: HostNetwork;
let hosts: Record<Name, StartedHost>;
let phone: StartedHost;
let project: LabProject;
const secrets: string[] = [];

beforeAll(async () => {
  network = await HostNetwork.create();
  const [hub, nas, node, last] = await Promise.all(
    [2, 3, 4, 5].map((number) => startHost({ packages, network: network.place(number) })),
  );
  if (hub === undefined || nas === undefined || node === undefined || last === undefined) throw new Error('no hosts');
  hosts = { hub, nas, node };
  phone = last;
  const keys = Object.fromEntries(
    await Promise.all(
      Object.entries({ ...hosts, phone }).map(async ([name, host]) => [name, await handMadeKeys(host)] as const),
    ),
  ) as Record<Name | 'phone', HandMadeKeys>;
  const [withNas, withPhone] = [await presharedKey(hub), await presharedKey(hub)];
  secrets.push(withNas, withPhone, ...Object.values(keys).map(({ privateKey }) => privateKey));
  const forward = 'iptables -A FORWARD -i %i -j ACCEPT';
  await hub.sh('sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1');
  await startByHand(
    hub,
    'wg0',
    handMadeConfig(
      keys.hub,
      [
        'Address = 10.90.0.1/24, fd90::1/64',
        'ListenPort = 51900',
        'SaveConfig = false',
        `PostUp = ${forward}`,
        `PostDown = ${forward.replace('-A', '-D')}`,
        `# the old key was ${keys.phone.privateKey}`,
      ],
      [
        {
          publicKey: keys.nas.publicKey,
          presharedKey: withNas,
          allowedIps: '10.90.0.2/32, fd90::2/128, 192.168.77.0/24',
        },
        { publicKey: keys.node.publicKey, allowedIps: '10.90.0.3/32' },
        {
          comment: "Ada's phone",
          publicKey: keys.phone.publicKey,
          presharedKey: withPhone,
          allowedIps: '10.90.0.50/32',
        },
      ],
    ),
  );
  const dialled = { publicKey: keys.hub.publicKey, endpoint: `${hub.address}:51900`, keepalive: 25 };
  await startByHand(
    nas,
    'wg0',
    handMadeConfig(
      keys.nas,
      ['Address = 10.90.0.2/32', 'Address = fd90::2/64', 'ListenPort = 51901'],
      [{ ...dialled, presharedKey: withNas, allowedIps: '10.90.0.0/24, fd90::/64' }],
    ),
  );
  await networkdFiles(node, 'wg0', keys.node, '10.90.0.3/24', {
    ...dialled,
    allowedIps: '10.90.0.0/24, 192.168.77.0/24',
  });
  await startByHand(
    phone,
    'wg0',
    handMadeConfig(
      keys.phone,
      ['Address = 10.90.0.50/32'],
      [{ ...dialled, presharedKey: withPhone, allowedIps: '10.90.0.0/24' }],
    ),
  );
  for (const host of [phone, nas, node]) await host.sh('until ping -c 1 -W 1 10.90.0.1; do :; done >/dev/null');
  project = roleProject({
    'inventory/index.ts': adoptedInventory(hosts, 'hosts: { hub: {}, nas: {}, node: {} },\n'),
    'inventory/lab.lock.yml': lockFile(hosts),
    'playbooks/site.ts': `import { definePlaybook } from 'labwright';
import wireguard from 'labwright/roles/wireguard';
import inventory from '../inventory/index.ts';
export default definePlaybook({ inventory, plays: [{ name: 'tunnel', hosts: 'all', roles: [wireguard()] }] });
`,
  });
});
afterAll(async () => {
  project?.remove();
  for (const host of [...Object.values(hosts ?? {}), phone]) await host?.remove();
  await network?.[Symbol.asyncDispose]();
});

const running = async () =>
  await Promise.all(
    names.map((name) =>
      hosts[name].sh(
        'wg show wg0 private-key; wg show wg0 preshared-keys | sort; wg show wg0 listen-port; cat /sys/class/net/wg0/ifindex',
      ),
    ),
  );

/** Whatever a command could have changed: files, packages, links, routes, rules. */
const whole = () =>
  Promise.all(
    names.map((name) =>
      hosts[name].sh(
        'find /etc /root /usr/local /var/lib -path /var/lib/systemd -prune -o -printf "%p %m %s %T@\\n" | sort | sha256sum; ip address; ip route show table all | sort; wg show all dump | cut -f 1-5 | sort; iptables-save | grep -v "^#"',
      ),
    ),
  );

function withoutSecrets({ stdout, stderr }: LabOutcome): string {
  for (const secret of secrets) expect(stdout + stderr).not.toContain(secret);
  return stdout + stderr;
}

it('shows what there is as entries of the inventory, and changes nothing', async () => {
  const before = await whole();
  const outcome = await project.lab(['adopt', 'wireguard']);
  expect(outcome.exitCode).toBe(0);
  withoutSecrets(outcome);
  expect(await whole()).toEqual(before);
  expect(outcome.stderr).toMatch(/hub:\/etc\/wireguard\/wg0\.conf:6 {2}PostUp = iptables .*\n +→ a flow/);
  project.write('inventory/index.ts', adoptedInventory(hosts, outcome.stdout));
  const again = await project.lab(['adopt', 'wireguard']);
  expect(again).toMatchObject({ exitCode: 0, stdout: '' });
});

it('is taken over by the first run with keys, ports and interfaces, and without a lost packet', async () => {
  const before = await running();
  const check = await project.lab(['run', 'site', '--check']);
  expect(check.exitCode).toBe(2);
  expect(withoutSecrets(check)).not.toContain('made on the host');
  const streams = [
    await Traffic.start(phone, '10.90.0.2'),
    await Traffic.start(hosts.nas, '10.90.0.1'),
    await Traffic.start(hosts.hub, '10.90.0.2'),
    await Traffic.start(hosts.hub, 'fd90::2'),
    await Traffic.start(hosts.node, '10.90.0.50'),
  ];
  const seen = await watchProcesses(hosts.hub);
  const refused = await project.lab(['adopt', 'wireguard', '--apply']);
  expect(refused).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('the inventory would change what runs'),
  });
  const run = await project.lab(['run', 'site']);
  expect(run, run.stdout + run.stderr).toMatchObject({ exitCode: 0 });
  withoutSecrets(run);
  const traffic = await Promise.all(streams.map((stream) => stream.end()));
  expect(traffic.map(({ lost }) => lost)).toEqual([0, 0, 0, 0, 0]);
  expect(await running()).toEqual(before);
  expect(await seen()).toBe('');
  for (const secret of secrets) expect(project.read('inventory/lab.lock.yml')).not.toContain(secret);
  const again = await project.lab(['run', 'site', '--check', '--output', 'json']);
  expect(again.exitCode).toBe(0);
  expect(eventsOf(again.stdout).filter(({ event }) => event === 'host-finished')).toHaveLength(3);
});

/** Looks at arguments and environments of all processes, again and again, until it is asked. */
async function watchProcesses(host: StartedHost): Promise<() => Promise<string>> {
  await host.exec(['sh', '-c', 'cat >/run/secrets'], `${secrets.join('\n')}\n`);
  await host.sh(
    `setsid sh -c 'until [ -e /run/stop ]; do cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr "\\0" "\\n" | grep -F -f /run/secrets; sleep 0.01; done >/run/seen; touch /run/stopped' >/dev/null 2>&1 </dev/null &`,
  );
  return () => host.sh('touch /run/stop; until [ -e /run/stopped ]; do sleep 0.1; done; cat /run/seen');
}
