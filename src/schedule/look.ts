import { FactLoader } from '../remote/facts/loader.ts';
import type { Session } from '../remote/session.ts';
import { LabError } from '../shared/errors.ts';
import { type Job, parseManifest, placesOf } from './job.ts';
import { chooseNode } from './node-choice.ts';

/** What is to become a job, as far as the control host has a say in it. */
export interface Wanted {
  readonly name: string;
  readonly calendar: string;
  readonly delay: string;
  readonly notifyCommand?: string | undefined;
  /** Of the lock file, relative to the repository. */
  readonly lockFile: string;
}

/** What a control host says before anything is planned. */
export interface ControlHost {
  readonly node: Job['node'];
  /** Where its connections come from. */
  readonly addresses: readonly string[];
  /** The job as it is there. */
  readonly before: Job | undefined;
  /** The lock file of the job there. */
  readonly lock: string | null;
}

const nodePlaces = ['/usr/local/bin/node', '/usr/bin/node', '/usr/bin/nodejs'];

/**
 * Looks whether a host can carry a job. One round trip.
 *
 * @throws LabError USAGE for a calendar or delay that systemd does not understand; SCHEDULE_HOST for a host that is not fit
 */
export async function lookAtControl(session: Session, wanted: Wanted): Promise<ControlHost> {
  const { name, calendar, delay, notifyCommand } = wanted;
  const places = placesOf(name);
  const facts = new FactLoader(session);
  const [system, calendarSays, delaySays, keygen, command, nodes, policy, addresses, manifest, lock] =
    await Promise.all([
      facts.system(),
      facts.run(['sh', '-c', 'systemd-analyze calendar -- "$1" 2>&1', 'lab', calendar]),
      facts.run(['sh', '-c', 'systemd-analyze timespan -- "$1" 2>&1', 'lab', delay]),
      facts.run(['sh', '-c', 'command -v ssh-keygen']),
      notifyCommand === undefined ? undefined : facts.run(['test', '-f', notifyCommand, '-a', '-x', notifyCommand]),
      facts.run([
        'sh',
        '-c',
        'for each; do [ -x "$each" ] && echo "$each $("$each" --version)"; done; :',
        'lab',
        ...nodePlaces,
      ]),
      facts.run(['sh', '-c', 'LC_ALL=C apt-cache policy nodejs 2>/dev/null']),
      facts.run(['sh', '-c', 'ip -o addr show scope global 2>/dev/null']),
      facts.content(places.manifest),
      facts.content(`${places.repository}/${wanted.lockFile}`),
    ]);
  const unfit = (message: string, expected: string, found: string, hint?: string): never => {
    throw new LabError('SCHEDULE_HOST', message, { host: session.host, expected, found, hint });
  };
  if (system.init !== 'systemd') unfit('the control host does not run systemd', 'systemd', system.init);
  if (system.uid !== 0)
    unfit('whoever logs in does not become root', 'root', `uid ${system.uid}`, "set become: 'sudo' in the inventory");
  if (calendarSays.exitCode !== 0) throw misunderstood('--calendar', calendar, calendarSays.stdout, session.host);
  if (delaySays.exitCode !== 0) throw misunderstood('--delay', delay, delaySays.stdout, session.host);
  if (keygen.exitCode !== 0)
    unfit('the control host cannot make a key', 'ssh-keygen', 'nothing', 'apt-get install openssh-client');
  if (command !== undefined && command.exitCode !== 0)
    unfit('there is no such program to notify with', 'an executable file on the control host', String(notifyCommand));
  const before = manifest === null ? undefined : parseManifest(Buffer.from(manifest).toString());
  return {
    node: chooseNode({
      job: name,
      installed: parseNodes(nodes.stdout),
      candidate: parseCandidate(policy.stdout),
      architecture: system.architecture,
      before: before?.node,
      controller: { platform: process.platform, arch: process.arch, version: process.version },
    }),
    addresses: parseAddresses(addresses.stdout),
    before,
    lock: lock === null ? null : Buffer.from(lock).toString(),
  };
}

function misunderstood(option: string, value: string, output: string, host: string): LabError {
  return new LabError('USAGE', `systemd does not understand ${option}`, {
    host,
    expected:
      option === '--calendar' ? 'a time as in systemd.time(7): weekly, "Mon *-*-* 04:30"' : 'a time span: 1h, 30min',
    found: value,
    output,
  });
}

function parseNodes(text: string) {
  return text
    .split('\n')
    .map((line) => line.split(' '))
    .flatMap(([path, version]) => (path && version ? [{ path, version }] : []));
}

/** Of `apt-cache policy`. */
function parseCandidate(text: string): string | null {
  const candidate = /^ {2}Candidate: (\S+)$/m.exec(text)?.[1];
  return candidate === undefined || candidate === '(none)' ? null : candidate;
}

/**
 * Addresses of `ip -o addr`, sorted. Those of bridges for containers are not where a connection to another host comes from,
 * and a temporary address (RFC 8981) is another one tomorrow.
 */
export function parseAddresses(text: string): string[] {
  const found = text.split('\n').flatMap((line) => {
    const [, device = '', address] = /^\d+: (\S+)\s+inet6? ([0-9a-fA-F.:]+)/.exec(line) ?? [];
    const inner = /^(docker|br-|veth|virbr|lxc|lxdbr|cni|flannel|podman)/.test(device);
    return address === undefined || inner || /\b(temporary|deprecated|tentative)\b/.test(line) ? [] : [address];
  });
  return [...new Set(found)].sort();
}
