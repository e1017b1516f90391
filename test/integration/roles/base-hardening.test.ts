import { execFile } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StartedHost, startHost } from '../../support/host.ts';
import { eventsOf, inventoryFiles, type LabProject, roleProject } from '../../support/lab-project.ts';
import { fileSystemOf } from '../../support/snapshot.ts';

// The strict level on a host that has its packages already: what it denies, what it lets through, and that it can be taken away.

let host: StartedHost;
let project: LabProject;
/** Of the whole machine, which is the one that runs the tests. */
let machine = '';
let before = '';

const packages = [
  'aide',
  'cracklib-runtime',
  'debsums',
  'fail2ban',
  'libpam-pwquality',
  'python3-systemd',
  'ssh-audit',
];
const site = (level: string, more = '') => `import { definePlaybook } from 'labwright';
import base from 'labwright/roles/base';
import vpsGateway from 'labwright/roles/vps-gateway';
import inventory from '../inventory/index.ts';
export default definePlaybook({ inventory, plays: [{ name: 'all', hosts: 'all', roles: [base({
  hostname: null, timezone: null, packages: { install: [] }, upgrades: { enabled: false }, timeSync: { with: 'none' }, journald: { maxUse: null },
  sshd: { harden: ${level !== 'none'} },
  hardening: { level: '${level}', blockedModules: { 'usb-storage': ${level !== 'none'} } },
})${more}] }] });
`;

const kernel = () =>
  host.sh('cat /proc/sys/kernel/kptr_restrict /proc/sys/fs/protected_fifos /proc/sys/kernel/dmesg_restrict');
/** But for what runs and logs. */
const files = () =>
  fileSystemOf(host, ['/var/lib/lab', '/var/lib/fail2ban', '/var/lib/systemd', '/var/log', '/var/cache']);
const run = async (...more: string[]) => {
  const { exitCode, stdout, stderr } = await project.lab(['run', 'site', '--output', 'json', ...more]);
  if (stdout === '') throw new Error(stderr);
  const events = eventsOf(stdout);
  const finished = events.find(({ event }) => event === 'host-finished');
  const changed = events.flatMap((one) =>
    one.event === 'resource-finished' && one.status === 'changed' ? [String(one.resource)] : [],
  );
  return { exitCode, stderr, finished, changed };
};

/** As a person at another machine. */
function ssh(...argv: string[]): Promise<{ code: number; output: string }> {
  const options = [
    'IdentitiesOnly=yes',
    `UserKnownHostsFile=${host.knownHostsFile}`,
    'BatchMode=yes',
    'ExitOnForwardFailure=yes',
  ];
  const words = ['-F', 'none', '-i', host.identityFile, ...options.flatMap((option) => ['-o', option]), ...argv];
  return new Promise((resolve) => {
    const child = execFile('ssh', words, { timeout: 30_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 255), output: stdout + stderr });
    });
    child.stdin?.end();
  });
}

beforeAll(async () => {
  host = await startHost({ packages });
  await host.sh("systemctl disable --now fail2ban; useradd -m ada; echo 'ada:Old-and-6-horses' | chpasswd");
  project = roleProject({ ...inventoryFiles({ alpha: host }), 'playbooks/site.ts': site('strict') });
  machine = await kernel();
  before = await files();
  expect(await run()).toMatchObject({ exitCode: 0, finished: { status: 'changed', counts: { differences: 0 } } });
}, 240_000);
afterAll(async () => {
  project?.remove();
  await host?.remove();
});

describe('the strict level', { timeout: 120_000 }, () => {
  it('changes nothing the second time, in one round trip', async () => {
    expect(await run()).toMatchObject({ exitCode: 0, changed: [], finished: { status: 'ok', roundTrips: 1 } });
  });

  it('leaves the kernel to the machine that the container runs on', async () => {
    expect(await kernel()).toBe(machine);
    expect(await host.sh('ls /etc/sysctl.d')).not.toMatch(/60-lab-(kernel|fs|dev|net\.core)/);
    expect(await host.sh('sysctl -n net.ipv4.conf.default.accept_source_route net.ipv4.tcp_rfc1337')).toBe('0\n1\n');
  });

  it('lets jumps through, and opens no port for whoever logs in', async () => {
    expect((await ssh('-W', '127.0.0.1:22', `root@${host.address}`)).output).toMatch(/^SSH-2\.0-OpenSSH_[\d.p]+\r?$/m);
    const remote = await ssh('-N', '-R', '127.0.0.1:2999:127.0.0.1:1', `root@${host.address}`);
    expect(remote).toMatchObject({ code: 255, output: expect.stringContaining('remote port forwarding failed') });
  });

  it('has no failure for ssh-audit, and no warning but what its version does not know', async () => {
    const { exitCode, stdout } = await host.exec(['ssh-audit', '--no-colors', '127.0.0.1']);
    // 3 is a failure, 2 a warning.
    expect(exitCode).toBe(2);
    const found = stdout.split('\n').filter((line) => /\[(fail|warn)\]/.test(line));
    expect(found.filter((line) => !/sntrup761|kex-strict/.test(line))).toEqual([]);
    const json = JSON.parse((await host.exec(['ssh-audit', '--json', '127.0.0.1'])).stdout);
    expect(json.key.map(({ algorithm }: { algorithm: string }) => algorithm)).toEqual(['ssh-ed25519']);
    expect(json.banner.comments).toBeFalsy();
  });

  it('refuses a password that is short, and takes one that is not', async () => {
    const change = (next: string) => host.exec(['su', 'ada', '-c', 'passwd'], `Old-and-6-horses\n${next}\n${next}\n`);
    expect(await change('Nine+brush')).not.toMatchObject({ exitCode: 0 });
    expect(await change('Kettle+Nine+brushes')).toMatchObject({ exitCode: 0 });
  });

  it('keeps no core dumps, and ends idle shells but not what they started', async () => {
    expect(await host.sh("su - ada -c 'ulimit -Hc; ulimit -Sc'")).toBe('0\n0\n');
    expect(await host.sh("bash -lc 'echo $TMOUT; env | grep -c TMOUT || :'")).toBe('900\n0\n');
  });

  it('keeps modules out by alias and by name', async () => {
    expect(await host.sh('modprobe --showconfig | grep -E "^(install|blacklist) (dccp|usb_storage)" | sort')).toBe(
      'blacklist dccp\nblacklist usb_storage\ninstall dccp /bin/true\ninstall usb_storage /bin/true\n',
    );
  });

  it('bans by its own jail, and nobody inside', async () => {
    expect(await host.sh('systemctl is-active fail2ban; fail2ban-client get sshd maxretry')).toBe('active\n10\n');
    await host.sh('fail2ban-client set sshd banip 203.0.113.66');
    expect(await host.sh('nft list ruleset')).toContain('203.0.113.66');
    expect(await host.sh('fail2ban-client get sshd ignoreip')).toContain('172.16.0.0/12');
  });

  it('goes on banning where a gateway does no more, whose jail it forgets', async () => {
    await host.exec(
      ['sh', '-c', 'cat >/etc/fail2ban/jail.d/lab-gateway.local; systemctl restart fail2ban'],
      '[lab-gateway]\nenabled = true\nbackend = systemd\nfilter = sshd\n',
    );
    const jails = async () => {
      const status = await host.sh(
        'until fail2ban-client ping >/dev/null 2>&1; do sleep 0.1; done; fail2ban-client status',
      );
      return /Jail list:\s*(.*)/.exec(status)?.[1];
    };
    expect(await jails()).toBe('lab-gateway, sshd');
    project.write('playbooks/site.ts', site('strict', ", vpsGateway({ state: 'absent' })"));
    expect(await run()).toMatchObject({
      exitCode: 0,
      changed: ['file:/etc/fail2ban/jail.d/lab-gateway.local', 'unit-without-gateway:fail2ban'],
    });
    expect(await jails()).toBe('sshd');
    expect(await run()).toMatchObject({ exitCode: 0, changed: [] });
    expect(await host.sh('systemctl is-enabled fail2ban')).toBe('enabled\n');
    project.write('playbooks/site.ts', site('strict'));
  });

  it('tells of files that are not their packages any more, and of what else changed, once', async () => {
    const told = async () => {
      await host.sh('systemctl start lab-file-changes');
      return await host.sh('journalctl --unit lab-file-changes --output cat --since=-30s');
    };
    await host.sh('printf x >>/usr/bin/lesskey; printf x >/usr/local/bin/stranger');
    const { exitCode } = await host.exec(['systemctl', 'start', 'lab-checksums']);
    expect(exitCode).not.toBe(0);
    expect(await host.sh('journalctl --unit lab-checksums --output cat')).toContain('/usr/bin/lesskey');
    expect(await told()).toContain('/usr/local/bin/stranger');
    await host.sh(
      'truncate -s -1 /usr/bin/lesskey; rm /usr/local/bin/stranger; journalctl --rotate --vacuum-time=1s -q',
    );
    expect(await told()).toContain('Removed entries');
    await host.sh('systemctl reset-failed lab-checksums');
  });

  const traces = (text: string) =>
    text.split('\n').filter((line) => !/shadow|\.pwd\.lock|opasswd|__pycache__|\/var\/lib\/aide/.test(line));

  it('is gone without a trace when the level is taken away', async () => {
    await host.sh('fail2ban-client unban --all');
    project.write('playbooks/site.ts', site('none'));
    expect(await run('--prune')).toMatchObject({ exitCode: 0 });
    expect(await host.sh('sysctl -n net.ipv4.tcp_rfc1337')).toBe('0\n');
    // That of the gateway was there before lab.
    await host.sh("echo 'ada:Old-and-6-horses' | chpasswd; rm /etc/fail2ban/jail.d/lab-gateway.local");
    expect(traces(await files())).toEqual(traces(before));
    expect(await run()).toMatchObject({ exitCode: 0, changed: [] });
  });
});
