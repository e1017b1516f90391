import { z } from '../../src/index.ts';

/** What is looked at before and after, beside commands of one's own. */
export const healthChecks = ['units', 'services', 'links'] as const;

const check = z.union([
  z.enum(healthChecks),
  z.strictObject({
    /** A command that only looks and exits with 0 when all is well. */
    argv: z.array(z.string()).min(1),
    /** Hosts, groups or patterns that it is for. Default `all`. */
    hosts: z.union([z.string(), z.array(z.string())]).default('all'),
  }),
]);

export const params = z.strictObject({
  /** Hosts, groups or patterns. Default `all`. */
  hosts: z.union([z.string(), z.array(z.string())]).default('all'),
  /** `when-required`: a newer kernel is installed, an update asked for it, or services run on files that were replaced. */
  reboot: z.enum(['when-required', 'always', 'never']).default('when-required'),
  /** How long a host may take to come back, and then until it is as it was. Default 600. */
  timeoutSeconds: z.int().min(10).max(86_400).default(600),
  /** What has to be as before. Default all three. */
  health: z.array(check).default([...healthChecks]),
  /** Also upgrade what takes the removal of other packages. */
  full: z.boolean().default(false),
  /**
   * Upgrade nothing while a host does not answer, or has failed units or silent services already: for a schedule, where nobody has
   * looked yet at what the last upgrade left. Default false.
   */
  onlyWhenWell: z.boolean().default(false),
  /** Also the machine that lab itself runs on, as the last one: its reboot ends the run. */
  includeController: z.boolean().default(false),
  /** How long to wait for another package manager to end, in seconds. Default 300. */
  lockTimeoutSeconds: z.int().min(0).max(7200).default(300),
});

export type UpgradeParams = z.output<typeof params>;
