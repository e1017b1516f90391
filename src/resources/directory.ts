import { dirname } from 'node:path';
import { z } from 'zod';
import type { Facts, FileFact } from '../remote/facts/contract.ts';
import type { Change, Step } from './contract.ts';
import { defineResource } from './define-resource.ts';
import { attributeChanges, exactMode, type OwnerIds, readOwnerIds, requireOwners } from './shared/ownership.ts';
import { claimOwnPath } from './shared/path-claims.ts';
import { removalOf } from './shared/removal.ts';
import { withRisk } from './shared/risk.ts';
import { fileMode, ownership, pathBelowRoot, risk } from './shared/schemas.ts';
import { refuseKind, requireParent } from './shared/surroundings.ts';

const props = z.strictObject({
  path: pathBelowRoot,
  state: z.enum(['present', 'absent']).default('present'),
  mode: fileMode.default('0755'),
  ...ownership,
  /** Create missing directories above it as well, `0755 root:root`. */
  parents: z.boolean().default(false),
  /** With `state: 'absent'`: remove it with everything in it. Otherwise only an empty directory is removed. */
  recursive: z.boolean().default(false),
  /** Default: from the path, e.g. `connectivity` below `/etc/ssh`. */
  risk: risk.optional(),
});
type Props = z.output<typeof props>;

interface Current {
  readonly fact: FileFact;
  readonly owners: OwnerIds;
  /** Directories above, nearest first; asked only when the path is absent. */
  readonly above: readonly FileFact[];
}

/**
 * A directory with its mode and owner; what is in it is not its business. A symbolic link at the path is an error.
 *
 * @throws LabError RESOURCE_PROPS when props do not fit
 * @example
 * directory({ path: '/srv/media', owner: 'media', group: 'media', mode: '2775' });
 * directory({ path: '/opt/app/releases', parents: true });
 * directory({ path: '/opt/old', state: 'absent', recursive: true });
 */
export const directory = defineResource({
  type: 'directory',
  props,
  id: ({ path }) => path,
  paths: claimOwnPath,
  async read(host, props): Promise<Current> {
    const fact = await host.file(props.path);
    const absent = fact.kind === 'absent' && props.state === 'present';
    const [owners, above] = await Promise.all([
      readOwnerIds(host, props.state === 'present' ? props : { owner: 'root', group: 'root' }, fact),
      absent ? readAbove(host, props) : [],
    ]);
    return { fact, owners, above };
  },
  diff(props, { fact, owners, above }): readonly Change[] {
    const { path } = props;
    if (props.state === 'absent') {
      if (fact.kind !== 'absent' && fact.kind !== 'directory') refuseKind(fact, 'a directory', 'use absent(…) instead');
      return withRisk(removalOf(fact, props.recursive), path, props.risk);
    }
    if (fact.kind !== 'absent' && fact.kind !== 'directory') {
      refuseKind(fact, 'a directory', 'remove it by hand, or declare another path');
    }
    requireOwners(path, props, owners);
    if (fact.kind === 'absent') return withRisk([creation(props, owners, above)], path, props.risk);
    const changes = attributeChanges(path, props, fact);
    const predicts = [{ fact: 'file' as const, value: predicted(props, owners, fact) }];
    return withRisk(
      changes.map((change) => ({ ...change, predicts })),
      path,
      props.risk,
    );
  },
});

async function readAbove(host: Facts, { path, parents }: Props): Promise<FileFact[]> {
  const paths = [dirname(path)];
  while (parents && paths.at(-1) !== '/') paths.push(dirname(paths.at(-1) ?? '/'));
  const facts = await Promise.all(paths.map((above) => host.file(above)));
  if (parents || facts[0]?.kind !== 'absent') return facts;
  return [await host.file(dirname(path), { packagesMayCreate: true })];
}

function creation(props: Props, owners: OwnerIds, above: readonly FileFact[]): Change {
  const missing = props.parents ? above.filter(({ kind }) => kind === 'absent') : [];
  requireParent(props.path, above.find((fact) => !missing.includes(fact)) ?? null);
  const parents = missing.toReversed().map(({ path }) => ({ path, mode: '0755', owner: 'root', group: 'root' }));
  const created = [...parents, props];
  return {
    attribute: 'state',
    before: null,
    after: parents.length === 0 ? 'directory' : `directory, with ${parents.map(({ path }) => path).join(' and ')}`,
    apply: created.map(
      ({ path, mode, owner, group }): Step => ({ do: 'directory', path, mode: exactMode(mode), owner, group }),
    ),
    revert: created.toReversed().map(({ path }): Step => ({ do: 'restore', path })),
    predicts: [
      ...parents.map((parent) => ({ fact: 'file' as const, value: predicted(parent, { uid: 0, gid: 0 }) })),
      { fact: 'file', value: predicted(props, owners) },
    ],
  };
}

type Described = Pick<Props, 'path' | 'mode' | 'owner' | 'group'>;

function predicted({ path, mode, owner, group }: Described, { uid, gid }: OwnerIds, kept?: FileFact): FileFact {
  const { size, modified, links } = kept ?? { size: 0, modified: 0, links: 2 };
  return {
    path,
    kind: 'directory',
    mode,
    owner,
    group,
    uid: uid ?? -1,
    gid: gid ?? -1,
    size,
    modified,
    links,
    sha256: null,
    target: null,
  };
}
