import { z } from 'zod';
import type { FileFact } from '../remote/facts/contract.ts';
import type { Change } from './contract.ts';
import { defineResource } from './define-resource.ts';
import { claimOwnPath } from './shared/path-claims.ts';
import { removalOf } from './shared/removal.ts';
import { withRisk } from './shared/risk.ts';
import { pathBelowRoot, risk, word } from './shared/schemas.ts';
import { readParent, refuseKind, requireParent } from './shared/surroundings.ts';

const props = z
  .strictObject({
    path: pathBelowRoot,
    state: z.enum(['present', 'absent']).default('present'),
    /** Text of the link as readlink(1) shows it; relative to the link's own directory, or absolute. Need not exist. */
    target: word.min(1).optional(),
    /** A file at the path is an error (default), or replaced by the link. A directory always is an error. */
    onFile: z.enum(['refuse', 'replace']).default('refuse'),
    /** Default: from the path, e.g. `connectivity` below `/etc/ssh`. */
    risk: risk.optional(),
  })
  .refine((link) => link.state === 'absent' || link.target !== undefined, { error: 'a link needs a target' });

interface Current {
  readonly fact: FileFact;
  readonly parent: FileFact | null;
}

/**
 * A symbolic link. Its target is compared as text; a wrong one is replaced by a rename, so there is no moment without.
 *
 * @throws LabError RESOURCE_PROPS when props do not fit
 * @example
 * symlink({ path: '/etc/nginx/sites-enabled/app', target: '../sites-available/app' });
 * symlink({ path: '/opt/app/current', target: 'releases/42' });
 */
export const symlink = defineResource({
  type: 'symlink',
  props,
  id: ({ path }) => path,
  paths: claimOwnPath,
  async read(host, { path, state }): Promise<Current> {
    const fact = await host.file(path);
    return { fact, parent: fact.kind === 'absent' && state === 'present' ? await readParent(host, path) : null };
  },
  diff({ path, state, target = '', onFile, risk }, { fact, parent }): readonly Change[] {
    if (state === 'absent') {
      if (fact.kind !== 'absent' && fact.kind !== 'symlink') refuseKind(fact, 'a link', 'use absent(…) instead');
      return withRisk(removalOf(fact), path, risk);
    }
    if (fact.kind === 'symlink' && fact.target === target) return [];
    if (fact.kind === 'directory' || (fact.kind !== 'absent' && fact.kind !== 'symlink' && onFile === 'refuse')) {
      const hint = fact.kind === 'directory' ? 'remove it by hand, or declare another path' : `set onFile: 'replace'`;
      refuseKind(fact, 'a link', hint);
    }
    requireParent(path, parent);
    return withRisk([linkChange(path, target, fact)], path, risk);
  },
});

function linkChange(path: string, target: string, fact: FileFact): Change {
  return {
    attribute: 'target',
    before: fact.kind === 'absent' ? null : fact.kind === 'symlink' ? (fact.target ?? '?') : fact.kind,
    after: target,
    apply: [{ do: 'symlink', path, target }],
    revert: [{ do: 'restore', path }],
    predicts: [
      {
        fact: 'file',
        value: {
          ...{ path, kind: 'symlink', mode: '0777', owner: 'root', group: 'root', uid: 0, gid: 0 },
          ...{ size: Buffer.byteLength(target), modified: 0, links: 1, sha256: null, target },
        },
        content: null,
      },
    ],
  };
}
