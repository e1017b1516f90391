import { z } from 'zod';
import type { Facts } from '../remote/facts/contract.ts';
import { LabError } from '../shared/errors.ts';
import type { Change } from './contract.ts';
import { defineResource } from './define-resource.ts';
import { managerOf, upgradeStep } from './packages/manager.ts';
import { parseUpgrades, type Upgrades, upgradesCommand } from './packages/upgrades.ts';

const props = z.strictObject({
  /** Also upgrade what takes the removal of other packages (`apt-get dist-upgrade`). Default false. */
  full: z.boolean().default(false),
  /** An index older than this, in hours, is read anew. Default 1. */
  indexMaxAgeHours: z.int().min(0).max(8760).default(1),
  /** How long to wait for another package manager to end, in seconds. Default 300. */
  lockTimeoutSeconds: z.int().min(0).max(7200).default(300),
});
type Props = z.output<typeof props>;

/** A slow mirror: the index of a host is some ten megabytes. */
const lookSeconds = 300;

/** What an upgrade would do now; a host without apt is refused. */
export async function readUpgrades(host: Facts, scope: Pick<Props, 'full' | 'indexMaxAgeHours'>): Promise<Upgrades> {
  const system = await host.system();
  if (managerOf(system) !== 'apt')
    throw new LabError('PLAN_IMPOSSIBLE', 'only packages of apt can be upgraded', {
      expected: 'Debian, Ubuntu or another system with apt',
      found: `${system.osName}, with ${system.packageManager}`,
      hint: 'leave this host out, with --limit or hosts',
    });
  return parseUpgrades(await host.run(upgradesCommand(scope), { timeoutSeconds: lookSeconds }));
}

/**
 * All packages in the newest version that their repositories have (apt). What an upgrade replaced cannot be put back in
 * general, as repositories keep no old versions: a rollback leaves it, and the journal has both versions of each.
 *
 * Configuration files that were edited stay, an installation that broke off is finished first, packages that are held stay,
 * and another package manager is waited for. The plan tells each package without touching the host's own index; whether
 * there is room on the disk is seen before anything is changed.
 *
 * @example
 * upgradedPackages({});
 */
export const upgradedPackages = defineResource({
  type: 'upgraded-packages',
  props,
  id: () => 'all',
  read: readUpgrades,
  diff(given: Props, { changes, broken }: Upgrades): readonly Change[] {
    if (changes.length === 0 && broken.length === 0) return [];
    const lines = (side: 'before' | 'after') =>
      changes
        .filter((change) => change[side] !== null)
        .map((change) => `${change.name} ${change[side]}\n`)
        .join('');
    const unfinished = broken.map((name) => `${name} half-installed\n`).join('');
    return [
      {
        attribute: 'versions',
        before: `${unfinished}${lines('before')}`,
        after: lines('after') || 'whatever broke off finished\n',
        apply: [upgradeStep('apt', given)],
        revert: [],
        predicts: [{ fact: 'unsettled', by: 'the upgrade of packages' }],
      },
    ];
  },
});
