import { statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import type { FileFact } from '../remote/facts/contract.ts';
import { LabError, type SourceLocation } from '../shared/errors.ts';
import type { Change, Step } from './contract.ts';
import { defineResource } from './define-resource.ts';
import { absentFile } from './shared/absent-file.ts';
import { digestOf } from './shared/content.ts';
import { exactMode, type OwnerIds, readOwnerIds, requireOwners } from './shared/ownership.ts';
import { claimOwnPath } from './shared/path-claims.ts';
import { fileMode, ownership, pathBelowRoot, sha256, url } from './shared/schemas.ts';
import { runScript } from './shared/script.ts';
import { readParent, refuseKind, requireParent } from './shared/surroundings.ts';

const props = z
  .strictObject({
    /** A directory of its own; it holds exactly what the archive holds. */
    path: pathBelowRoot,
    /** Fetched by the host itself; with `sha256`. */
    url: url.optional(),
    sha256: sha256.optional(),
    /** An archive on this machine instead, relative to the file that declares it. */
    source: z.string().min(1).optional(),
    /** How many leading directories of the names are left out (tar only). Default 0. */
    strip: z.int().min(0).default(0),
    /** Of the directory itself; what is in it has the archive's modes. */
    mode: fileMode.default('0755'),
    ...ownership,
    /** Replace a directory that was not unpacked by `lab`. */
    replace: z.boolean().default(false),
    /** Deadline of download and unpacking, each. Default 600. */
    timeoutSeconds: z.int().positive().default(600),
  })
  .refine(({ url, source }) => (url === undefined) !== (source === undefined), { error: 'either url or source' })
  .refine(({ url, sha256 }) => (url === undefined) === (sha256 === undefined), { error: 'sha256 goes with url' });
type Props = z.output<typeof props>;

interface Current {
  readonly fact: FileFact;
  readonly parent: FileFact | null;
  readonly owners: OwnerIds;
  /** Line of the marker file; null when there is none. */
  readonly mark: string | null;
  readonly wanted: string;
}

/**
 * An unpacked tar or zip archive. A marker file `.lab-archive` inside remembers its checksum, so that nothing is fetched
 * or unpacked again while that is as declared; changes made to single files later are not noticed. A new version is
 * unpacked beside the old one before it takes its place.
 *
 * @throws LabError RESOURCE_PROPS when props do not fit or `source` is no file
 * @example
 * archive({ path: '/opt/node', url: 'https://nodejs.org/dist/v22.20.0/node-v22.20.0-linux-x64.tar.gz',
 *   sha256: '…64 digits…', strip: 1 });
 * archive({ path: '/var/www/site', source: './site.tar.gz', owner: 'www-data', group: 'www-data' });
 */
export const archive = defineResource({
  type: 'archive',
  props,
  locate(props, at) {
    return props.source === undefined ? props : { ...props, source: localArchive(props.source, at) };
  },
  id: ({ path }) => path,
  paths: claimOwnPath,
  async read(host, props): Promise<Current> {
    const marker = markerOf(props);
    const [fact, mark, wanted] = await Promise.all([
      host.file(props.path),
      host.content(marker),
      props.sha256 ?? digestOf({ localFile: props.source ?? '' }).then(({ sha256 }) => sha256),
    ]);
    const [parent, owners] = await Promise.all([
      fact.kind === 'absent' ? readParent(host, props.path) : null,
      readOwnerIds(host, props, fact),
    ]);
    const text = mark === null ? null : Buffer.from(mark).toString().trim();
    return { fact, parent, owners, mark: text, wanted: `${wanted} strip=${props.strip} ${props.owner}:${props.group}` };
  },
  diff(props, { fact, parent, owners, mark, wanted }): readonly Change[] {
    const { path, url, strip, mode, owner, group, timeoutSeconds } = props;
    if (fact.kind !== 'absent' && fact.kind !== 'directory') refuseKind(fact, 'a directory', 'declare another path');
    if (fact.kind === 'directory' && mark === wanted) return [];
    if (fact.kind === 'directory' && mark === null && !props.replace) refuseForeign(path);
    requireOwners(path, props, owners);
    requireParent(path, parent);
    const digest = wanted.slice(0, 64);
    const packed = join(dirname(path), `.lab-archive-${digest.slice(0, 16)}`);
    const fetch: Step =
      url === undefined
        ? {
            do: 'write',
            path: packed,
            content: { localFile: props.source ?? '' },
            mode: '0600',
            owner: 'root',
            group: 'root',
          }
        : runScript('download', [url, packed, digest, '0600', 'root', 'root'], { timeoutSeconds });
    const swap = (keep: string, put: string) =>
      runScript('archive-swap', [keep, put, packed, path], { timeoutSeconds });
    const values = [packed, path, String(strip), exactMode(mode), owner, group, wanted];
    return [
      {
        attribute: 'archive',
        before: mark === null ? (fact.kind === 'absent' ? null : 'directory') : `sha256 ${mark.slice(0, 64)}`,
        after: `sha256 ${digest} from ${url ?? props.source ?? ''}`,
        apply: [fetch, runScript('unpack', values, { timeoutSeconds })],
        revert: [swap('undone', 'previous')],
        // What was unpacked is kept by the undoing: the archive may be gone from where it came.
        redo: [swap('previous', 'undone')],
        predicts: [
          { fact: 'tree', path, by: `archive ${path}` },
          {
            fact: 'file',
            value: {
              ...absentFile(path),
              ...{ kind: 'directory', mode, owner, group, uid: owners.uid ?? -1, gid: owners.gid ?? -1, links: 2 },
            },
          },
          {
            fact: 'file',
            value: { ...absentFile(markerOf(props)), kind: 'file' },
            content: Buffer.from(`${wanted}\n`),
          },
          { fact: 'unsettled', by: `archive ${path}` },
        ],
      },
    ];
  },
});

function markerOf({ path }: Pick<Props, 'path'>): string {
  return join(path, '.lab-archive');
}

function refuseForeign(path: string): never {
  throw new LabError(
    'PLAN_IMPOSSIBLE',
    `${path} exists and was not unpacked by lab: unpacking would replace all of it`,
    {
      expected: 'nothing, or a directory that an earlier run unpacked',
      found: 'another directory',
      hint: 'choose a directory of its own, or set replace: true',
    },
  );
}

function localArchive(given: string, at: SourceLocation | undefined): string {
  const source = resolve(at === undefined ? process.cwd() : dirname(at.file), given);
  if (statSync(source, { throwIfNoEntry: false })?.isFile() === true) return source;
  throw new LabError('RESOURCE_PROPS', 'archive: the source is no file on this machine', {
    at,
    path: ['source'],
    expected: 'an archive, relative to the file that declares it',
    found: source,
  });
}
