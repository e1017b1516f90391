import { execLine } from '../resources/systemd/exec-line.ts';
import { sandbox } from '../resources/systemd/sandbox.ts';
import { type Job, placesOf } from './job.ts';

/** As `unitFile` takes them: section → setting → value. */
type Settings = Record<string, string | number | boolean | string[]>;
type Sections = Record<string, Settings>;

/** What a service of ours may do: reach hosts over the network, and write where `writable` says. systemd.exec(5). */
function hardened(job: Job, writable: readonly string[]): Settings {
  const { user, home, repository } = placesOf(job.name);
  return {
    Type: 'oneshot',
    User: user,
    WorkingDirectory: repository,
    Environment: [`HOME=${home}`, `XDG_CACHE_HOME=${home}/cache`, `XDG_STATE_HOME=${home}/state`, 'LANG=C.UTF-8'],
    UMask: '0077',
    ...sandbox,
    CapabilityBoundingSet: '',
    AmbientCapabilities: '',
    ...(writable.length > 0 && { ReadWritePaths: writable.join(' ') }),
    PrivateUsers: true,
    RemoveIPC: true,
    KeyringMode: 'private',
    RestrictAddressFamilies: 'AF_INET AF_INET6 AF_UNIX AF_NETLINK',
    SystemCallFilter: ['@system-service', '~@privileged @resources'],
    SystemCallErrorNumber: 'EPERM',
    // MemoryDenyWriteExecute stays off: V8 writes the code that it runs.
  };
}

/** `%` begins a specifier in values of unit files, systemd.unit(5). */
function literal(text: string): string {
  return text
    .replaceAll('%', '%%')
    .replaceAll(/[\r\n]/g, ' ')
    .replaceAll(/\\$/gm, '\\ ');
}

function labCommand({ name, node }: Job, words: readonly string[]): string {
  return execLine([node.path, `${placesOf(name).program}/bin/lab.js`, ...words]);
}

/** @param lockFolder folder of the lock file, which a run may update */
export function serviceSections(job: Job, lockFolder: string): Sections {
  const { home, notifyService } = placesOf(job.name);
  return {
    Unit: {
      Description: literal(`lab schedule ${job.name}: lab run ${job.playbook}`),
      Wants: 'network-online.target',
      After: 'network-online.target',
      ...(job.notify !== undefined && { OnFailure: notifyService }),
    },
    Service: {
      ...hardened(job, [home, lockFolder]),
      ExecStart: labCommand(job, ['schedule', 'work', job.name]),
      // A job that hangs would otherwise never fail, nor run again.
      TimeoutStartSec: '6h',
      // The first signal lets the hosts end the step that they are in.
      KillMode: 'mixed',
      TimeoutStopSec: '5min',
    },
  };
}

/** The same job with `--check`, under the same restrictions, as a unit that is gone afterwards; its output is that of this. */
export function tryCommand(job: Job, lockFolder: string): string[] {
  const { home, program } = placesOf(job.name);
  const { Type: _, ...settings } = hardened(job, [home, lockFolder]);
  const properties = Object.entries({ ...settings, RuntimeMaxSec: '10min' }).flatMap(([name, value]) =>
    [value].flat().map((one) => `--property=${name}=${one}`),
  );
  const unit = ['--quiet', '--wait', '--pipe', '--collect', `--unit=lab-schedule-try-${job.name}-${process.pid}`];
  const words = [job.node.path, `${program}/bin/lab.js`, 'schedule', 'work', job.name, '--check'];
  return ['systemd-run', ...unit, ...properties, '--', ...words];
}

export function timerSections(job: Job): Sections {
  return {
    Unit: { Description: literal(`when lab runs ${job.playbook}`) },
    Timer: { OnCalendar: job.calendar, Persistent: true, RandomizedDelaySec: job.delay },
    Install: { WantedBy: 'timers.target' },
  };
}

/** Started by systemd when the job fails, whatever it fails of. */
export function notifySections(job: Job): Sections {
  return {
    Unit: {
      Description: literal(`tells that lab schedule ${job.name} failed`),
      Wants: 'network-online.target',
      After: 'network-online.target',
    },
    Service: {
      ...hardened(job, [placesOf(job.name).home]),
      ExecStart: labCommand(job, ['schedule', 'tell', job.name]),
      TimeoutStartSec: '3min',
    },
  };
}
