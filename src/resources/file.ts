import { statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import type { FileFact } from '../remote/facts/contract.ts';
import { LabError, type SourceLocation } from '../shared/errors.ts';
import { Secret } from '../shared/secret.ts';
import type { Change, Content } from './contract.ts';
import { defineResource } from './define-resource.ts';
import { type CurrentFile, diffManagedFile, type ManagedFile, readManagedFile } from './shared/managed-file.ts';
import { claimOwnPath } from './shared/path-claims.ts';
import { removalOf } from './shared/removal.ts';
import { withRisk } from './shared/risk.ts';
import { content, fileMode, ownership, pathBelowRoot, risk, validateCommand } from './shared/schemas.ts';
import { refuseKind } from './shared/surroundings.ts';

const props = z
  .strictObject({
    path: pathBelowRoot,
    state: z.enum(['present', 'absent']).default('present'),
    /** Text, bytes or a secret; what a template function returned. */
    content: content.optional(),
    /** A file on this machine of any size, relative to the file that declares it. */
    source: z.string().min(1).optional(),
    /** Default `"0644"`, for a secret `"0600"`. */
    mode: fileMode.optional(),
    ...ownership,
    /** Checks the new content before it takes its place: `['visudo', '-cf', '%s']`. */
    validate: validateCommand.optional(),
    /** A symbolic link at the path is an error (default), or replaced by the file. */
    onSymlink: z.enum(['refuse', 'replace']).default('refuse'),
    /** Write it only when nothing is there; what is there stays as it is. */
    onlyIfAbsent: z.boolean().default(false),
    /** Do not show the content in plans. A `Secret` is never shown. */
    sensitive: z.boolean().default(false),
    /** Default: from the path, e.g. `connectivity` below `/etc/ssh`. */
    risk: risk.optional(),
  })
  .refine((file) => file.state === 'absent' || (file.content === undefined) !== (file.source === undefined), {
    error: 'a file has either content or source',
  });
type Props = z.output<typeof props>;

type Current =
  | { readonly kind: 'managed'; readonly file: ManagedFile; readonly current: CurrentFile }
  | { readonly kind: 'left'; readonly fact: FileFact };

/**
 * A regular file, all of it: content, mode, owner. Replaced atomically as a whole, so a file with several hard links loses
 * its tie to the others, which keep the old content. Line ends stay as declared. In sync, nothing is touched.
 *
 * @throws LabError RESOURCE_PROPS when props do not fit or `source` is no file
 * @example
 * file({ path: '/etc/motd', content: `Welcome to ${host.name}\n` });
 * file({ path: '/etc/sudoers.d/admins', content: sudoers, mode: '0440', validate: ['visudo', '-cf', '%s'] });
 * file({ path: '/etc/app/token', content: token, owner: 'app', group: 'app' }); // a Secret: mode 0600
 * file({ path: '/opt/app/app.bin', source: './files/app.bin', mode: '0755' });
 * file({ path: '/etc/old.conf', state: 'absent' });
 */
export const file = defineResource({
  type: 'file',
  props,
  locate,
  id: ({ path }) => path,
  paths: claimOwnPath,
  async read(host, props): Promise<Current> {
    const managed = props.state === 'absent' ? null : managedFile(props);
    if (managed === null) return { kind: 'left', fact: await host.file(props.path) };
    if (!props.onlyIfAbsent) return { kind: 'managed', file: managed, current: await readManagedFile(host, managed) };
    const fact = await host.file(props.path, { packagesMayCreate: true });
    if (fact.kind !== 'absent') return { kind: 'left', fact };
    return { kind: 'managed', file: managed, current: await readManagedFile(host, managed, fact) };
  },
  diff(props, current): readonly Change[] {
    if (current.kind === 'managed') return diffManagedFile(current.file, current.current);
    return props.state === 'absent' ? removal(props, current.fact) : [];
  },
});

/** Makes `source` absolute; a missing one is told before any host is touched. */
function locate(props: Props, at: SourceLocation | undefined): Props {
  if (props.source === undefined) return props;
  const source = resolve(at === undefined ? process.cwd() : dirname(at.file), props.source);
  const found = statSync(source, { throwIfNoEntry: false });
  if (found?.isFile() === true) return { ...props, source };
  throw new LabError('RESOURCE_PROPS', `file: the source ${found === undefined ? 'does not exist' : 'is no file'}`, {
    at,
    path: ['source'],
    expected: 'a file on this machine, relative to the file that declares it',
    found: source,
  });
}

function managedFile(props: Props): ManagedFile {
  const given: Content = props.source === undefined ? (props.content ?? '') : { localFile: props.source };
  return { ...props, content: given, mode: props.mode ?? (given instanceof Secret ? '0600' : '0644') };
}

function removal({ path, risk }: Props, fact: FileFact): Change[] {
  if (fact.kind === 'directory') refuseKind(fact, 'a file', `declare directory({ path: '${path}', state: 'absent' })`);
  return withRisk(removalOf(fact), path, risk);
}
