import {
  directory,
  file,
  type Host,
  type Inventory,
  line,
  packages,
  type ResourceTree,
  type SystemFact,
  timer,
  unit,
} from '../../../src/index.ts';
import { fileChanges } from './file-changes.ts';
import type { Hardening } from './params.ts';
import { coredump, limits, renderJail, renderModules, renderPasswords, renderProfile } from './render.ts';

interface Context {
  readonly host: Host;
  readonly inventory: Inventory;
}

/**
 * What hardens a host beside sshd and the kernel's parameters. Each part has packages of its own: one that is not wanted any more
 * goes without the others.
 */
export function hardeningResources(hardening: Hardening, system: SystemFact, context: Context): ResourceTree {
  const usesApt = system.packageManager === 'apt';
  return [
    modules(hardening),
    (!hardening.coreDumps || hardening.idleTimeout !== null) &&
      file({ path: '/etc/profile.d/60-lab.sh', content: renderProfile(hardening) }),
    !hardening.coreDumps && withoutCoreDumps(system),
    hardening.banner !== null &&
      ['/etc/issue', '/etc/issue.net'].map((path) => file({ path, content: hardening.banner ?? '' })),
    usesApt && [
      accountDefaults(hardening),
      hardening.passwordLength !== null && passwords(hardening.passwordLength),
      hardening.privateJobs && ['d', 'hourly', 'daily', 'weekly', 'monthly'].map(jobs),
    ],
    usesApt &&
      system.init === 'systemd' && [
        hardening.checksums && checksums(),
        hardening.bans !== null && banning(hardening.bans, context),
        // After all that this role changes.
        hardening.fileChanges && fileChanges(),
      ],
  ];
}

function modules({ blockedModules }: Hardening): ResourceTree {
  if (blockedModules.length === 0) return [];
  return [
    directory({ path: '/etc/modprobe.d' }),
    file({ path: '/etc/modprobe.d/60-lab.conf', content: renderModules(blockedModules) }),
  ];
}

function withoutCoreDumps({ init, packageManager }: SystemFact): ResourceTree {
  return [
    // Alpine has no PAM.
    packageManager !== 'apk' &&
      packageManager !== 'none' && [
        directory({ path: '/etc/security/limits.d', parents: true }),
        file({ path: '/etc/security/limits.d/60-lab.conf', content: limits }),
      ],
    init === 'systemd' && [
      directory({ path: '/etc/systemd/coredump.conf.d' }),
      file({ path: '/etc/systemd/coredump.conf.d/60-lab.conf', content: coredump }),
    ],
  ];
}

/** login.defs(5): of accounts and passwords that are made from now on. */
function accountDefaults({ umask, hashRounds }: Hardening): ResourceTree {
  const setting = (name: string, value: string) =>
    line({ path: '/etc/login.defs', match: new RegExp(`^\\s*${name}\\s`), line: `${name} ${value}` });
  return [
    umask !== null && setting('UMASK', umask),
    // For hashes that are not made by PAM: a few tenths of a second for one try.
    hashRounds && setting('SHA_CRYPT_MIN_ROUNDS', '65536'),
  ];
}

/** The package brings itself into PAM; without a dictionary it would refuse every password. */
function passwords(length: number): ResourceTree {
  const folder = '/etc/security/pwquality.conf.d';
  return [
    directory({ path: folder, parents: true }),
    file({ path: `${folder}/60-lab.conf`, content: renderPasswords(length) }),
    packages({ names: ['cracklib-runtime', 'libpam-pwquality'], recommends: false }),
  ];
}

function jobs(name: string): ResourceTree {
  return directory({ path: `/etc/cron.${name}`, mode: '0700' });
}

/** A unit that failed is what tells of a file that is not the package's any more. */
function checksums(): ResourceTree {
  return [
    packages({ names: ['debsums'], recommends: false }),
    timer({
      name: 'lab-checksums',
      description: 'Holds files of packages against their checksums',
      schedule: 'Sun *-*-* 03:00',
      randomizedDelaySeconds: 4 * 3600,
      argv: ['/usr/bin/debsums', '--silent'],
      service: { Nice: 19, IOSchedulingClass: 'idle' },
    }),
  ];
}

/**
 * Debian's own jail finds no log on a host without syslog, and fail2ban does not start: this one reads the journal. Where a gateway
 * (role vps-gateway) bans, what that says of sshd is read after this file and counts.
 */
function banning(bans: NonNullable<Hardening['bans']>, { host, inventory }: Context): ResourceTree {
  const inside = [...inventory.networks.values()].flatMap((network) => (network.public ? [] : network.prefixes));
  const ignored = inside.length > 0 ? inside : privateNetworks;
  const jail = file({
    path: '/etc/fail2ban/jail.d/lab-base.local',
    content: renderJail(bans, ignored, host.connection.port ?? 22),
  });
  return [
    directory({ path: '/etc/fail2ban/jail.d', parents: true }),
    jail,
    packages({ names: ['fail2ban', 'python3-systemd', 'nftables'], recommends: false }),
    unit({ name: 'fail2ban', state: 'running', enabled: true }, { restartOn: [jail] }),
  ];
}

/** RFC 1918, RFC 4193, RFC 4291 */
const privateNetworks = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7', 'fe80::/10'];
