/**
 * Typed facts about a host. A resource's `read` asks for them; the loader groups all that are asked in the same tick into
 * one script, so that a run costs one round trip however many resources it has.
 */

export interface FileFact {
  readonly path: string;
  readonly kind: 'absent' | 'file' | 'directory' | 'symlink' | 'other';
  /** Permission bits as a string of four octal digits, `"0644"`; empty when absent. */
  readonly mode: string;
  readonly owner: string;
  readonly group: string;
  readonly uid: number;
  readonly gid: number;
  /** Bytes. */
  readonly size: number;
  /** Seconds since the epoch. */
  readonly modified: number;
  /** Hard links. */
  readonly links: number;
  /** Of a regular file's content, lower-case hex; `null` when it is no regular file or cannot be read. */
  readonly sha256: string | null;
  /** Of a symbolic link. */
  readonly target: string | null;
}

export interface PackageFact {
  readonly name: string;
  readonly installed: boolean;
  /** `null` when not installed. */
  readonly version: string | null;
  /** Held back from upgrades (`apt-mark hold`). */
  readonly held: boolean;
  /** Unpacked or half-configured: an earlier installation broke off. */
  readonly broken: boolean;
}

export interface UnitFact {
  readonly name: string;
  readonly load: 'loaded' | 'not-found' | 'masked' | 'error' | 'other';
  /** As systemd says it: `enabled`, `disabled`, `static`, `masked`, `indirect`, `alias`, … `''` when it has no file. */
  readonly enablement: string;
  /** `active`, `inactive`, `failed`, `activating`, … */
  readonly active: string;
  /** The unit's file changed on disk since systemd read it. */
  readonly needsReload: boolean;
}

export interface UserFact {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly comment: string;
  readonly home: string;
  readonly shell: string;
  /** Supplementary and primary groups, by name, sorted. */
  readonly groups: readonly string[];
  /** The hash of `/etc/shadow`, as it stands; `null` when it cannot be read. */
  readonly passwordHash: string | null;
}

export interface GroupFact {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

export interface RunFact {
  readonly exitCode: number;
  readonly stdout: string;
}

export interface SystemFact {
  readonly hostname: string;
  /** `ID` of os-release: `debian`, `ubuntu`, `alpine`, `fedora`, … */
  readonly os: string;
  /** `VERSION_ID` of os-release, `"12"`. */
  readonly osVersion: string;
  readonly osName: string;
  /** `VERSION_CODENAME`, `"bookworm"`; empty when it has none. */
  readonly codename: string;
  /** `uname -m`. */
  readonly architecture: string;
  readonly kernel: string;
  readonly init: 'systemd' | 'openrc' | 'other';
  readonly packageManager: 'apt' | 'apk' | 'dnf' | 'pacman' | 'none';
  /** What kind of container the host is (`docker`, `lxc`, …), whose kernel is that of the machine below; `null` for a machine. */
  readonly container: string | null;
  /** New at every boot: `/proc/sys/kernel/random/boot_id` and the start of the first process. */
  readonly bootId: string;
  readonly uptimeSeconds: number;
  readonly cpus: number;
  readonly memoryBytes: number;
  /** Who the reading process runs as; 0 after become. */
  readonly uid: number;
  /** Something asked for a reboot (`/run/reboot-required`). */
  readonly rebootRequired: boolean;
}

/** The facts of one host. All are cached for a run; asking twice costs nothing. */
export interface Facts {
  system(): Promise<SystemFact>;
  /** `lstat` and checksum. With `packagesMayCreate`, an absent path is unknown while an installation is planned. */
  file(path: string, options?: FactOptions): Promise<FileFact>;
  /** The bytes of a regular file (links are followed); `null` when there is none. Refuses more than 4 MiB. */
  content(path: string, options?: FactOptions): Promise<Uint8Array | null>;
  package(name: string): Promise<PackageFact>;
  /** Absent units are unknown while an installation is planned. */
  unit(name: string): Promise<UnitFact>;
  user(name: string, options?: FactOptions): Promise<UserFact | null>;
  group(name: string, options?: FactOptions): Promise<GroupFact | null>;
  /** Value as one line, runs of blanks and tabs as one space; `null` when the kernel has no such key. */
  sysctl(key: string): Promise<string | null>;
  /**
   * Runs a command that only reads. Each is a process of its own, in the same round trip. Default deadline 60 s.
   *
   * @throws LabError READ_FAILED when it is cut off by the deadline
   */
  run(
    argv: readonly string[],
    options?: { readonly user?: string; readonly timeoutSeconds?: number },
  ): Promise<RunFact>;
}

export interface FactOptions {
  /** An installation planned earlier in the run may bring it: then it is `known after apply` instead of absent. */
  readonly packagesMayCreate?: boolean;
}

/** What a planned change makes of a fact, for the resources after it. */
export type FactPrediction =
  | { readonly fact: 'file'; readonly value: FileFact; readonly content?: Uint8Array | null | undefined }
  /** The path and all below it is from here on what this change brings, in whatever form (an unpacked archive). */
  | { readonly fact: 'tree'; readonly path: string; readonly by: string }
  | { readonly fact: 'package'; readonly value: PackageFact }
  | { readonly fact: 'unit'; readonly value: UnitFact }
  | { readonly fact: 'user'; readonly name: string; readonly value: UserFact | null }
  | { readonly fact: 'group'; readonly name: string; readonly value: GroupFact | null }
  | { readonly fact: 'sysctl'; readonly key: string; readonly value: string }
  /** From here on whatever is absent may be brought by this change (an installation, an arbitrary command). */
  | { readonly fact: 'unsettled'; readonly by: string };

/** Thrown by a fact or a diff that depends on what an earlier change of the same run will bring. Not an error. */
export class KnownAfterApply extends Error {
  override readonly name = 'KnownAfterApply';
}
