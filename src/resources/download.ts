import { z } from 'zod';
import type { FileFact } from '../remote/facts/contract.ts';
import type { Change } from './contract.ts';
import { defineResource } from './define-resource.ts';
import { attributeChanges, type OwnerIds, readOwnerIds, requireOwners } from './shared/ownership.ts';
import { claimOwnPath } from './shared/path-claims.ts';
import { withRisk } from './shared/risk.ts';
import { fileMode, ownership, pathBelowRoot, risk, sha256, url } from './shared/schemas.ts';
import { runScript } from './shared/script.ts';
import { readParent, refuseKind, requireParent } from './shared/surroundings.ts';

interface Current {
  readonly fact: FileFact;
  readonly parent: FileFact | null;
  readonly owners: OwnerIds;
}

/**
 * A file that the host itself fetches, known by its checksum: when that is right nothing is fetched, whatever the server
 * has now. A download with another checksum never takes the path's place. Needs curl or wget on the host.
 *
 * @throws LabError RESOURCE_PROPS when props do not fit
 * @example
 * download({ path: '/usr/local/bin/kubectl', url: 'https://dl.k8s.io/release/v1.31.0/bin/linux/amd64/kubectl',
 *   sha256: '7c27adc64a84d1c0cc3dcf7bf4b6e916cc00f3f576a2dbac51b318d926032437', mode: '0755' });
 */
export const download = defineResource({
  type: 'download',
  props: z.strictObject({
    path: pathBelowRoot,
    url,
    sha256,
    mode: fileMode.default('0644'),
    ...ownership,
    /** Deadline of the whole download. Default 600. */
    timeoutSeconds: z.int().positive().default(600),
    /** Default: from the path, e.g. `connectivity` below `/etc/ssh`. */
    risk: risk.optional(),
  }),
  id: ({ path }) => path,
  paths: claimOwnPath,
  async read(host, props): Promise<Current> {
    const fact = await host.file(props.path);
    const [parent, owners] = await Promise.all([
      fact.kind === 'absent' ? readParent(host, props.path) : null,
      readOwnerIds(host, props, fact),
    ]);
    return { fact, parent, owners };
  },
  diff(props, { fact, parent, owners }): readonly Change[] {
    const { path, url, sha256, mode, owner, group, timeoutSeconds } = props;
    if (fact.kind !== 'absent' && fact.kind !== 'file') refuseKind(fact, 'a regular file', 'declare another path');
    requireOwners(path, props, owners);
    requireParent(path, parent);
    const attributes = fact.kind === 'file' ? attributeChanges(path, props, fact) : [];
    if (fact.sha256 === sha256) return withRisk(attributes, path, props.risk);
    const fetched: Change = {
      attribute: 'content',
      before: fact.sha256 === null ? null : `sha256 ${fact.sha256}`,
      after: `sha256 ${sha256} from ${url}`,
      apply: [runScript('download', [url, path, sha256, mode, owner, group], { timeoutSeconds })],
      revert: [{ do: 'restore', path }],
      // Not fetched again: the server may have something else by then.
      redo: [{ do: 'restore', path }],
      predicts: [
        {
          fact: 'file',
          value: {
            ...{ path, kind: 'file', mode, owner, group, uid: owners.uid ?? -1, gid: owners.gid ?? -1 },
            ...{ size: 0, modified: 0, links: 1, sha256, target: null },
          },
          content: null,
        },
      ],
    };
    const told = attributes.map((change) => ({ ...change, apply: [], revert: [] }));
    return withRisk([fetched, ...told], path, props.risk);
  },
});
