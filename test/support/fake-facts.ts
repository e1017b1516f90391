import { createHash } from 'node:crypto';
import { dirname } from 'node:path';
import {
  type FactOptions,
  type Facts,
  type FileFact,
  type GroupFact,
  KnownAfterApply,
  type PackageFact,
  type RunFact,
  type SystemFact,
  type UnitFact,
  type UserFact,
} from '../../src/remote/facts/contract.ts';
import type { Change, Resource, TriggerAction } from '../../src/resources/contract.ts';
import { PlanningFacts } from '../../src/runner/plan/planning-facts.ts';

/** A file on the imagined host. A string is a root-owned `0644` file with that content. */
export type FakeFile = string | (Partial<FileFact> & { readonly content?: string | Uint8Array });

/** The host that a case imagines; what is not named is absent. */
export interface FakeHost {
  readonly system?: Partial<SystemFact>;
  /** Directories above a file exist by themselves. `/etc`, `/srv`, `/tmp`, `/root`, `/usr/local/bin` always do. */
  readonly files?: Readonly<Record<string, FakeFile>>;
  readonly packages?: Readonly<Record<string, Partial<PackageFact>>>;
  readonly units?: Readonly<Record<string, Partial<UnitFact>>>;
  /** `root` always exists. */
  readonly users?: Readonly<Record<string, Partial<UserFact>>>;
  /** `root` always exists, and a group for every user. */
  readonly groups?: Readonly<Record<string, Partial<GroupFact>>>;
  readonly sysctls?: Readonly<Record<string, string>>;
  /** Answers of `run`: the words joined by a blank → what it printed, or its whole result. Others are an error. */
  readonly runs?: Readonly<Record<string, string | RunFact>>;
  /** An installation is planned: what is absent may come with it. */
  readonly unsettledBy?: string;
}

const alwaysThere = ['/', '/etc', '/srv', '/tmp', '/root', '/usr/local/bin'];

/** Facts of an imagined host, for case tables: a resource type is tested with no host at all. */
export class FakeFacts implements Facts {
  readonly #host: FakeHost;
  readonly #files = new Map<string, FileFact>();
  readonly #contents = new Map<string, Uint8Array | null>();
  readonly #packages = new Map<string, PackageFact>();
  readonly #units = new Map<string, UnitFact>();
  readonly #users = new Map<string, UserFact | null>();
  readonly #groups = new Map<string, GroupFact | null>();
  readonly #sysctls = new Map<string, string>();
  #unsettledBy: string | undefined;
  /** What was asked, `file /etc/motd`, in order. */
  readonly asked: string[] = [];

  constructor(host: FakeHost = {}) {
    this.#host = host;
    this.#unsettledBy = host.unsettledBy;
    for (const path of alwaysThere) this.#files.set(path, directoryFact(path));
    for (const [path, given] of Object.entries(host.files ?? {})) this.#addFile(path, given);
    for (const [name, given] of Object.entries(host.packages ?? {})) this.#packages.set(name, packageFact(name, given));
    for (const [name, given] of Object.entries(host.units ?? {})) this.#units.set(name, unitFact(name, given));
    for (const [name, given] of Object.entries({ root: { uid: 0, gid: 0, home: '/root' }, ...host.users })) {
      this.#users.set(name, userFact(name, given));
      this.#groups.set(name, { name, gid: given.gid ?? 1000, members: [] });
    }
    for (const [name, given] of Object.entries(host.groups ?? {})) {
      this.#groups.set(name, { name, gid: 2000, members: [], ...given });
    }
    for (const [key, value] of Object.entries(host.sysctls ?? {})) this.#sysctls.set(key, value);
  }

  async system(): Promise<SystemFact> {
    this.asked.push('system');
    return { ...debian, ...this.#host.system };
  }

  async file(path: string, options: FactOptions = {}): Promise<FileFact> {
    this.asked.push(`file ${path}`);
    const fact = this.#files.get(path) ?? absent(path);
    if (fact.kind === 'absent' && options.packagesMayCreate === true) this.#refuseUnsettled(path);
    return fact;
  }

  async content(path: string, options: FactOptions = {}): Promise<Uint8Array | null> {
    this.asked.push(`content ${path}`);
    const target = this.#files.get(path)?.target;
    const content = this.#contents.get(path) ?? (target == null ? null : (this.#contents.get(target) ?? null));
    if (content === null && options.packagesMayCreate === true) this.#refuseUnsettled(path);
    return content;
  }

  async package(name: string): Promise<PackageFact> {
    this.asked.push(`package ${name}`);
    return this.#packages.get(name) ?? packageFact(name, { installed: false, version: null });
  }

  async unit(name: string): Promise<UnitFact> {
    this.asked.push(`unit ${name}`);
    const known = this.#units.get(name);
    if (known === undefined) this.#refuseUnsettled(name);
    return known ?? unitFact(name, { load: 'not-found', enablement: '', active: 'inactive' });
  }

  async user(name: string, options: FactOptions = {}): Promise<UserFact | null> {
    this.asked.push(`user ${name}`);
    const known = this.#users.get(name) ?? null;
    if (known === null && options.packagesMayCreate === true) this.#refuseUnsettled(name);
    return known;
  }

  async group(name: string, options: FactOptions = {}): Promise<GroupFact | null> {
    this.asked.push(`group ${name}`);
    const known = this.#groups.get(name) ?? null;
    if (known === null && options.packagesMayCreate === true) this.#refuseUnsettled(name);
    return known;
  }

  async sysctl(key: string): Promise<string | null> {
    this.asked.push(`sysctl ${key}`);
    return this.#sysctls.get(key) ?? null;
  }

  async run(argv: readonly string[]): Promise<RunFact> {
    this.asked.push(`run ${argv.join(' ')}`);
    this.#refuseUnsettled('what a command says');
    const answer = this.#host.runs?.[argv.join(' ')];
    if (answer === undefined) throw new Error(`the case gives no answer for: ${argv.join(' ')}`);
    return typeof answer === 'string' ? { exitCode: 0, stdout: answer } : answer;
  }

  #refuseUnsettled(what: string): void {
    if (this.#unsettledBy !== undefined) throw new KnownAfterApply(`${what} may come with ${this.#unsettledBy}`);
  }

  #addFile(path: string, given: FakeFile): void {
    const { content, ...fact } = typeof given === 'string' ? { content: given } : given;
    this.#files.set(path, { ...fileFact(path, fact.kind, content ?? ''), ...fact });
    if (this.#files.get(path)?.kind === 'file') this.#contents.set(path, Buffer.from(content ?? ''));
    for (let parent = dirname(path); !this.#files.has(parent); parent = dirname(parent)) {
      this.#files.set(parent, directoryFact(parent));
    }
  }
}

/**
 * What a resource would change on an imagined host.
 *
 * @example
 * expect(await changesOf(file({ path: '/etc/motd', content: 'hi\n' }), { files: { '/etc/motd': 'hi\n' } })).toEqual([]);
 */
export async function changesOf(
  resource: Resource,
  host: FakeHost | FakeFacts | PlanningFacts = {},
): Promise<readonly Change[]> {
  const facts = host instanceof FakeFacts || host instanceof PlanningFacts ? host : new FakeFacts(host);
  return resource.resourceType.diff(resource.props, await resource.resourceType.read(facts, resource.props));
}

/** What a resource would do because one that it watches changes. */
export async function triggeredBy(
  action: TriggerAction,
  resource: Resource,
  host: FakeHost | FakeFacts = {},
): Promise<readonly Change[]> {
  const facts = host instanceof FakeFacts ? host : new FakeFacts(host);
  const current = await resource.resourceType.read(facts, resource.props);
  const changes = resource.resourceType.diff(resource.props, current);
  return resource.resourceType.triggered?.(action, resource.props, current, changes) ?? [];
}

/**
 * What resources declared one after the other would change, each seeing what those before it predict.
 *
 * @param host with PlanningFacts the caller sees afterwards what is predicted
 */
export async function changesInOrder(
  resources: readonly Resource[],
  host: FakeHost | PlanningFacts = {},
): Promise<readonly (readonly Change[])[]> {
  const facts = host instanceof PlanningFacts ? host : planningFacts(host);
  const all: (readonly Change[])[] = [];
  for (const { resourceType, props } of resources) {
    const changes = resourceType.diff(props, await resourceType.read(facts, props));
    for (const prediction of changes.flatMap((change) => change.predicts ?? [])) facts.predict(prediction);
    all.push(changes);
  }
  return all;
}

/** Facts of an imagined host, as the planner sees them. */
export function planningFacts(host: FakeHost = {}): PlanningFacts {
  return new PlanningFacts(new FakeFacts(host));
}

const debian: SystemFact = {
  hostname: 'testhost',
  os: 'debian',
  osVersion: '12',
  osName: 'Debian GNU/Linux 12 (bookworm)',
  codename: 'bookworm',
  architecture: 'x86_64',
  kernel: '6.1.0',
  init: 'systemd',
  packageManager: 'apt',
  container: null,
  bootId: '00000000-0000-4000-8000-000000000000',
  uptimeSeconds: 1000,
  cpus: 2,
  memoryBytes: 2 ** 31,
  uid: 0,
  rebootRequired: false,
};

function absent(path: string): FileFact {
  return {
    ...{ path, kind: 'absent', mode: '', owner: '', group: '', uid: -1, gid: -1 },
    ...{ size: 0, modified: 0, links: 0, sha256: null, target: null },
  };
}

function fileFact(path: string, kind: FileFact['kind'] = 'file', content: string | Uint8Array): FileFact {
  const bytes = Buffer.from(content);
  return {
    ...absent(path),
    kind,
    mode: kind === 'directory' ? '0755' : kind === 'symlink' ? '0777' : '0644',
    owner: 'root',
    group: 'root',
    uid: 0,
    gid: 0,
    size: bytes.length,
    modified: 1_700_000_000,
    links: kind === 'directory' ? 2 : 1,
    sha256: kind === 'file' ? createHash('sha256').update(bytes).digest('hex') : null,
  };
}

function directoryFact(path: string): FileFact {
  return fileFact(path, 'directory', '');
}

function packageFact(name: string, given: Partial<PackageFact>): PackageFact {
  return { name, installed: true, version: '1.0-1', held: false, broken: false, ...given };
}

function unitFact(name: string, given: Partial<UnitFact>): UnitFact {
  return { name, load: 'loaded', enablement: 'enabled', active: 'active', needsReload: false, ...given };
}

function userFact(name: string, given: Partial<UserFact>): UserFact {
  const defaults = { uid: 1000, gid: 1000, comment: '', home: `/home/${name}`, shell: '/bin/sh', groups: [name] };
  return { name, ...defaults, passwordHash: '!', ...given };
}
