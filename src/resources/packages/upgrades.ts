import type { RunFact } from '../../remote/facts/contract.ts';
import { LabError } from '../../shared/errors.ts';
import { readOwnFile } from '../../shared/own-package.ts';

/** What an upgrade of all packages of a host would do. */
export interface Upgrades {
  readonly changes: readonly PackageChange[];
  /** Packages that stay although there is a newer version: held by somebody, or in need of more than the upgrade may do. */
  readonly held: readonly string[];
  readonly kept: readonly string[];
  /** An installation of them broke off: it is finished first, and more may be due then. */
  readonly broken: readonly string[];
}

/** `before` is null for a package that comes along, `after` for one that has to go. */
export interface PackageChange {
  readonly name: string;
  readonly before: string | null;
  readonly after: string | null;
}

export interface UpgradeScope {
  /** Also what takes the removal of other packages. */
  readonly full: boolean;
  /** An older index is read anew, in hours. */
  readonly indexMaxAgeHours: number;
}

const script = (): string =>
  ['apt-index', 'apt-upgrades'].map((name) => readOwnFile(`resources/packages/${name}.sh`)).join('\n');

/** Looks without a change. */
export function upgradesCommand({ full, indexMaxAgeHours }: UpgradeScope): readonly string[] {
  const text = script().replaceAll(/^\s*#.*\n/gm, '');
  return ['sh', '-c', text, 'lab-apt-upgrades', String(indexMaxAgeHours), full ? 'all' : 'safe'];
}

/**
 * Reads what `apt-upgrades.sh` printed.
 *
 * @throws LabError PLAN_IMPOSSIBLE when it cannot be told what an upgrade would do, or when a disk would be full
 */
export function parseUpgrades({ exitCode, stdout }: RunFact): Upgrades {
  const lines = stdout.split('\n').map((line) => line.split('\t'));
  const named = (word: string) => lines.flatMap(([first, name]) => (first === word && name ? [name] : []));
  const failed = lines.flatMap(([word, text]) => (word === 'failed' && text !== undefined ? [text] : []));
  if (exitCode !== 0 || failed.length > 0)
    throw new LabError('PLAN_IMPOSSIBLE', 'it cannot be told what an upgrade would do', {
      expected: 'an index of packages that can be read',
      found: failed[0] ?? (exitCode === 124 ? 'no answer in time' : `exit code ${exitCode}`),
      output: failed.join('\n'),
      hint: 'on the host: apt-get update; is the mirror up, and does the host resolve its name?',
    });
  requireSpace(lines);
  const held = named('held');
  return {
    changes: lines.flatMap(changeOf),
    held: named('kept').filter((name) => held.includes(name)),
    kept: named('kept').filter((name) => !held.includes(name)),
    broken: named('broken'),
  };
}

function changeOf([word, name = '', first = '', second = '']: readonly string[]): PackageChange[] {
  if (word === 'upgrade') return [{ name, before: first, after: second }];
  if (word === 'new') return [{ name, before: null, after: first }];
  return word === 'remove' ? [{ name, before: first, after: null }] : [];
}

/** What programs beside apt may write meanwhile. */
const marginKib = 20 * 1024;

function requireSpace(lines: readonly (readonly string[])[]): void {
  for (const [word, path, needed, free] of lines) {
    if (word !== 'space' || free === undefined || free === '') continue;
    if (Number(free) >= Number(needed) + marginKib) continue;
    const megabytes = (kib: number) => `${Math.ceil(kib / 1024)} MB`;
    throw new LabError('PLAN_IMPOSSIBLE', `${path} has no room for the upgrade: nothing was changed`, {
      expected: `${megabytes(Number(needed) + marginKib)} free`,
      found: `${megabytes(Number(free))} free`,
      hint:
        path === '/boot'
          ? 'on the host: apt-get autoremove --purge takes old kernels away'
          : 'on the host: apt-get clean',
    });
  }
}

/** `curl 7.88-1 → 7.88-2`, `linux-image-6.1 6.1-1 (new)`, `exim4 4.96 removed`. */
export function describeUpgrade({ name, before, after }: PackageChange): string {
  if (after === null) return `${name} ${before} removed`;
  return before === null ? `${name} ${after} (new)` : `${name} ${before} → ${after}`;
}
