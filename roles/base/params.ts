import { Secret, z } from '../../src/index.ts';
import { canBecomeRoot, hasKey } from './access.ts';
import { hardening } from './hardening/params.ts';

const admin = z.strictObject({
  /** Name of the account. */
  name: z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/, { error: 'a user name such as "ada"' }),
  /** Full name. */
  comment: z.string().optional(),
  /** Public keys, as lines of authorized_keys. */
  keys: z.array(z.string()).default([]),
  /** Takes away every key that is not in `keys`. */
  exclusiveKeys: z.boolean().default(false),
  /** Keys that are taken away where they are found. */
  revokedKeys: z.array(z.string()).default([]),
  /**
   * How this admin becomes root: `free` asks nothing, `password` asks for the own password, `none` not at all. Default
   * `password` when there is a password hash, else `free`.
   */
  sudo: z.enum(['free', 'password', 'none']).optional(),
  /** As crypt(5) writes it; `mkpasswd --method=yescrypt` makes one. */
  passwordHash: z.instanceof(Secret).optional(),
  /** Login shell. Default `/bin/bash` where every system has it, else the system's own default. */
  shell: z.string().startsWith('/').optional(),
  /** Further groups; they must exist. */
  groups: z.array(z.string()).default([]),
});

export type Admin = z.output<typeof admin>;

/** The two that decide who may log in have parameters of their own, which look before they lock. */
const sshdKeyword = z
  .string()
  .regex(/^[A-Za-z]+$/, { error: 'a keyword of sshd_config(5)' })
  .refine(
    (keyword) => !['permitrootlogin', 'passwordauthentication', 'include', 'match'].includes(keyword.toLowerCase()),
    {
      error: 'use the parameters permitRootLogin and passwordAuthentication; Include and Match cannot be set here',
    },
  );

const sshd = z.strictObject({
  /** Whether the role looks after sshd at all: who may log in, and with which algorithms. */
  harden: z.boolean().default(true),
  /**
   * `auto` never locks anybody out: `no` when an admin who can become root is who `lab` logs in as, else only with a key
   * when one is declared or `lab` itself uses one, else as the host has it.
   */
  permitRootLogin: z.enum(['auto', 'yes', 'prohibit-password', 'no']).default('auto'),
  /** `auto`: no, as soon as an admin has a key and `lab` itself does not log in with a password; else as the host has it. */
  passwordAuthentication: z.union([z.literal('auto'), z.boolean()]).default('auto'),
  /** Further settings of sshd_config(5); they win over those of the role. */
  settings: z.record(sshdKeyword, z.string().regex(/^[^\n\0]*$/, { error: 'one line' })).default({}),
});

const upgrades = z.strictObject({
  /** Installs security updates every day. Only where apt is. */
  enabled: z.boolean().default(true),
  /** Reboots by itself when an update needs it. */
  reboot: z.boolean().default(false),
  /** Time of day for that, in the host's time zone. */
  rebootTime: z
    .string()
    .regex(/^([01]\d|2[0-3]):[0-5]\d$/, { error: 'a time of day such as "04:30"' })
    .default('04:30'),
  /** Address for a report when something went wrong. Needs a mail program on the host. */
  mail: z
    .string()
    .regex(/^[^\s"\\]+$/, { error: 'a mail address' })
    .optional(),
});

const journald = z.strictObject({
  /** Largest size of the journal on disk; `null` leaves journald's settings alone. */
  maxUse: z
    .string()
    .regex(/^\d+[KMGT]?$/, { error: 'a size such as "500M"' })
    .nullable()
    .default('500M'),
  /** Oldest entry, as in systemd.time(7). */
  maxAge: z
    .string()
    .regex(/^\d+\s*[a-z]*$/, { error: 'a span such as "3month"' })
    .default('3month'),
});

const timeSync = z.strictObject({
  /** Who keeps the time; `none` leaves it to the host. */
  with: z.enum(['timesyncd', 'chrony', 'none']).default('timesyncd'),
  /** Names or addresses of time servers. Default: those of the distribution. */
  servers: z.array(z.string().regex(/^[A-Za-z0-9.:_-]+$/, { error: 'a host name or address' })).default([]),
});

/** Everything is optional: `base` alone makes a sound host. */
export const params = z
  .strictObject({
    /** Name that the host gives itself. Default: its name in the inventory. `null` leaves it alone. */
    hostname: z.string().nullable().optional(),
    /** Name of the time zone, as in `/usr/share/zoneinfo`. `null` leaves it alone. */
    timezone: z.string().nullable().default('Etc/UTC'),
    packages: z
      .strictObject({
        /** Packages that every host has; the role adds what the rest of it needs. */
        install: z.array(z.string()).default(['ca-certificates', 'curl']),
        /** Packages that no host has. */
        remove: z.array(z.string()).default([]),
      })
      .prefault({}),
    /** People who administer the host; an account each. */
    admins: z.array(admin).default([]),
    /** Accounts that go, with their keys; their home directories stay. */
    formerAdmins: z.array(z.string()).default([]),
    sshd: sshd.prefault({}),
    /** Kernel parameters, over those of `hardening.level`; `null` leaves one alone. */
    sysctl: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]).nullable()).default({}),
    hardening: hardening.prefault({}),
    upgrades: upgrades.prefault({}),
    journald: journald.prefault({}),
    timeSync: timeSync.prefault({}),
  })
  .superRefine(({ admins, formerAdmins, sshd }, context) => {
    const names = admins.map(({ name }) => name);
    const complain = (path: (string | number)[], message: string) =>
      context.addIssue({ code: 'custom', path, message });
    for (const [index, name] of names.entries()) {
      if (names.indexOf(name) !== index) complain(['admins', index, 'name'], `"${name}" is there twice`);
      if (name === 'root') complain(['admins', index, 'name'], 'root is no admin: declare a person');
    }
    for (const [index, name] of formerAdmins.entries()) {
      if (names.includes(name)) complain(['formerAdmins', index], `"${name}" is an admin too`);
    }
    if (sshd.passwordAuthentication === false && !admins.some(hasKey)) {
      complain(
        ['sshd', 'passwordAuthentication'],
        'without a password and without an admin who has a key nobody could log in',
      );
    }
    if (sshd.permitRootLogin === 'no' && !admins.some((one) => hasKey(one) && canBecomeRoot(one))) {
      complain(
        ['sshd', 'permitRootLogin'],
        'without root and without an admin who has a key and sudo nobody could administer the host',
      );
    }
  });

export type Params = z.output<typeof params>;
