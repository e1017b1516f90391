import type { RunFact, SystemFact } from '../../remote/facts/contract.ts';
import { LabError } from '../../shared/errors.ts';
import { readOwnFile } from '../../shared/own-package.ts';
import type { Step } from '../contract.ts';
import type { UpgradeScope } from './upgrades.ts';

export type ManagerName = Exclude<SystemFact['packageManager'], 'none'>;

export interface InstallRequest {
  /** `name`, or `name` with the version wanted. */
  readonly packages: readonly { readonly name: string; readonly version?: string | undefined }[];
  readonly allowHeld: boolean;
  readonly recommends: boolean;
  readonly indexMaxAgeHours: number;
  readonly lockTimeoutSeconds: number;
}

/** What differs from one package manager to the next; the work itself is in the script beside this file. */
interface Manager {
  /** A name with its version, as the manager wants to read it. */
  versioned(name: string, version: string): string;
  /** Lists the newest version that each name could have, without changing anything. */
  newest(names: readonly string[]): readonly string[];
  /** Name → that version; a name that is up to date may be missing. */
  parseNewest(output: RunFact): ReadonlyMap<string, string>;
}

const managers: Readonly<Record<ManagerName, Manager>> = {
  apt: {
    versioned: (name, version) => `${name}=${version}`,
    newest: (names) => ['apt-cache', 'policy', ...names],
    parseNewest: ({ stdout }) => parsePolicy(stdout),
  },
  apk: {
    versioned: (name, version) => `${name}=${version}`,
    newest: (names) => ['apk', 'list', '--upgradable', ...names],
    parseNewest: ({ stdout }) => pairs(stdout, /^(\S+)-([^-\s]+-r\d+) /),
  },
  dnf: {
    versioned: (name, version) => `${name}-${version}`,
    newest: (names) => ['dnf', '-q', '--cacheonly', 'check-update', ...names],
    parseNewest: ({ stdout }) => pairs(stdout, /^(\S+)\.\S+\s+(?:\d+:)?(\S+)\s/),
  },
  pacman: {
    // pacman installs what its repositories have now and nothing else.
    versioned: (name) => name,
    newest: (names) => ['pacman', '-Qu', ...names],
    parseNewest: ({ stdout }) => pairs(stdout, /^(\S+) \S+ -> (\S+)/),
  },
};

/** @throws LabError PLAN_IMPOSSIBLE for a host without a package manager that is known */
export function managerOf(system: SystemFact): ManagerName {
  if (system.packageManager !== 'none') return system.packageManager;
  throw new LabError('PLAN_IMPOSSIBLE', 'this host has no package manager that lab knows', {
    expected: 'apt, apk, dnf or pacman',
    found: system.osName,
  });
}

/** The command that tells the newest version of each name. */
export function newestCommand(manager: ManagerName, names: readonly string[]): readonly string[] {
  return managers[manager].newest(names);
}

export function parseNewest(manager: ManagerName, output: RunFact): ReadonlyMap<string, string> {
  return managers[manager].parseNewest(output);
}

export function installStep(manager: ManagerName, request: InstallRequest): Step {
  const names = request.packages.map(({ name, version }) =>
    version === undefined ? name : managers[manager].versioned(name, version),
  );
  const flags = [request.allowHeld && 'held', !request.recommends && 'bare'].filter(Boolean).join(',') || '-';
  return run(manager, 'install', request.lockTimeoutSeconds, [String(request.indexMaxAgeHours), flags, ...names]);
}

export function removeStep(
  manager: ManagerName,
  names: readonly string[],
  { allowHeld, lockTimeoutSeconds }: Pick<InstallRequest, 'allowHeld' | 'lockTimeoutSeconds'>,
): Step {
  return run(manager, 'remove', lockTimeoutSeconds, [allowHeld ? 'held' : '-', ...names]);
}

/** Reads the index of one repository (apt), or all of them. */
export function refreshStep(manager: ManagerName, sourceFile: string, lockTimeoutSeconds: number): Step {
  return run(manager, 'refresh', lockTimeoutSeconds, [sourceFile]);
}

/** Brings all packages to their newest version. */
export function upgradeStep(
  manager: ManagerName,
  { full, indexMaxAgeHours, lockTimeoutSeconds }: UpgradeScope & Pick<InstallRequest, 'lockTimeoutSeconds'>,
): Step {
  return run(manager, 'upgrade', lockTimeoutSeconds, [String(indexMaxAgeHours), full ? 'all' : 'safe']);
}

/** Undoes what the action of the same resource installed, upgraded or removed. */
export function revertStep(manager: ManagerName, lockTimeoutSeconds: number): Step {
  return run(manager, 'revert', lockTimeoutSeconds, []);
}

/** The same for some of the packages alone: these, and what they need, stay. Other steps are as they were. */
export function sparing(step: Step, names: readonly string[]): Step {
  const undoes = step.do === 'run' && step.argv[0] === 'sh' && step.argv[3] === 'revert';
  return undoes ? { ...step, argv: [...step.argv, ...names] } : step;
}

/** The names in the key of a resource, `package:curl,sudo`; none for a resource of another type. */
export function packagesIn(key: string): readonly string[] {
  return key.startsWith('package:') ? key.slice('package:'.length).split(',') : [];
}

/** Does again what `revertStep` undid: apt from what the undoing kept, the others from what their repositories have. */
export function redoSteps(manager: ManagerName, apply: Step, lockTimeoutSeconds: number): readonly Step[] {
  if (manager === 'apt') return [run(manager, 'redo', lockTimeoutSeconds, [])];
  // What is there now is what the next undoing has to lead back to.
  return [{ do: 'run', argv: ['sh', '-c', 'rm -f "$LAB_ACTION_DIR"/*.before "$LAB_ACTION_DIR"/*.after'] }, apply];
}

/** A slow mirror and many packages may take long; waiting for the lock comes on top. */
const workSeconds = 1800;

function run(manager: ManagerName, verb: string, lockTimeoutSeconds: number, words: readonly string[]): Step {
  return {
    do: 'run',
    argv: ['sh', '-s', '--', verb, String(lockTimeoutSeconds), ...words],
    stdin: scriptOf(manager),
    timeoutSeconds: workSeconds + lockTimeoutSeconds,
  };
}

const scripts = new Map<ManagerName, string>();

function scriptOf(manager: ManagerName): string {
  const files = manager === 'apt' ? ['apt-index', 'apt'] : [manager];
  const known = scripts.get(manager) ?? files.map((file) => readOwnFile(`resources/packages/${file}.sh`)).join('\n');
  scripts.set(manager, known);
  return known;
}

/** `apt-cache policy`: a block a package, its name flush left, `Candidate:` indented. */
function parsePolicy(output: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  let name = '';
  for (const line of output.split('\n')) {
    const candidate = /^ {2}Candidate: (\S+)/.exec(line)?.[1];
    if (/^\S+:$/.test(line)) name = line.slice(0, -1);
    else if (candidate !== undefined && candidate !== '(none)') found.set(name, candidate);
  }
  return found;
}

function pairs(output: string, pattern: RegExp): ReadonlyMap<string, string> {
  const matches = output.split('\n').map((line) => pattern.exec(line));
  return new Map(matches.flatMap((match) => (match ? [[match[1] ?? '', match[2] ?? ''] as const] : [])));
}
