import { z } from 'zod';
import type { FileFact } from '../remote/facts/contract.ts';
import { LabError } from '../shared/errors.ts';
import type { Change, Step } from './contract.ts';
import { defineResource } from './define-resource.ts';
import { absentFile } from './shared/absent-file.ts';
import { claimOwnPath } from './shared/path-claims.ts';
import { absolutePath, accountName, pathBelowRoot } from './shared/schemas.ts';
import { runScript, scriptArgv } from './shared/script.ts';
import { readParent, refuseKind, requireParent } from './shared/surroundings.ts';

const props = z.strictObject({
  path: pathBelowRoot,
  /** `https://…`, `ssh://git@…`, `git@host:name.git` or a path; without a password. */
  repository: z
    .string()
    .regex(/^[^\s-]\S*$/, { error: 'a repository is an address or path without blanks' })
    .refine((address) => !/^\w+:\/\/[^/@]*:[^/@]*@/.test(address), { error: 'an address cannot hold a password' }),
  /** A branch, a tag, or a whole commit id; a branch is followed. */
  revision: z.string().regex(/^[A-Za-z0-9_][\w./+@-]*$/, { error: 'a revision is a branch, a tag or a commit id' }),
  /** Whom the files belong to and who fetches. Default root. */
  user: accountName.default('root'),
  /** Private key on the host for an SSH address. */
  identityFile: absolutePath.optional(),
  /** Overwrite local changes of tracked files; otherwise they are an error. A rollback brings them back. */
  force: z.boolean().default(false),
  /** Default 600. */
  timeoutSeconds: z.int().positive().default(600),
});
type Props = z.output<typeof props>;

interface Current {
  readonly fact: FileFact;
  readonly parent: FileFact | null;
  readonly state: ReadonlyMap<string, string>;
}

/**
 * A working copy of a Git repository at a branch's, tag's or given commit, checked out detached. A commit id needs no look
 * at the repository while it is checked out. Files that Git does not track stay.
 *
 * @throws LabError RESOURCE_PROPS when props do not fit
 * @example
 * gitCheckout({ path: '/opt/dotfiles', repository: 'https://git.example.org/dotfiles.git', revision: 'main' });
 */
export const gitCheckout = defineResource({
  type: 'git-checkout',
  props,
  id: ({ path }) => path,
  paths: claimOwnPath,
  async read(host, props): Promise<Current> {
    const argv = scriptArgv('git-read', [props.path, props.repository, props.revision, props.identityFile ?? '']);
    const as = props.user === 'root' ? {} : { user: props.user };
    const [fact, { exitCode, stdout }] = await Promise.all([host.file(props.path), host.run(argv, as)]);
    const state = new Map(
      stdout.split('\n').map((line) => [line.split('=')[0] ?? '', line.slice(line.indexOf('=') + 1)]),
    );
    if (exitCode !== 0) state.set('failure', `exit code ${exitCode}`);
    return { fact, state, parent: fact.kind === 'absent' ? await readParent(host, props.path) : null };
  },
  diff(props, { fact, parent, state }): readonly Change[] {
    const { path, repository, revision } = props;
    if (fact.kind !== 'absent' && fact.kind !== 'directory') refuseKind(fact, 'a directory', 'declare another path');
    const wanted = requireCommit(props, state);
    const head = state.get('head') ?? '';
    const dirty = state.get('dirty') === 'yes';
    if (head === wanted && state.get('origin') === repository && !(dirty && props.force)) return [];
    requireParent(path, parent);
    if (dirty && !props.force) refuseDirty(path);
    return [
      {
        attribute: 'commit',
        before: head === '' ? null : `${head}${dirty ? ' with local changes' : ''}`,
        after: wanted === revision ? wanted : `${wanted} (${revision})`,
        apply: applySteps(props, wanted, fact),
        revert: revertSteps(props, state, fact),
        // A new working copy is kept whole by the undoing: it may hold more than the repository has.
        ...(fact.kind === 'absent' && { redo: replaced(path) }),
        predicts: [
          { fact: 'tree', path, by: `git-checkout ${path}` },
          {
            fact: 'file',
            value: {
              ...absentFile(path),
              kind: 'directory',
              mode: '0755',
              owner: props.user,
              group: props.user,
              links: 2,
            },
          },
          { fact: 'unsettled', by: `git-checkout ${path}` },
        ],
      },
    ];
  },
});

function applySteps(props: Props, commit: string, fact: FileFact): Step[] {
  const { path, repository, revision, user, identityFile = '', force, timeoutSeconds } = props;
  const as = user === 'root' ? {} : { user };
  const values = [path, repository, revision, commit, identityFile, force ? 'yes' : 'no'];
  const checkout = runScript('git-checkout', values, { timeoutSeconds, ...as });
  // Only root may make a directory anywhere; the user works in it then.
  const directory: Step = { do: 'run', argv: ['install', '-d', '-m', '0755', '-o', user, path] };
  return fact.kind === 'absent' ? [directory, checkout] : [checkout];
}

function revertSteps({ path, user }: Props, state: ReadonlyMap<string, string>, fact: FileFact): Step[] {
  if (fact.kind === 'absent') return [{ do: 'remove', path, recursive: true }];
  const head = state.get('head') ?? '';
  if (head === '' || state.get('dirty') === 'yes') return replaced(path);
  const before = state.get('branch') || head;
  return [runScript('git-undo', [path, state.get('origin') ?? '', before], user === 'root' ? {} : { user })];
}

function replaced(path: string): Step[] {
  return [
    { do: 'remove', path, recursive: true },
    { do: 'restore', path },
  ];
}

function requireCommit({ repository, revision }: Props, state: ReadonlyMap<string, string>): string {
  const wanted = state.get('wanted') ?? '';
  if (/^[0-9a-f]{40,64}$/.test(wanted)) return wanted;
  if (state.has('missing')) {
    throw new LabError('PLAN_IMPOSSIBLE', 'git is not installed', {
      hint: `declare packages({ names: ['git'] }) before it`,
    });
  }
  const failure = state.get('failure');
  throw new LabError('PLAN_IMPOSSIBLE', `${repository} has no branch or tag "${revision}" that could be read`, {
    expected: 'a branch, a tag, or a whole commit id',
    found: revision,
    ...(failure !== undefined && { output: failure }),
  });
}

function refuseDirty(path: string): never {
  throw new LabError('PLAN_IMPOSSIBLE', `${path} has local changes that a checkout would overwrite`, {
    expected: 'a working copy as it was checked out',
    hint: `look at them with: git -C ${path} status; or set force: true`,
  });
}
