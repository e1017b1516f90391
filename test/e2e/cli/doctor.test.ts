import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Finding } from '../../../src/cli/doctor/finding.ts';
import { type StartedHost, startHost } from '../../support/host.ts';
import { type LabProject, labProject, lockFile } from '../../support/lab-project.ts';

const repository = readFileSync(new URL('../../support/apt-repository.sh', import.meta.url), 'utf8');
let host: StartedHost;
let project: LabProject;
/** One host, by several ways in. */
const users = ['ada', 'bob'] as const;

beforeAll(async () => {
  host = await startHost({ tmpfs: { '/boot': 'size=4m,nr_inodes=60', '/var/log': 'size=4m' } });
  await host.sh(repository);
  await host.sh(`for user in ${users.join(' ')}; do useradd -m -s /bin/sh $user; cp -r /root/.ssh /home/$user/; chown -R $user: /home/$user; done
    printf 'ada ALL=(ALL) ALL\\nDefaults:bob requiretty\\nbob ALL=(ALL) NOPASSWD: ALL\\n' >/etc/sudoers.d/test; chmod 440 /etc/sudoers.d/test`);
  const inventory = (ssh: string) =>
    `hosts:\n  alpha: { address: ${host.address}, ssh: { identityFile: ${host.identityFile}, ${ssh} } }\n`;
  project = labProject({
    'inventory/index.yml': inventory('user: root'),
    ...Object.fromEntries(
      users.map((user) => [`inventory/${user}.yml`, inventory(`user: ${user}, become: sudo`)] as const),
    ),
    'inventory/lab.lock.yml': lockFile({ alpha: host }),
  });
});
afterAll(async () => {
  project?.remove();
  await host?.remove();
});

interface Report {
  readonly controller: readonly Finding[];
  readonly hosts: Readonly<Record<string, readonly Finding[]>>;
}

async function doctor(hosts: string, options: Parameters<LabProject['lab']>[1] = {}): Promise<Report> {
  const { stdout, stderr } = await project.lab(['doctor', hosts, '--output', 'json'], options);
  try {
    return JSON.parse(stdout) as Report;
  } catch {
    throw new Error(`${stdout}${stderr}`);
  }
}

/** What is wrong, each with why and what to do. */
function troubles(findings: readonly Finding[] = []): string[] {
  const wrong = findings.filter(({ level }) => level !== 'good');
  for (const finding of wrong)
    expect(finding).toMatchObject({ reason: expect.stringMatching(/./), remedy: expect.stringMatching(/./) });
  return wrong.map(({ id }) => id).sort();
}

it('finds nothing on a machine and a host that are well', async () => {
  const { controller, hosts } = await doctor('alpha');
  expect(troubles(controller)).toEqual([]);
  expect(troubles(hosts.alpha)).toEqual([]);
  const { exitCode, stdout } = await project.lab(['doctor', 'alpha']);
  expect({ exitCode, stdout }).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/^this machine\n[\s\S]*^alpha\n/m),
  });
});

it('tells what a run has left, and who is at work', async () => {
  // A process stands for the stage, and for the guard: its number and birth, as lab notes them.
  await host.sh(`run=20261127T000000Z-abcdef; state=/var/lib/lab/runs/$run; mkdir -p $state /var/lib/lab/pending
    echo $run >/var/lib/lab/last-run; echo 'interrupted 2026-11-27T00:00:10Z' >$state/state
    echo 'restart unit:nginx.service' >/var/lib/lab/pending/x`);
  expect(troubles((await doctor('alpha')).hosts.alpha)).toEqual(['restarts-pending', 'run-interrupted']);
  await host.sh(`state=/var/lib/lab/runs/20261127T000000Z-abcdef; birth() { sed 's/^.*) //' /proc/$1/stat | cut -d ' ' -f 20; }
    setsid sleep 600 >/dev/null 2>&1 </dev/null & echo "$! $(birth $!)" >$state/pid
    printf 'run=%s\nboot=%s\nwho=ada@laptop\nsince=2026-11-27T00:00:00Z\n' 20261127T000000Z-abcdef "$(cat /proc/sys/kernel/random/boot_id)-$(birth 1)" >/var/lib/lab/lock
    rm -r /var/lib/lab/pending $state/state`);
  expect(troubles((await doctor('alpha')).hosts.alpha)).toEqual(['run-under-way']);
  await host.sh('cd /var/lib/lab/runs/20261127T000000Z-abcdef; mv pid guardian');
  expect(troubles((await doctor('alpha')).hosts.alpha)).toEqual(['guard-pending']);
  await host.sh('kill $(cut -d " " -f 1 /var/lib/lab/runs/*/guardian); rm -r /var/lib/lab');
});

it('tells of a login without rights, of programs that are missing, of a look that ends early', async () => {
  project.write('inventory/plain.yml', project.read('inventory/ada.yml').replace('become: sudo', 'become: none'));
  const { stdout } = await project.lab(['doctor', '-i', 'inventory/plain.yml', '--output', 'json']);
  expect(troubles((JSON.parse(stdout) as Report).hosts.alpha)).toContain('not-root');
  await host.sh(
    "mv /usr/bin/mktemp /usr/bin/mktemp.away; printf '#!/bin/sh\nread -r _ _ _ parent _ </proc/$PPID/stat; kill -9 $parent\n' >/usr/local/bin/dpkg; chmod 755 /usr/local/bin/dpkg",
  );
  const found = troubles((await doctor('alpha')).hosts.alpha);
  await host.sh('mv /usr/bin/mktemp.away /usr/bin/mktemp; rm /usr/local/bin/dpkg');
  expect(found).toEqual(['look-cut-off', 'programs-missing']);
});

it('takes its own clock for wrong when all hosts agree against it, and names a key that is none', async () => {
  const login = `user: root, identityFile: ${host.identityFile}`;
  project.write('broken', '-----BEGIN OPENSSH PRIVATE KEY-----\nbm9uZQ==\n-----END OPENSSH PRIVATE KEY-----\n');
  chmodSync(join(project.root, 'broken'), 0o600);
  // No two hosts of an inventory have one address: the other one has it by the configuration of SSH.
  const alias = join(project.root, 'alias');
  project.write('alias', `Host beta\n  HostName ${host.address}\n`);
  const two = `  alpha: { address: ${host.address}, ssh: { ${login} } }\n  beta: { address: beta, ssh: { ${login}, configFile: ${alias} } }\n`;
  const key = `  gamma: { address: 127.0.0.1, ssh: { identityFile: ${join(project.root, 'broken')} } }\n`;
  project.write('two/index.yml', `hosts:\n${two}${key}`);
  project.write('two/lab.lock.yml', lockFile({ alpha: host, beta: host }));
  await host.sh(
    `printf '#!/bin/sh\\n[ "$1" = +%%s ] && echo $(($(/usr/bin/date +%%s) + 500)) || exec /usr/bin/date "$@"\\n' >/usr/local/bin/date; chmod 755 /usr/local/bin/date`,
  );
  const { stdout } = await project.lab(['doctor', 'alpha:beta', '-i', 'two/index.yml', '--output', 'json']);
  await host.sh('rm /usr/local/bin/date');
  const { controller, hosts } = JSON.parse(stdout) as Report;
  expect(troubles(controller)).toEqual(['key-unusable', 'own-clock']);
  expect(troubles(hosts.beta)).toEqual(['clock-off']);
});

it('names what keeps a login from being root', async () => {
  const firstOf = async (user: (typeof users)[number]) => {
    const { stdout } = await project.lab(['doctor', '-i', `inventory/${user}.yml`, '--output', 'json']);
    const [first] = (JSON.parse(stdout) as Report).hosts.alpha ?? [];
    return [first?.id, first?.remedy];
  };
  expect(await firstOf('ada')).toEqual(['become-refused', expect.stringContaining('--ask-become-pass')]);
  expect(await firstOf('bob')).toEqual(['become-refused', expect.stringContaining('requiretty')]);
  await host.sh('mv /usr/bin/sudo /usr/bin/sudo.away');
  const without = await firstOf('bob');
  await host.sh('mv /usr/bin/sudo.away /usr/bin/sudo');
  expect(without).toEqual(['become-refused', expect.stringContaining('sudo is not installed')]);
});

it('names every trouble of a host, with its remedy', async () => {
  await host.sh(`set -e
    # a full disk, no inodes left
    head -c 3990000 /dev/zero >/var/log/fill; i=0; while touch /boot/$i 2>/dev/null; do i=$((i + 1)); done
    # packages
    apt-get -q -q update; apt-get -y -q -q install lab-broken >/dev/null 2>&1 || true
    printf 'deb http://mirror.invalid/debian ./\\n' >/etc/apt/sources.list
    perl -MFcntl -e 'open F, "+>>", "/var/lib/dpkg/lock-frontend" or die; my $lock = pack("s s x![l!] l! l! i x![l!]", F_WRLCK, 0, 0, 0, 0); fcntl(F, F_SETLK, $lock) or die; open G, ">", "/run/held"; close G; sleep 600' >/dev/null 2>&1 </dev/null &
    until [ -e /run/held ]; do sleep 0.1; done
    # clock, cloud-init, a machine that is no container
    mkdir -p /run/fake; cd /run/fake
    printf '#!/bin/sh\\n[ "$1" = +%%s ] && echo $(($(/usr/bin/date +%%s) + 500)) || exec /usr/bin/date "$@"\\n' >date
    printf '#!/bin/sh\\nexit 1\\n' >systemd-detect-virt; printf '#!/bin/sh\\necho no\\n' >timedatectl
    printf '#!/bin/sh\\necho "status: running"\\n' >cloud-init
    chmod 755 /run/fake/*
    # units, firewalls, and a file system that is read-only
    printf '[Service]\\nExecStart=/bin/false\\n' >/etc/systemd/system/fragile.service
    printf '[Service]\\nExecStart=/bin/sleep 600\\n' >/etc/systemd/system/firewalld.service
    systemctl daemon-reload; systemctl start firewalld; systemctl start fragile || true
    until systemctl is-failed -q fragile; do sleep 0.1; done
    mount --bind /usr /usr; mount -o remount,ro,bind /usr; mount --bind -o ro /run/fake /usr/local/sbin
    mkdir -p /etc/ufw; echo ENABLED=yes >/etc/ufw/ufw.conf; nft add table inet lab
    # what a dead run left
    mkdir -p /var/lib/lab; printf 'run=20261127T000000Z-abcdef\\nboot=another\\nwho=ada@laptop\\nsince=2026-11-27T00:00:00Z\\n' >/var/lib/lab/lock
    ip route del default`);
  const { hosts } = await doctor('alpha');
  expect(troubles(hosts.alpha)).toEqual([
    'apt-locked',
    'clock-off',
    'clock-unsynchronised',
    'cloud-init',
    'disk-full',
    'dpkg-interrupted',
    'failed-units',
    'firewalld',
    'inodes-full',
    'lock-dead',
    'names-unresolved',
    'no-route',
    'read-only',
    'two-firewalls',
  ]);
});

it('names what hides behind another trouble', async () => {
  await host.sh(`umount /usr/local/sbin; umount -l /usr; kill $(pgrep -f '[l]ock-frontend') || true
    ${repository}
    apt-get -q -q update; apt-get -y -q -q purge lab-broken >/dev/null; dpkg --force-depends -i /srv/repo/lab-app_1.0_all.deb >/dev/null 2>&1
    echo >/etc/resolv.conf
    # full packets vanish, as on a path with a smaller MTU that does not say so
    nft add table inet hole; nft add chain inet hole out '{ type filter hook output priority 0; }'`);
  const { hosts } = await doctor('alpha');
  expect(troubles(hosts.alpha)).toEqual(expect.arrayContaining(['apt-broken', 'no-resolver']));
  await host.sh(`nft add rule inet hole out tcp sport 22 meta length '>' 1400 drop`);
  const { hosts: behind } = await doctor('alpha');
  expect(troubles(behind.alpha)).toEqual(['large-packets-lost']);
});

it('names every trouble of this machine, with its remedy', async () => {
  const home = join(project.root, 'home');
  const key = (name: string) => join(project.root, name);
  for (const name of ['loose', 'locked'])
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', name === 'locked' ? 'secret' : '', '-f', key(name)]);
  chmodSync(key('loose'), 0o644);
  const [other = ''] = readFileSync(`${key('loose')}.pub`, 'utf8').split('\n');
  project.write('known_hosts', `${host.address} ${other}\n`);
  project.write('ssh_config', `UserKnownHostsFile ${key('known_hosts')}\n`);
  project.write(
    'inventory/index.yml',
    `hosts:
  alpha: { address: ${host.address}, ssh: { user: root, identityFile: ${key('loose')}, configFile: ssh_config } }
  beta: { address: 127.0.0.1, ssh: { identityFile: ${key('locked')} } }
  gamma: { address: 127.0.0.2, ssh: { identityFile: ${key('nowhere')} } }
`,
  );
  project.write('inventory/lab.lock.yml', lockFile({ alpha: host, gone: host }));
  project.write('inventory/secrets.yml.age', 'password: in the clear\n');
  project.write('roles/motd/role.ts', 'export default 1;\n');
  project.write('bin/package.json', '{ "name": "labwright", "version": "0.0.1" }\n');
  project.write('bin/lab', '#!/bin/sh\n');
  chmodSync(join(project.root, 'bin/lab'), 0o755);
  copyFileSync(key('loose'), key('copied'));
  execFileSync('sh', ['-c', 'git init -q . && git add -f copied inventory'], { cwd: project.root });
  const env = { PATH: `${join(project.root, 'bin')}:${process.env.PATH}`, SSH_AUTH_SOCK: join(home, 'nowhere.sock') };
  const { controller } = await doctor('beta', { env });
  expect(troubles(controller)).toEqual([
    'agent-dead',
    'git-not-ignored',
    'git-not-ignored',
    'git-secret',
    'git-secret',
    'identity-missing',
    'key-locked',
    'key-missing',
    'key-mode',
    'known-hosts-conflict',
    'lock-outdated',
    'no-tsconfig',
    'other-version',
    'package-missing',
  ]);
  project.write('node_modules/labwright/package.json', '{ "name": "labwright", "version": "0.0.2" }\n');
  project.write('home/identity', 'AGE-SECRET-KEY-1QQQ\n');
  chmodSync(join(home, 'identity'), 0o644);
  project.write('inventory/lab.lock.yml', 'version: 1\nhosts: [\n');
  const { controller: later } = await doctor('beta', {
    env: { PATH: join(project.root, 'bin'), LAB_AGE_IDENTITY_FILE: join(home, 'identity') },
  });
  expect(troubles(later)).toEqual(
    expect.arrayContaining(['identity-readable', 'lock-unreadable', 'no-ssh-client', 'version-differs']),
  );
});
