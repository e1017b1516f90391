import { z } from 'zod';
import type { FactPrediction, Facts, PackageFact, SystemFact } from '../remote/facts/contract.ts';
import { LabError } from '../shared/errors.ts';
import type { Change } from './contract.ts';
import { defineResource } from './define-resource.ts';
import {
  installStep,
  type ManagerName,
  managerOf,
  newestCommand,
  parseNewest,
  redoSteps,
  removeStep,
  revertStep,
} from './packages/manager.ts';
import { riskOfRemoval } from './shared/risk.ts';
import { absolutePath } from './shared/schemas.ts';

const packageName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9+._-]*(:[a-z0-9-]+)?$/, {
  error: 'a package name begins with a letter or digit and holds letters, digits, "+", ".", "_" and "-"',
});
const packageVersion = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9.+:~^_-]*$/, {
  error: 'the whole version as the package manager lists it, such as "1.22.1-9+deb12u2"',
});

const props = z
  .strictObject({
    /** One package; or `names`. */
    name: packageName.optional(),
    /** Several, in one call of the package manager. */
    names: z.array(packageName).min(1).optional(),
    /** `latest` takes the newest version that the host's index knows. Default `present`. */
    state: z.enum(['present', 'absent', 'latest']).default('present'),
    /** Exactly this version, older ones included. Only with `name`. */
    version: packageVersion.optional(),
    /** Upgrade, downgrade or remove it although somebody held it back (`apt-mark hold`). Default false. */
    allowHeld: z.boolean().default(false),
    /** Also what the packages only recommend (`Recommends` of Debian, weak dependencies of Fedora). Default true. */
    recommends: z.boolean().default(true),
    /** Packages that nobody needs where a path exists, and that are not installed there: name → path. */
    unless: z.record(packageName, absolutePath).default({}),
    /** An index older than this, in hours, is refreshed before an installation. Default 24. */
    indexMaxAgeHours: z.int().min(0).max(8760).default(24),
    /** How long to wait for another package manager to end, in seconds. Default 300. */
    lockTimeoutSeconds: z.int().min(0).max(7200).default(300),
  })
  .refine((value) => (value.name === undefined) !== (value.names === undefined), {
    error: 'either name or names',
  })
  .refine((value) => value.version === undefined || (value.name !== undefined && value.state === 'present'), {
    error: 'a version goes with one name and the state "present"',
  });

type Props = z.output<typeof props>;

interface Current {
  readonly system: SystemFact;
  readonly packages: readonly PackageFact[];
  /** Newest known versions; only asked for with the state `latest`. */
  readonly newest: ReadonlyMap<string, string>;
  readonly needless: ReadonlySet<string>;
}

/**
 * Packages of the host's own package manager: apt, apk, dnf or pacman.
 *
 * Installing refreshes an old index first, finishes an installation that broke off, keeps configuration files that were
 * edited, and waits for another package manager to end. Undoing it removes exactly what it added, with the configuration
 * that came along, and puts back what it replaced. `absent` leaves configuration behind, so that it can be undone.
 *
 * (It is not called `package` because that is a reserved word.)
 *
 * @example
 * packages({ names: ['curl', 'nftables'] });
 * packages({ name: 'telnet', state: 'absent' });
 */
export const packages = defineResource({
  type: 'package',
  props,
  id: (given: Props) => namesOf(given).join(','),

  async read(host: Facts, given: Props): Promise<Current> {
    const names = namesOf(given);
    const [system, paths, ...facts] = await Promise.all([
      host.system(),
      Promise.all(Object.entries(given.unless).map(async ([name, path]) => [name, await host.file(path)] as const)),
      ...names.map((name) => host.package(name)),
    ]);
    const needless = paths.flatMap(([name, { kind }]) => (kind === 'absent' ? [] : [name]));
    const newest =
      given.state === 'latest' && facts.some((fact) => fact.installed)
        ? parseNewest(managerOf(system), await host.run(newestCommand(managerOf(system), names)))
        : new Map<string, string>();
    return { system, packages: facts, newest, needless: new Set(needless) };
  },

  diff(given: Props, { system, packages: facts, newest, needless }: Current): readonly Change[] {
    const manager = managerOf(system);
    if (given.state === 'absent') return remove(given, manager, facts);
    const wanted = facts.filter(
      (fact) => !satisfied(given, fact, newest) && (fact.installed || fact.broken || !needless.has(fact.name)),
    );
    if (wanted.length === 0) return [];
    refuseHeld(given, wanted);
    const step = installStep(manager, {
      packages: wanted.map(({ name }) => ({
        name,
        version: given.version ?? (given.state === 'latest' ? newest.get(name) : undefined),
      })),
      allowHeld: given.allowHeld,
      recommends: given.recommends,
      indexMaxAgeHours: given.indexMaxAgeHours,
      lockTimeoutSeconds: given.lockTimeoutSeconds,
    });
    return [
      {
        attribute: 'installed',
        before: shown(wanted.filter((fact) => fact.installed || fact.broken)),
        after: wanted.map(({ name }) => [name, given.version ?? newest.get(name)].filter(Boolean).join(' ')).join(', '),
        apply: [step],
        revert: [revertStep(manager, given.lockTimeoutSeconds)],
        redo: redoSteps(manager, step, given.lockTimeoutSeconds),
        predicts: [
          ...wanted.map(
            (fact): FactPrediction => ({
              fact: 'package',
              value: {
                ...fact,
                installed: true,
                broken: false,
                version: given.version ?? newest.get(fact.name) ?? null,
              },
            }),
          ),
          { fact: 'unsettled', by: `package ${wanted.map(({ name }) => name).join(', ')}` },
        ],
      },
    ];
  },
});

function namesOf({ name, names }: Props): readonly string[] {
  return [...new Set(names ?? [name ?? ''])].sort();
}

function satisfied({ state, version }: Props, fact: PackageFact, newest: ReadonlyMap<string, string>): boolean {
  if (!fact.installed || fact.broken) return false;
  if (version !== undefined) return fact.version === version;
  return state !== 'latest' || fact.version === (newest.get(fact.name) ?? fact.version);
}

function remove(given: Props, manager: ManagerName, facts: readonly PackageFact[]): readonly Change[] {
  const present = facts.filter((fact) => fact.installed || fact.broken);
  if (present.length === 0) return [];
  refuseHeld(given, present);
  const names = present.map(({ name }) => name);
  const step = removeStep(manager, names, given);
  return [
    {
      attribute: 'installed',
      before: shown(present),
      after: null,
      apply: [step],
      revert: [revertStep(manager, given.lockTimeoutSeconds)],
      redo: redoSteps(manager, step, given.lockTimeoutSeconds),
      risk: riskOfRemoval(names),
      predicts: present.map((fact) => ({
        fact: 'package',
        value: { ...fact, installed: false, version: null, broken: false },
      })),
    },
  ];
}

function refuseHeld(given: Props, facts: readonly PackageFact[]): void {
  const held = facts.filter((fact) => fact.held);
  if (held.length === 0 || given.allowHeld) return;
  const names = held.map(({ name }) => name);
  throw new LabError('PLAN_IMPOSSIBLE', `${names.join(', ')} held back by somebody on the host`, {
    expected: given.version === undefined ? given.state : `version ${given.version}`,
    found: held.map((fact) => `${fact.name} ${fact.version ?? 'not installed'}, held`).join('; '),
    hint: `on the host: apt-mark unhold ${names.join(' ')}; or declare it with allowHeld: true`,
  });
}

function shown(facts: readonly PackageFact[]): string | null {
  const parts = facts.map((fact) => `${fact.name} ${fact.broken ? 'half-configured' : (fact.version ?? '')}`.trim());
  return parts.length === 0 ? null : parts.join(', ');
}
