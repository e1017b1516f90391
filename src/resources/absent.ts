import { z } from 'zod';
import { defineResource } from './define-resource.ts';
import { removalOf } from './shared/removal.ts';
import { withRisk } from './shared/risk.ts';
import { pathBelowRoot, risk } from './shared/schemas.ts';

/**
 * Nothing at a path, whatever is there now: a file, a link (not what it leads to), or a directory, that one only when it
 * is empty or `recursive` is set. Everything removed is kept on the host for a rollback.
 *
 * @throws LabError RESOURCE_PROPS when props do not fit
 * @example
 * absent({ path: '/etc/nginx/sites-enabled/default' });
 * absent({ path: '/opt/old', recursive: true });
 */
export const absent = defineResource({
  type: 'absent',
  props: z.strictObject({
    path: pathBelowRoot,
    recursive: z.boolean().default(false),
    /** Default: from the path, e.g. `connectivity` below `/etc/ssh`. */
    risk: risk.optional(),
  }),
  id: ({ path }) => path,
  paths: ({ path }) => [{ path, wants: 'nothing' }],
  read: (host, { path }) => host.file(path, { packagesMayCreate: true }),
  diff: ({ path, recursive, risk }, fact) => withRisk(removalOf(fact, recursive), path, risk),
});
