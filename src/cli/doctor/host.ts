import type { Host } from '../../model/types.ts';
import type { Session } from '../../remote/session.ts';
import { JournalReader } from '../../runner/journal/read.ts';
import { asLabError } from '../../shared/errors.ts';
import { readOwnFile } from '../../shared/own-package.ts';
import { quote } from '../../shared/quote.ts';
import { bad, type Finding, good, warning } from './finding.ts';
import { firewallFindings } from './firewall.ts';

/** What a host says of itself: name of a line of `look.sh` → its values. */
export type Look = ReadonlyMap<string, readonly string[]>;

export interface HostFindings {
  readonly findings: readonly Finding[];
  /** Its clock against that of this machine, in seconds; more is ahead. */
  readonly skewSeconds: number;
}

/** The answer to one that is larger than any packet: what a path that loses full packets never delivers. */
const largeAnswer = "lab_b large; head -c 100000 /dev/zero | tr '\\0' x; lab_e large 0";
const largeSeconds = 10;

/** Looks at one host; changes nothing. */
export async function examineHost(session: Session, host: Host, isInTunnel: boolean): Promise<HostFindings> {
  const lost = await pathFindings(session);
  // What a host says of itself is longer than a packet.
  if (lost.length > 0) return { findings: lost, skewSeconds: 0 };
  const script = readOwnFile('cli/doctor/look.sh').replaceAll(/^\s*#.*\n/gm, '');
  const request = `lab_read_system\nlab_b look; sh -c ${quote(script)} lab-doctor; lab_e look 0\nlab_read_state`;
  const frames = await session.request(request);
  const body = (id: string) => frames.get(id)?.body.toString() ?? '';
  const look = parseLook(body('look'));
  const skewSeconds = Math.round(Number(first(look, 'clock') ?? 0) - Date.now() / 1000);
  const findings = [
    ...systemFindings(host, body('system'), look),
    ...cutOffFindings(look),
    ...lookFindings(look, isInTunnel),
    ...clockFindings(look, skewSeconds),
    ...stateFindings(host, body('state')),
    ...(await lockFindings(session, host)),
  ];
  return { findings, skewSeconds };
}

export function parseLook(text: string): Look {
  const look = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [name, value] = line.split('\t');
    if (name === undefined || value === undefined) continue;
    look.set(name, [...(look.get(name) ?? []), value]);
  }
  return look;
}

export function first(look: Look, name: string): string | undefined {
  return look.get(name)?.[0];
}

function systemFindings(host: Host, system: string, look: Look): Finding[] {
  const name = /^os=PRETTY_NAME=(.*)$/m.exec(system)?.[1]?.replaceAll('"', '') ?? 'unknown system';
  const findings = [good('system', `${name}, reached over ${host.connection.transport}`)];
  if (/^uid=0$/m.test(system)) findings.push(good('root', 'root'));
  else
    findings.push(
      bad(
        'not-root',
        'not root',
        'changes, and most reads, need root',
        `connect as root, or set become: 'sudo' for ${host.name} in the inventory`,
      ),
    );
  const missing = look.get('missing') ?? [];
  if (missing.length > 0)
    findings.push(
      bad(
        'programs-missing',
        `missing: ${missing.join(', ')}`,
        'the remote side is a shell script that calls them',
        'install coreutils and util-linux, or a busybox that has them',
      ),
    );
  const systemd = Number(first(look, 'systemd'));
  if (!look.has('systemd')) {
    // What was not looked at may be there.
    if (look.has('end'))
      findings.push(
        warning(
          'no-systemd',
          'it does not run systemd',
          'units, timers and most roles need it; files, packages and users work',
          'keep roles with units off this host, or install a system with systemd',
        ),
      );
  } else if (systemd < oldestSystemd)
    findings.push(
      warning(
        'old-system',
        `systemd ${systemd} is older than any that is tried`,
        `lab is tried with systemd ${oldestSystemd} and newer (Debian 10)`,
        'upgrade the distribution',
      ),
    );
  return findings;
}

const oldestSystemd = 241;

/** What was not looked at is not well. */
function cutOffFindings(look: Look): Finding[] {
  if (look.has('end')) return [];
  return [
    bad(
      'look-cut-off',
      'not all of it could be looked at: the host did not answer to the end',
      'what is missing here may be what is wrong',
      'look for what hangs there (ps, dmesg), and say the same again',
    ),
  ];
}

/** Pure: what the lines of `look.sh` come to. */
export function lookFindings(look: Look, isInTunnel: boolean): Finding[] {
  const all = (name: string) => look.get(name) ?? [];
  const findings: Finding[] = [];
  for (const folder of all('read-only').slice(0, 1))
    findings.push(
      bad(
        'read-only',
        `${folder} is mounted read-only`,
        'the kernel does that to a disk with errors, and nothing can be changed',
        `look for errors (dmesg | grep -i error), then: mount -o remount,rw ${quote(folder)}`,
      ),
    );
  findings.push(...fullDisks(look), ...packageFindings(look));
  if (all('resolver').length > 0)
    findings.push(
      bad(
        'no-resolver',
        '/etc/resolv.conf names no name server',
        'packages and certificates are fetched by name',
        'name one there (nameserver 9.9.9.9), or give the host the role dns',
      ),
    );
  else
    for (const name of all('unresolved'))
      findings.push(
        bad(
          'names-unresolved',
          `the name of its package mirror, ${name}, does not resolve`,
          'packages and certificates are fetched by name',
          `on the host: getent hosts ${quote(name)}; are the name servers in /etc/resolv.conf up and in reach?`,
        ),
      );
  if (all('route').length > 0)
    findings.push(
      warning(
        'no-route',
        'it has no way to the internet',
        'packages, certificates and downloads come from there',
        'set a default route (ip route add default via GATEWAY), in the network settings as well',
      ),
    );
  if (all('cloud-init').length > 0)
    findings.push(
      warning(
        'cloud-init',
        'cloud-init is still at work',
        'it may install packages and write the same files at the same time',
        'wait for it: cloud-init status --wait',
      ),
    );
  const failed = all('failed-unit');
  if (failed.length > 0)
    findings.push(
      warning(
        'failed-units',
        `failed: ${failed.join(', ')}`,
        'something that should run does not',
        `on the host: systemctl status ${quote(failed[0] ?? '')}; systemctl reset-failed when it is of no matter`,
      ),
    );
  if (isInTunnel && look.has('wireguard')) findings.push(...tunnelFindings(first(look, 'wireguard')));
  return [...findings, ...firewallFindings(look)];
}

function fullDisks(look: Look): Finding[] {
  const rows = (name: string) =>
    (look.get(name) ?? []).map((line) => {
      const [path = '', free, size] = line.split(' ');
      return { path, free: Number(free), size: Number(size) };
    });
  const space = rows('space')
    // A small file system, such as that of /boot/efi, is not full at 50 MiB.
    .filter(({ free, size }) => size > 0 && free < Math.min(50 * 1024, size / 20))
    .map(({ path, free }) =>
      bad(
        'disk-full',
        `${Math.floor(free / 1024)} MiB free on ${path}`,
        'files are written beside the old ones, and the journal of changes is kept in /var',
        `free some: du -xh ${quote(path)} | sort -h | tail; apt-get clean; journalctl --vacuum-size=100M`,
      ),
    );
  const inodes = rows('inodes')
    .filter(({ free, size }) => free < Math.min(1000, size / 20))
    .map(({ path, free }) =>
      bad(
        'inodes-full',
        `${free} inodes free on ${path}`,
        'no file can be made there, however much space is left',
        `find the folder with too many files: du --inodes -x ${quote(path)} | sort -n | tail`,
      ),
    );
  return [...space, ...inodes];
}

function packageFindings(look: Look): Finding[] {
  const findings: Finding[] = [];
  const interrupted = first(look, 'dpkg-interrupted');
  if (interrupted !== undefined)
    findings.push(
      bad(
        'dpkg-interrupted',
        `an installation broke off: ${interrupted.trim()}`,
        'nothing else can be installed before it is finished',
        'on the host: dpkg --configure -a; or a run that installs something, which finishes it first',
      ),
    );
  if (look.has('apt-broken'))
    findings.push(
      bad(
        'apt-broken',
        'packages are installed that lack what they need',
        'apt refuses to install anything until they have it',
        'on the host: apt-get --fix-broken install',
      ),
    );
  const locked = first(look, 'apt-locked');
  if (locked !== undefined) {
    const [pid, name] = locked.split(' ');
    findings.push(
      warning(
        'apt-locked',
        `another package manager is at work: ${name || 'a program'} (process ${pid})`,
        'a run waits up to five minutes for it',
        `wait; when it hangs, look at it: ps -f -p ${quote(pid ?? '')}`,
      ),
    );
  }
  return findings;
}

function tunnelFindings(wireguard: string | undefined): Finding[] {
  if (wireguard === 'kernel' || wireguard === 'go') return [];
  if (wireguard === 'no-tun')
    return [
      bad(
        'no-tun',
        'there is no /dev/net/tun for wireguard-go',
        'the host is in a tunnel of the inventory, and its kernel has no WireGuard',
        'let the machine give it the device (containers: --device /dev/net/tun), or load tun: modprobe tun',
      ),
    ];
  return [
    warning(
      'no-wireguard',
      'the kernel has no WireGuard, and wireguard-go is not installed',
      'the host is in a tunnel of the inventory',
      'run the role wireguard, which installs wireguard-go; or boot a kernel from 5.6 on',
    ),
  ];
}

const mostSkewSeconds = 30;

function clockFindings(look: Look, skewSeconds: number): Finding[] {
  const findings: Finding[] = [];
  if (Math.abs(skewSeconds) > mostSkewSeconds)
    findings.push(
      warning(
        'clock-off',
        `its clock is ${Math.abs(skewSeconds)} s ${skewSeconds > 0 ? 'ahead of' : 'behind'} that of this machine`,
        'certificates, DNSSEC and signed packages are refused by a clock that is wrong',
        'set up time synchronisation (the role base does), or: timedatectl set-ntp true',
      ),
    );
  if (first(look, 'synchronised') === 'no')
    findings.push(
      warning(
        'clock-unsynchronised',
        'its clock is not synchronised',
        'it drifts by seconds a day',
        'apt-get install systemd-timesyncd; timedatectl set-ntp true',
      ),
    );
  return findings;
}

function stateFindings({ name }: Host, state: string): Finding[] {
  const findings: Finding[] = [];
  const pending = [...state.matchAll(/^pending=\S+ (.*)$/gm)].map((match) => match[1]);
  if (pending.length > 0)
    findings.push(
      warning(
        'restarts-pending',
        `still to do: ${pending.join(', ')}`,
        'an earlier run changed what it waits for, and did not get to it',
        'run the playbook again: it does what is still to do',
      ),
    );
  const [, ended = ''] = /^ended=(.*)$/m.exec(state) ?? [];
  if (/^interrupted/.test(ended))
    findings.push(
      warning(
        'run-interrupted',
        'the last run was cut short',
        'what it was to do is half done',
        `lab resume --limit ${name}`,
      ),
    );
  return findings;
}

async function lockFindings(session: Session, { name }: Host): Promise<Finding[]> {
  const lock = await new JournalReader(session).lock();
  if (lock === null) return [];
  const who = `run ${lock.get('run')} of ${lock.get('who')}`;
  if (lock.has('guardian'))
    return [
      warning(
        'guard-pending',
        `it waits for a fresh login to confirm what ${who} did`,
        'without one it takes the change back by itself',
        `wait a minute; when ${who} is yours and hangs: lab resume --limit ${name}`,
      ),
    ];
  if (lock.has('stage') || (lock.has('controller') && !lock.has('rebooted')))
    return [
      warning(
        'run-under-way',
        `${who} is at work`,
        'one run at a time',
        `wait, or follow it: lab resume --limit ${name}`,
      ),
    ];
  return [
    warning(
      'lock-dead',
      `${who} left its lock, and nobody is behind it`,
      'the next run takes it over, and finishes or takes back what was begun',
      `lab unlock ${name}`,
    ),
  ];
}

/** Whether answers come through that fill whole packets. */
async function pathFindings(session: Session): Promise<Finding[]> {
  try {
    await session.exchange(largeAnswer, () => {}, largeSeconds);
    return [];
  } catch (thrown) {
    const error = asLabError(thrown);
    if (error.code !== 'STEP_TIMEOUT') throw error;
    return [
      bad(
        'large-packets-lost',
        `short answers arrive, one of 100 kB does not within ${largeSeconds} s`,
        'something on the way, often a tunnel, drops packets of full size and does not say so',
        'lower the MTU of the tunnel (role wireguard: mtu: 1280), and let ICMP "fragmentation needed" through',
      ),
    ];
  }
}
