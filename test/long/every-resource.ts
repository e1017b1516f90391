import { absent } from '../../src/resources/absent.ts';
import { aptRepository } from '../../src/resources/apt-repository.ts';
import { archive } from '../../src/resources/archive.ts';
import { authorizedKeys } from '../../src/resources/authorized-keys.ts';
import { block } from '../../src/resources/block.ts';
import { command } from '../../src/resources/command.ts';
import type { ResourceTree } from '../../src/resources/contract.ts';
import { cron } from '../../src/resources/cron.ts';
import { directory } from '../../src/resources/directory.ts';
import { download } from '../../src/resources/download.ts';
import { file } from '../../src/resources/file.ts';
import { gitCheckout } from '../../src/resources/git-checkout.ts';
import { group } from '../../src/resources/group.ts';
import { hostname } from '../../src/resources/hostname.ts';
import { line } from '../../src/resources/line.ts';
import { mount } from '../../src/resources/mount.ts';
import { packages } from '../../src/resources/package.ts';
import { symlink } from '../../src/resources/symlink.ts';
import { sysctl } from '../../src/resources/sysctl.ts';
import { timer } from '../../src/resources/timer.ts';
import { timezone } from '../../src/resources/timezone.ts';
import { unit } from '../../src/resources/unit.ts';
import { unitFile } from '../../src/resources/unit-file.ts';
import { user } from '../../src/resources/user.ts';

/** Two declarations for the same host; going from one to the other changes every resource. */
export type Version = 'a' | 'b';

export function other(version: Version): Version {
  return version === 'a' ? 'b' : 'a';
}

/** Checksums of what the host serves to itself, `large-a`, `program-b.tar.gz`, …: they differ from one machine to another. */
export type Checksums = Readonly<Record<string, string>>;

const publicKeys = {
  a: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINsV7EonJxuCoArRaZocj1Hw227hjLlsJzmLxbifDEKa ada@a',
  b: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ ada@b',
};

/**
 * Every resource type but `rebootIfRequired`, with restarts, reloads and commands that wait for others from the first stage
 * to the last: the keys in the middle are guarded, and so a stage of their own.
 */
export function everyResource(version: Version, checksums: Checksums): ResourceTree {
  const isA = version === 'a';
  const pick = <Value>(a: Value, b: Value): Value => (isA ? a : b);
  const from = (name: string) => ({ url: `http://127.0.0.1:8080/${name}`, sha256: checksums[name] ?? '' });
  const configuration = (name: string) => file({ path: `/etc/${name}.conf`, content: `configured ${version}\n` });
  const restarted = configuration('restarted');
  const reloaded = configuration('reloaded');
  const copied = configuration('copied');
  const service = unitFile({
    name: 'restarted.service',
    sections: {
      Service: {
        ExecStartPre: `/usr/local/bin/note restarted unit-${version} $DROP_IN`,
        ExecStart: '/bin/sleep infinity',
      },
      Install: { WantedBy: 'multi-user.target' },
    },
  });
  const dropIn = unitFile({
    name: 'restarted.service',
    dropIn: 'more',
    sections: { Service: { Environment: `DROP_IN=drop-in-${version}` } },
  });
  const copy = ['cp', '/etc/copied.conf', '/srv/copied'];
  return [
    directory({ path: '/srv/folder/deep', parents: true, mode: pick('0755', '2770'), group: pick('root', 'adm') }),
    file({ path: '/srv/file', content: `${version}\n`.repeat(20_000), mode: pick('0644', '0600') }),
    symlink({ path: '/srv/link', target: `target-${version}` }),
    isA
      ? [directory({ path: '/srv/gone' }), file({ path: '/srv/gone/inside', content: 'inside\n' })]
      : absent({ path: '/srv/gone', recursive: true }),
    line({ path: '/etc/lines.conf', match: /^port=/, line: pick('port=1', 'port=2'), create: true }),
    block({ path: '/etc/lines.conf', name: 'kills', content: `one ${version}\ntwo ${version}`, create: true }),
    [restarted, reloaded, copied, service, dropIn],
    download({ path: '/srv/downloaded', ...from(`large-${version}`) }),
    archive({ path: '/opt/program', ...from(`program-${version}.tar.gz`), strip: 1 }),
    gitCheckout({ path: '/srv/checkout', repository: 'file:///srv/origin', revision: version }),
    mount({ path: '/srv/media', source: 'lab', type: 'tmpfs', options: [pick('size=64k', 'size=128k')] }),
    timezone({ name: pick('Europe/Berlin', 'Asia/Kathmandu') }),
    hostname({ name: pick('host-a', 'host-b') }),
    cron({ name: 'tidy', schedule: pick('@daily', '@weekly'), command: 'date' }),
    aptRepository(
      isA
        ? { name: 'extra', state: 'absent' }
        : { name: 'extra', uris: ['file:/srv/extra'], suites: ['./'], trusted: true },
    ),
    packages({ name: 'lab-app', version: pick('1.0', '2.0') }),
    packages({ name: 'lab-provider', state: pick('present', 'absent') }),
    group({ name: 'crew', gid: 4500, state: pick('present', 'absent') }),
    user({ name: 'ada', uid: 4501, comment: `Ada ${version}`, shell: pick('/bin/sh', '/bin/bash') }),
    user(isA ? { name: 'bob', uid: 4502, comment: 'Bob' } : { name: 'bob', state: 'absent', removeHome: true }),
    authorizedKeys({ user: 'ada', keys: [publicKeys[version]], exclusive: true }),
    sysctl({ key: 'net.ipv4.ip_local_port_range', value: pick('1024 65000', '2048 60999') }),
    command({
      id: 'two files',
      argv: ['sh', '-c', 'echo "$1" >/srv/first; sleep 0.2; echo "$1" >/srv/second', 'sh', version],
      unless: ['sh', '-c', '[ "$(cat /srv/first /srv/second | tr -d "\\n")" = "$1$1" ]', 'sh', version],
      revert: ['sh', '-c', 'echo "$1" >/srv/second; echo "$1" >/srv/first', 'sh', other(version)],
    }),
    unit({ name: 'toggled', state: pick('running', 'stopped'), enabled: isA }),
    timer({ name: 'regular', schedule: pick('daily', 'weekly'), argv: ['/bin/true', version] }),
    unit({ name: 'restarted', state: 'running', enabled: true }, { restartOn: [restarted, service, dropIn] }),
    unit({ name: 'reloaded', state: 'running', enabled: true }, { reloadOn: [reloaded] }),
    command({ id: 'copy', argv: copy, onlyWhenTriggered: true, revert: copy }, { runOn: [copied] }),
  ];
}

const at = (...paths: string[]) =>
  `for path in ${paths.join(' ')}; do stat -c '%n %F %a %U:%G' $path; [ ! -f $path ] || sha256sum <$path; done`;
const noted = (name: string, number: number) => `sed -n ${number}p /var/lib/noted/${name}`;

/** What each resource is on the host, as plain tools tell it: name → a script whose output is the same for the same state. */
export const probes: Readonly<Record<string, string>> = {
  directory: at('/srv/folder', '/srv/folder/deep'),
  file: at('/srv/file'),
  symlink: 'readlink /srv/link',
  gone: at('/srv/gone'),
  'gone inside': 'cat /srv/gone/inside',
  line: 'stat -c "%a %U:%G" /etc/lines.conf; grep port= /etc/lines.conf',
  block: 'sed -n "/BEGIN lab: kills/,/END lab: kills/p" /etc/lines.conf',
  'configuration of restarted': at('/etc/restarted.conf'),
  'configuration of reloaded': at('/etc/reloaded.conf'),
  'configuration of copied': at('/etc/copied.conf'),
  'unit file': `${at('/etc/systemd/system/restarted.service')}; systemctl show -p ExecStartPre --value restarted | grep -o 'unit-[ab]' | head -n 1`,
  'drop-in': `${at('/etc/systemd/system/restarted.service.d', '/etc/systemd/system/restarted.service.d/more.conf')}; systemctl show -p Environment --value restarted`,
  download: at('/srv/downloaded'),
  archive: `${at('/opt/program')}; cd /opt/program && find . -printf '%P %y %m %U:%G\\n' | sort && find . -type f -print0 | sort -z | xargs -0 cat | sha256sum`,
  'git checkout': `cd /srv/checkout && git rev-parse HEAD && git remote get-url origin && git status --porcelain && git fsck 2>&1`,
  mount: 'grep media /etc/fstab; findmnt -n -o SOURCE,FSTYPE,OPTIONS /srv/media; stat -c %F /srv/media',
  'time zone': 'readlink /etc/localtime; cat /etc/timezone',
  hostname: 'uname -n; cat /etc/hostname; grep 127.0.1.1 /etc/hosts',
  cron: at('/etc/cron.d/tidy'),
  'apt repository': at('/etc/apt/sources.list.d/extra.sources', '/etc/apt/keyrings/extra.asc'),
  'package lab-app': `dpkg-query -W -f '\${Package} \${Version} \${db:Status-Abbrev}\\n' lab-app lab-lib; cat /usr/share/lab/lab-app /etc/lab-app.conf; apt-mark showmanual lab-app lab-lib`,
  'package lab-provider': `dpkg-query -W -f '\${db:Status-Abbrev}\\n' lab-provider; cat /usr/share/lab/lab-provider; apt-mark showmanual lab-provider`,
  packages: 'dpkg --audit; apt-get check 2>&1 | grep -v Reading | grep -v Building',
  group: 'getent group crew; grep -c ^crew: /etc/gshadow',
  'user ada': `getent passwd ada; id ada; getent shadow ada | cut -d : -f 1,2; ${at('/home/ada')}`,
  'user bob': `getent passwd bob; getent group bob; getent shadow bob | cut -d : -f 1,2; ${at('/home/bob')}; ls -A /home/bob`,
  'authorized keys': at('/home/ada/.ssh', '/home/ada/.ssh/authorized_keys'),
  sysctl: `cat /proc/sys/net/ipv4/ip_local_port_range; ${at('/etc/sysctl.d/60-lab-net.ipv4.ip_local_port_range.conf')}`,
  command: 'cat /srv/first /srv/second',
  'unit toggled': 'systemctl is-active toggled; systemctl is-enabled toggled',
  'timer file': at('/etc/systemd/system/regular.timer'),
  'timer service': at('/etc/systemd/system/regular.service'),
  'timer schedule': "systemctl show -p TimersCalendar regular.timer | sed 's/;.*//'",
  timer: 'systemctl is-active regular.timer; systemctl is-enabled regular.timer',
  'unit restarted': 'systemctl is-active restarted; systemctl is-enabled restarted',
  'unit reloaded': 'systemctl is-active reloaded; systemctl is-enabled reloaded',
  // What the services were last started or reloaded with.
  'restarted runs with its configuration': noted('restarted', 1),
  'restarted runs with its unit file': noted('restarted', 2),
  'restarted runs with its drop-in': noted('restarted', 3),
  'reloaded runs with its configuration': noted('reloaded', 1),
  'copy was made of': 'cat /srv/copied',
};

/** What must not change at all. */
export const constantProbes: ReadonlySet<string> = new Set(['packages', 'timer', 'unit restarted', 'unit reloaded']);
