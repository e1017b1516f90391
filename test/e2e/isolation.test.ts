import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inside as runInside } from '../support/inside.ts';
import { type LabProject, roleProject } from '../support/lab-project.ts';
import { ownSandboxName } from '../support/sweep.ts';

// A home behind a router, a gateway outside, and a client that knows nothing: what each of them can reach, as nmap sees it, and
// under which address what leaves the home comes out.

const sandbox = ownSandboxName();
const run = promisify(execFile);
const at = {
  vps: { ipv4: '10.73.0.10', ipv6: 'fd73::10', inside: { ipv4: '10.83.0.1', ipv6: 'fd83::1' } },
  nas: { ipv4: '10.73.1.10', ipv6: 'fd73:0:0:1::10', inside: { ipv4: '10.83.0.10', ipv6: 'fd83::10' } },
  node: { ipv4: '10.73.1.11', ipv6: 'fd73:0:0:1::11' },
  client: { ipv4: '10.73.0.50', ipv6: 'fd73::32' },
} as const;

const inventory = `import { defineInventory } from 'labwright';
export default defineInventory({
  ssh: { user: 'root', identityFile: '.lab/sandbox-${sandbox}/id_ed25519' },
  // nmap is faster than anybody has to be.
  params: { firewall: { connectionRate: null, sshRate: null } },
  networks: {
    public: { prefixes: ['10.73.0.0/24', 'fd73::/64'], public: true },
    home: { prefixes: ['10.73.1.0/24', 'fd73:0:0:1::/64'] },
    vpn: { prefixes: ['10.83.0.0/24', 'fd83::/64'], tunnel: true },
  },
  hosts: {
    vps: { addresses: { public: ['10.73.0.10', 'fd73::10'], vpn: ['10.83.0.1', 'fd83::1'] } },
    nas: {
      addresses: { home: ['10.73.1.10', 'fd73:0:0:1::10'], vpn: ['10.83.0.10', 'fd83::10'] },
      params: { firewall: { internet: 'tunnel' } },
    },
    node: { addresses: { home: ['10.73.1.11', 'fd73:0:0:1::11'], vpn: ['10.83.0.11', 'fd83::11'] } },
  },
  services: { files: { host: 'nas', port: 445 } },
  flows: [
    { from: 'internet', to: 'vps', ports: 22, reason: 'administration' },
    { from: 'internet', to: 'vps', ports: 8080, reason: 'a container' },
    { from: 'home', to: ['nas', 'node'], ports: 22, reason: 'administration at home' },
    { from: 'node', to: 'files', reason: 'backups' },
    { from: 'vpn', to: 'nas', ports: 9100, reason: 'metrics' },
    { from: 'vpn', to: 'nas', ports: 5000, protocol: 'udp', reason: 'a stream' },
    { from: 'all', to: 'internet', ports: [80, 443, 8080], reason: 'updates' },
    { from: 'all', to: 'internet', ports: 53, protocol: 'udp', reason: 'names' },
  ],
});
`;
const site = `import { definePlaybook } from 'labwright';
import firewall from 'labwright/roles/firewall';
import wireguard from 'labwright/roles/wireguard';
import inventory from '../inventory/index.ts';
export default definePlaybook({ inventory, plays: [{ name: 'all', hosts: ['all'], roles: [wireguard, firewall] }] });
`;

/** A container as Docker has it: behind a bridge. */
const container = `ip link add docker0 type bridge && ip address add 172.18.0.1/16 dev docker0 && ip link set docker0 up
  ip netns add container && ip link add wire type veth peer name eth0 netns container && ip link set wire master docker0 up
  ip -n container address add 172.18.0.2/16 dev eth0 && ip -n container link set eth0 up && ip -n container link set lo up
  ip -n container route add default via 172.18.0.1`;
/** With two ports that it publishes; one of them nobody may reach. */
const publish = `${container}
  nft add table ip published; nft 'add chain ip published to { type nat hook prerouting priority dstnat; }'
  nft add rule ip published to fib daddr type local tcp dport '{ 8080, 8081 }' dnat to 172.18.0.2`;

let project: LabProject;
const lab = (...argv: string[]) => project.lab(argv);
const inside = (machine: string, command: string, timeout?: number) =>
  runInside(`${sandbox}-${machine}`, command, timeout);

beforeAll(async () => {
  project = roleProject({ 'inventory/index.ts': inventory, 'playbooks/site.ts': site });
  const up = await lab('sandbox', 'up', '--name', sandbox);
  expect(up).toMatchObject({ exitCode: 0 });
}, 240_000);
afterAll(async () => {
  await project?.lab(['sandbox', 'down', '--name', sandbox]);
  project?.remove();
}, 120_000);

it('is made from the model alone, and then nothing is left to do in one round trip a host', async () => {
  const first = await lab('run', 'site.ts', '--accept-new-host-keys', '--output', 'plain');
  expect(first).toMatchObject({ exitCode: 0 });
  const second = await lab('run', 'site.ts', '--output', 'plain');
  expect(second.stdout).toContain('3 hosts as declared, 0 changed');
  expect(second.stdout.match(/1 round trip,/g)).toHaveLength(3);
});

describe('what leaves the home', () => {
  const connect = (family: 'ipv4' | 'ipv6') =>
    `timeout 5 bash -c 'exec 3<>/dev/tcp/${at.client[family]}/8080 && head -c 200 <&3' 2>&1 || true`;
  beforeAll(async () => {
    // Whoever comes is told the address that it came from.
    const answer =
      'use IO::Socket::IP; my $s = IO::Socket::IP->new(LocalHost => "::", LocalPort => 8080, Listen => 9, ReuseAddr => 1, V6Only => 0) or die; while (my $c = $s->accept) { print $c $c->peerhost, "\\n"; close $c }';
    await inside('internet', `setsid perl -e '${answer}' >/dev/null 2>&1 </dev/null & sleep 0.5`);
    await inside(
      'router',
      `setsid tcpdump -l -n -i any '(src host ${at.nas.ipv4} and not dst net 10.73.1.0/24 or src host ${at.nas.ipv6} and not dst net fd73:0:0:1::/64 and not ip6 multicast) and not udp dst portrange 51820-51823' >/tmp/leaks 2>/dev/null </dev/null & sleep 1`,
    );
  });

  it.each(['ipv4', 'ipv6'] as const)('has the address of the gateway, where the model says so (%s)', async (family) => {
    expect(await inside('nas', connect(family))).toContain(at.vps[family]);
    expect(await inside('node', connect(family))).not.toContain(at.vps[family]);
  });

  it('is what containers send, too', async () => {
    // As Docker has it: a bridge, and a translation of what leaves it.
    await inside(
      'nas',
      `sysctl -qw net.ipv4.ip_forward=1; ${container}
      nft add table ip masked; nft 'add chain ip masked post { type nat hook postrouting priority srcnat; }'
      nft add rule ip masked post ip saddr 172.18.0.0/16 oifname != docker0 masquerade`,
    );
    expect(await inside('nas', `ip netns exec container ${connect('ipv4')}`)).toContain(at.vps.ipv4);
  });

  it('goes on through a rotation of keys', async () => {
    project.write(
      'playbooks/rotate-keys.ts',
      `import { rotateKeys } from 'labwright/roles/wireguard';
import inventory from '../inventory/index.ts';
export default rotateKeys({ inventory });
`,
    );
    const { exitCode, stdout } = await lab(
      'run',
      'rotate-keys.ts',
      '--max-age',
      '0s',
      '--drain',
      '1s',
      '--output',
      'plain',
    );
    expect({ exitCode, stdout }).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('links have new keys') });
    expect(await inside('nas', connect('ipv4'))).toContain(at.vps.ipv4);
    expect((await lab('run', 'site.ts', '--output', 'plain')).stdout).toContain('0 changed');
  });

  it('does not leave at all while the tunnel is down, and leaves nothing at the line of the home', async () => {
    await inside('nas', "systemctl stop 'wg-quick@*'");
    for (const family of ['ipv4', 'ipv6'] as const)
      expect(await inside('nas', connect(family))).toMatch(/No route to host|Permission denied|unreachable/);
    const outcome = await lab('run', 'site.ts', '--output', 'plain');
    expect(outcome).toMatchObject({ exitCode: 0 });
    await expect.poll(() => inside('nas', connect('ipv6')), { timeout: 20_000 }).toContain(at.vps.ipv6);
    expect(await inside('router', 'cat /tmp/leaks')).toBe('');
  });

  it('is as before after a reboot', async () => {
    await inside('nas', 'systemctl reboot').catch(() => {});
    // A container has its network before its system: a machine has its rules before its network.
    const isUp = () => inside('nas', 'systemctl is-active lab-firewall wg-quick@wg0b').catch(() => '');
    await expect.poll(isUp, { timeout: 60_000 }).toBe('active\nactive\n');
    await expect.poll(() => inside('nas', connect('ipv4')), { timeout: 20_000 }).toContain(at.vps.ipv4);
    expect((await lab('run', 'site.ts', '--output', 'plain')).stdout).toContain('0 changed');
    expect(await inside('router', 'cat /tmp/leaks')).toBe('');
  });
});

describe('what nmap finds', () => {
  /** Ports that answer, as open or closed: nothing else gets through. */
  async function reachable(from: string, address: string, words: string): Promise<string[]> {
    const six = address.includes(':') ? '-6' : '';
    const scan = `nmap ${six} -n -Pn ${words} -oG - ${address}`;
    const image = (
      await run('docker', ['inspect', '--format', '{{.Config.Image}}', `${sandbox}-internet`])
    ).stdout.trim();
    const argv = ['run', '--rm', '--network', `container:${sandbox}-${from}`, '--entrypoint', 'sh', image, '-c', scan];
    const { stdout } = await run('docker', argv, { timeout: 200_000 });
    return [...stdout.matchAll(/(\d+)\/(open|closed)\/(tcp|udp)\//g)].map(
      ([, port, , protocol]) => `${port}/${protocol}`,
    );
  }
  /** All ports in a hurry, in which a busy machine may lose an answer; those that are looked for with patience as well. */
  async function tcp(from: string, address: string, looked: readonly number[]): Promise<string[]> {
    const every = await reachable(from, address, '-sS -p- --min-rate 20000 --max-retries 1');
    const some = await reachable(from, address, `-sS -p ${looked.join(',')} --max-retries 6`);
    return [...new Set([...every, ...some])].sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
  }
  const udp = (from: string, address: string) =>
    reachable(from, address, '-sU -p 53,67,123,161,500,1900,4999-5001,5353,51820-51824 --max-retries 6');

  beforeAll(() => inside('vps', publish));

  it.each(['ipv4', 'ipv6'] as const)('from outside: what the internet may reach (%s)', async (family) => {
    expect(await tcp('internet', at.vps[family], [22, 8080])).toEqual(['22/tcp', '8080/tcp']);
    // The tunnel says nothing to strangers: those of its ports show on which nothing hears.
    expect(await udp('internet', at.vps[family])).toEqual(['51820/udp', '51822/udp', '51823/udp']);
  });

  it.each(['ipv4', 'ipv6'] as const)('from home (%s)', async (family) => {
    expect(await tcp('router', at.nas[family], [22])).toEqual(['22/tcp']);
    expect(await tcp('router', at.node[family], [22])).toEqual(['22/tcp']);
    expect(await udp('router', at.nas[family])).toEqual([]);
  });

  it.each(['ipv4', 'ipv6'] as const)('from inside the tunnel (%s)', async (family) => {
    expect(await tcp('node', at.nas.inside[family], [445, 9100])).toEqual(['445/tcp', '9100/tcp']);
    expect(await udp('node', at.nas.inside[family])).toEqual(['5000/udp']);
    expect(await tcp('nas', at.vps.inside[family], [22, 8080])).toEqual([]);
  });
});
