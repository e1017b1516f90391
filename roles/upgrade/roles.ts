import { defineRole, upgradedPackages, z } from '../../src/index.ts';
import { rebootedSince } from '../../src/resources/reboot.ts';

/**
 * All packages of a host in their newest version. A reboot is none of its business: the procedure `upgrade` sees to that, one
 * host after the other.
 *
 * @example
 * definePlaybook({ inventory, plays: [{ name: 'packages', hosts: 'all', serial: 1, roles: [packagesRole] }] });
 */
export const packagesRole = defineRole({
  name: 'upgrade',
  description: 'All packages in their newest version',
  params: z.object({
    /** Also upgrade what takes the removal of other packages (`apt-get dist-upgrade`). */
    full: z.boolean().default(false),
    /** An index older than this is read anew. */
    indexMaxAgeHours: z.int().min(0).default(1),
    /** How long to wait for another package manager to end. */
    lockTimeoutSeconds: z.int().min(0).default(300),
  }),
  resources: ({ params }) => [upgradedPackages(params)],
});

/** A step of the procedure. */
export const rebootRole = defineRole({
  name: 'reboot',
  description: 'Booted since it was looked at',
  params: z.object({ bootId: z.string(), because: z.string(), timeoutSeconds: z.int() }),
  resources: ({ params }) => [rebootedSince(params)],
});
