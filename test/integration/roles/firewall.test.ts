import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import firewall from '../../../roles/firewall/role.ts';
import { type LabProject, labProject, lockFile } from '../../support/lab-project.ts';
import { TunnelHosts } from '../../support/tunnel.ts';

const names = ['gateway', 'nas'] as const;
let tunnel: TunnelHosts<(typeof names)[number]>;
const use = firewall();
let project: LabProject;

beforeAll(async () => {
  tunnel = await TunnelHosts.start(names, () => ({
    packages: ['wireguard-tools', 'wireguard-go', 'iputils-ping', 'nftables', 'netcat-openbsd'],
  }));
  tunnel.more = {
    flows: [
      { from: 'internet', to: 'gateway', ports: 22, reason: 'administration' },
      { from: 'internet', to: 'gateway', ports: 8080, reason: 'a page' },
    ],
  };
});
afterAll(async () => {
  project?.remove();
  await tunnel?.remove();
});

const answers = (port: number) =>
  tunnel.hosts.nas.sh(`nc -z -w 2 ${tunnel.hosts.gateway.address} ${port} && echo open || echo shut`);

it('lets in what a flow names, and nothing else', async () => {
  await tunnel.hosts.gateway.sh('systemd-run -q nc -lk 8080; systemd-run -q nc -lk 8081; sleep 1');
  expect(await answers(8081)).toBe('open\n');
  const { finished } = await tunnel.apply({ use, only: ['gateway'] });
  expect(finished.map(({ status, failure }) => failure ?? status)).toEqual(['changed']);
  expect([await answers(22), await answers(8080), await answers(8081)]).toEqual(['open\n', 'open\n', 'shut\n']);
});

it('changes nothing the second time, in one round trip', async () => {
  const { finished } = await tunnel.apply({ use, only: ['gateway'] });
  expect(finished.map(({ status, roundTrips }) => [status, roundTrips])).toEqual([['ok', 1]]);
});

describe('lab verify firewall', () => {
  const verify = (...words: string[]) => project.lab(['verify', 'firewall', '--limit', 'gateway', ...words]);
  beforeAll(() => {
    project = labProject({
      'inventory/index.ts': tunnel.inventoryModule(),
      'inventory/lab.lock.yml': lockFile(tunnel.hosts),
    });
  });

  it('finds that nothing but what a flow names is let in, and leaves nothing behind', async () => {
    const { exitCode, stdout, stderr } = await verify();
    expect({ exitCode, stdout, stderr }).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('as declared') });
    const [, whole, entered, sent, stray, strangers] =
      /gateway +((\d+) of (\d+) let in) +(\d+) of (\d+) let in/.exec(stdout) ?? [];
    expect([entered === sent && Number(sent) > 0, stray, Number(strangers) > 20], whole).toEqual([true, '0', true]);
    expect(await tunnel.hosts.gateway.sh('nft list tables')).not.toContain('verify');
  });

  it('tells what is let in without a flow, and which flow is blocked', async () => {
    await tunnel.hosts.gateway.sh(`nft insert rule inet lab input udp dport 5353 accept
      nft insert rule inet lab input tcp dport 8080 drop`);
    const { exitCode, stdout } = await verify('--ports', '5353', '--output', 'json');
    const { findings } = JSON.parse(stdout);
    await tunnel.hosts.gateway.sh('lab-firewall load');
    expect(exitCode).toBe(1);
    const told = findings.map(({ kind, protocol, port, reason }: Record<string, unknown>) => ({
      kind,
      protocol,
      port,
      reason,
    }));
    expect(told).toContainEqual({ kind: 'open', protocol: 'udp', port: 5353, reason: null });
    expect(told).toContainEqual({ kind: 'blocked', protocol: 'tcp', port: 8080, reason: 'a page' });
    expect(new Set(told.map(({ port }: { port: number }) => port))).toEqual(new Set([5353, 8080]));
  });

  it('judges what is passed on to somewhere else by the port that was asked for, as Docker publishes it', async () => {
    const { gateway, nas } = tunnel.hosts;
    await gateway.sh(`sysctl -qw net.ipv4.ip_forward=1
      nft add table ip published
      nft 'add chain ip published to { type nat hook prerouting priority dstnat; }'
      nft add rule ip published to tcp dport '{ 8080, 8091, 8092 }' dnat to ${nas.address}:80
      nft insert rule inet lab forward meta l4proto tcp ct original proto-dst 8091 accept`);
    const { exitCode, stdout, stderr } = await verify('--ports', '8091-8092', '--output', 'json');
    await gateway.sh('nft delete table ip published; lab-firewall load');
    const { findings, verdicts } = JSON.parse(stdout);
    // The engine has one of its own there, for its name server.
    expect(verdicts[0].tables).toContain('ip published');
    const told = findings.map(({ kind, port }: Record<string, unknown>) => `${kind} ${port}`);
    expect({ exitCode, stderr, told: [...new Set(told)] }).toEqual({ exitCode: 1, stderr: '', told: ['open 8091'] });
  });

  it('says what it cannot prove: a host that does not note what comes', async () => {
    await tunnel.hosts.gateway.sh('mv /usr/sbin/nft /usr/sbin/nft.away');
    const { exitCode, stderr } = await verify();
    await tunnel.hosts.gateway.sh('mv /usr/sbin/nft.away /usr/sbin/nft');
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('READ_FAILED') });
  });
});

it('lets nothing in, cuts nothing and loses nothing while its rules change', async () => {
  const { gateway, nas } = tunnel.hosts;
  const { more } = tunnel;
  const flows = (...ports: number[]) => [
    { from: 'internet', to: 'gateway', ports: 22, reason: 'administration' },
    { from: 'internet', to: 'gateway', ports, reason: 'a page' },
    { from: 'internet', to: 'gateway', ports: 8083, protocol: 'udp' as const, reason: 'a stream' },
  ];
  const change = async (...ports: number[]) => {
    tunnel.more = { flows: flows(...ports) };
    const { finished } = await tunnel.apply({ use: firewall({ connectionRate: null }), only: ['gateway'] });
    expect(finished.map(({ status, failure }) => failure ?? status)).toEqual(['changed']);
  };
  await change(8080);
  // Behind all rules: what comes here was let in.
  const { exitCode, stderr } = await gateway.exec(['nft', '-f', '-'], counters);
  expect([exitCode, stderr]).toEqual([0, '']);
  await gateway.sh(
    'systemd-run -q sh -c "nc -l 8082 >/root/held"; sleep 0.5; nft insert rule inet lab input tcp dport 8082 accept',
  );
  await nas.exec(['sh', '-c', 'cat >/root/probe.pl'], probeEveryMillisecond);
  await nas.sh(`systemd-run -q --unit=held sh -c 'while :; do echo x; sleep 0.05; done | nc ${gateway.address} 8082'
    sleep 1; systemd-run -q --unit=probe sh -c 'exec perl /root/probe.pl ${gateway.address} >/root/sent'; sleep 0.5`);
  for (const ports of [[8080, 9000], [9000], [8080]]) await change(...ports);
  await gateway.sh('for _ in $(seq 100); do lab-firewall load; done');
  const { length } = await gateway.sh('cat /root/held');
  await nas.sh('systemctl kill -s INT probe; until [ -s /root/sent ]; do sleep 0.1; done; systemctl is-active held');
  const sent = Number(await nas.sh('cat /root/sent'));
  const packets = async (table: string) =>
    [...(await gateway.sh(`nft list table inet ${table}`)).matchAll(/packets (\d+)/g)].map(([, count]) =>
      Number(count),
    );
  expect(await packets('counted')).toEqual([0, sent]);
  expect((await packets('came'))[0]).toBeGreaterThan(1000);
  expect((await gateway.sh('sleep 0.5; cat /root/held')).length).toBeGreaterThan(length);
  await nas.sh('systemctl stop held');
  await gateway.sh('nft delete table inet counted; nft delete table inet came');
  tunnel.more = more;
  await tunnel.apply({ use, only: ['gateway'] });
}, 180_000);

it('notices rules that somebody else changed, and brings them back', async () => {
  await tunnel.hosts.gateway.sh('nft insert rule inet lab input tcp dport 8081 accept');
  expect(await answers(8081)).toBe('open\n');
  const { finished } = await tunnel.apply({ use, only: ['gateway'] });
  expect(finished.map(({ status }) => status)).toEqual(['changed']);
  expect(await answers(8081)).toBe('shut\n');
});

it('leaves the tables of others alone', async () => {
  await tunnel.hosts.gateway.sh('nft add table inet theirs; nft add chain inet theirs c');
  await tunnel.hosts.gateway.sh('nft delete table inet lab');
  await tunnel.apply({ use, only: ['gateway'] });
  expect(await tunnel.hosts.gateway.sh('nft list tables inet')).toContain('table inet theirs');
  expect(await answers(8081)).toBe('shut\n');
});

it('refuses rules that would not let in the login in use', async () => {
  const { more } = tunnel;
  tunnel.more = { flows: [{ from: 'internet', to: 'gateway', ports: 8080, reason: 'a page' }] };
  const { finished } = await tunnel.apply({ use, only: ['gateway'] });
  tunnel.more = more;
  expect(finished.map(({ failure }) => failure?.message)).toEqual([
    'these rules would not let in the connection that lab itself is using',
  ]);
  expect(await answers(22)).toBe('open\n');
});

it('refuses a login by wire whose address the rules believe by the tunnel alone', async () => {
  const { more } = tunnel;
  const [client = ''] = (await tunnel.hosts.gateway.sh('echo "$(ip route show default)"')).match(/(?<=via )\S+/) ?? [];
  tunnel.more = {
    networks: {
      outside: { prefixes: `${tunnel.hosts.gateway.address}/32`, public: true },
      home: { prefixes: `${client}/32` },
      vpn: { prefixes: ['10.80.0.0/24', 'fd80::/64'], tunnel: true },
    },
    flows: [{ from: ['home', 'internet'], to: 'gateway', ports: 22, reason: 'administration' }],
  };
  const { finished } = await tunnel.apply({ use, only: ['gateway'] });
  tunnel.more = more;
  expect(finished.map(({ failure }) => [failure?.message, failure?.found])).toEqual([
    ['these rules would not let in the connection that lab itself is using', 'it comes in by eth0'],
  ]);
  expect(await answers(22)).toBe('open\n');
});

it('is taken away with state "absent"', async () => {
  const { finished } = await tunnel.apply({ use: firewall({ state: 'absent' }), only: ['gateway'] });
  expect(finished.map(({ status, failure }) => failure ?? status)).toEqual(['changed']);
  expect(await tunnel.hosts.gateway.sh('nft list tables inet')).not.toContain('lab');
  expect(await answers(8081)).toBe('open\n');
});

it('is taken back by a rollback: what was there before is there again', async () => {
  const apply = async () => {
    const { finished } = await tunnel.apply({ use, only: ['gateway'] });
    expect(finished.map(({ status }) => status)).toEqual(['changed']);
    expect(await answers(8081)).toBe('shut\n');
  };
  await apply();
  const { exitCode, stdout, stderr } = await project.lab(['rollback', 'firewall', '--limit', 'gateway']);
  expect({ exitCode, stdout, stderr }).toMatchObject({ exitCode: 0 });
  const left = await tunnel.hosts.gateway.sh('nft list tables; ls /etc/lab /usr/local/sbin 2>&1 || true');
  expect(left).toContain('table inet theirs');
  expect(left).not.toMatch(/table inet lab|firewall/);
  expect(await answers(8081)).toBe('open\n');
});

const counters = `table inet counted {
  chain c { type filter hook input priority filter + 10; udp dport 8081 counter; udp dport 8083 counter; }
}
table inet came {
  chain c { type filter hook prerouting priority raw - 10; udp dport 8081 counter; }
}
`;

/** Every millisecond the first packet of something new that no flow allows, and the next of a stream that one allows; tells how many of the latter. */
const probeEveryMillisecond = `use strict; use Socket; use Time::HiRes 'sleep';
my ($host) = @ARGV; my ($sent, $over) = (0, 0);
$SIG{INT} = sub { $over = 1 };
socket(my $stream, AF_INET, SOCK_DGRAM, 0) or die; connect($stream, sockaddr_in(8083, inet_aton($host))) or die;
until ($over) {
  socket(my $new, AF_INET, SOCK_DGRAM, 0) or die; send($new, 'x', 0, sockaddr_in(8081, inet_aton($host)));
  # Nobody listens: what the last packet was answered is told at the next one.
  $sent++ if send($stream, 'x', 0) || send($stream, 'x', 0);
  sleep 0.001;
}
print $sent;
`;
