import { z } from '../../../src/index.ts';

const moduleName = z.string().regex(/^[A-Za-z0-9_-]+$/, { error: 'the name of a kernel module such as "dccp"' });

const bans = z.strictObject({
  /** Failures within ten minutes. Default 10. */
  failures: z.int().min(1).max(1000).default(10),
  /** Default 60. */
  minutes: z.int().min(1).max(525_600).default(60),
});

/** What a level leaves open each host can say for itself: what is not given follows the level. */
export const hardening = z.strictObject({
  /**
   * `standard` changes what nobody notices who uses the host as it is meant to be used; `strict` also what somebody may notice;
   * `none` leaves alone all that follows, and the kernel's parameters but for `sysctl`. Default `standard`.
   */
  level: z.enum(['none', 'standard', 'strict']).default('standard'),
  /** Whether processes that crash leave their memory behind. Default false. */
  coreDumps: z.boolean().optional(),
  /** Kernel modules that are not loaded, over those of the level; `false` lets one be loaded. */
  blockedModules: z.record(moduleName, z.boolean()).default({}),
  /** How long an interactive login shell waits for input, in seconds; `null` is for ever. Default: 900 when strict. */
  idleTimeout: z.int().min(60).max(86_400).nullable().optional(),
  /** UMASK of login.defs(5); `null` leaves it. Default: 027 when strict. */
  umask: z
    .string()
    .regex(/^0?[0-7]{3}$/, { error: 'an octal mask such as "027"' })
    .nullable()
    .optional(),
  /** What the console says before a login, instead of what the host runs; `null` leaves it. Default: a warning when strict. */
  banner: z
    .string()
    .regex(/^[^\\\0]+$/, { error: 'a text without backslashes, which agetty(8) would take for commands' })
    .nullable()
    .optional(),
  /** Least length of a new password, which is checked against a dictionary as well; `null` leaves it. Default: 12 when strict. */
  passwordLength: z.int().min(8).max(64).nullable().optional(),
  /** Whom fail2ban shuts out who fails to log in by SSH; `null`: nobody. Default: 10 failures, 60 minutes when strict. */
  bans: bans.nullable().optional(),
  /** Every week files of packages are held against the packages' checksums. Default: true when strict. */
  checksums: z.boolean().optional(),
  /** Every week the journal tells what else changed: settings, keys, jobs, programs of one's own (AIDE). Default: true when strict. */
  fileChanges: z.boolean().optional(),
  /** Jobs of cron are for root's eyes alone. Default: true when strict. */
  privateJobs: z.boolean().optional(),
});

type Given = z.output<typeof hardening>;

/** What is done, all defaults filled in; `null` and `false` leave a thing alone. */
export interface Hardening {
  readonly level: Given['level'];
  readonly coreDumps: boolean;
  /** Names, sorted. */
  readonly blockedModules: readonly string[];
  /** Seconds. */
  readonly idleTimeout: number | null;
  readonly umask: string | null;
  readonly hashRounds: boolean;
  readonly banner: string | null;
  readonly passwordLength: number | null;
  readonly bans: z.output<typeof bans> | null;
  readonly checksums: boolean;
  readonly fileChanges: boolean;
  readonly privateJobs: boolean;
}

/** Lynis and the CIS benchmarks look for words of this kind. */
const warning = 'This system is private. Access is restricted to those whom its owner authorised, and is logged.\n';

/**
 * Protocols and file systems that no role, no home server's service and no boot needs, most of which had holes; FireWire, by
 * which a device reads the memory. Their modules load by themselves when something asks for them, unprivileged users included.
 */
const unneededModules = ['cramfs', 'dccp', 'firewire-ohci', 'freevxfs', 'jffs2', 'rds', 'sctp', 'tipc'];

/** The parameters with what the level says where they say nothing. */
export function hardeningOf(given: Given): Hardening {
  const { level } = given;
  const some = level !== 'none';
  const strict = level === 'strict';
  const modules = {
    ...(some && Object.fromEntries(unneededModules.map((name) => [name, true]))),
    ...given.blockedModules,
  };
  return {
    level,
    coreDumps: given.coreDumps ?? !some,
    blockedModules: Object.keys(modules)
      .filter((name) => modules[name])
      .sort(),
    idleTimeout: orLevel(given.idleTimeout, strict ? 900 : null),
    umask: orLevel(given.umask, strict ? '027' : null),
    hashRounds: some,
    banner: orLevel(given.banner, strict ? warning : null),
    passwordLength: orLevel(given.passwordLength, strict ? 12 : null),
    bans: orLevel(given.bans, strict ? bans.parse({}) : null),
    checksums: given.checksums ?? strict,
    fileChanges: given.fileChanges ?? strict,
    privateJobs: given.privateJobs ?? strict,
  };
}

/** Null is something that was said. */
function orLevel<Value>(given: Value | undefined, ofLevel: Value): Value {
  return given === undefined ? ofLevel : given;
}
