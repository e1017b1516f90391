import { z } from 'zod';
import type { Facts, FileFact, GroupFact, UserFact } from '../remote/facts/contract.ts';
import { LabError } from '../shared/errors.ts';
import { createUser } from './accounts/create-user.ts';
import { usualHome } from './accounts/home.ts';
import { modifyUser } from './accounts/modify-user.ts';
import { removeUser } from './accounts/remove-user.ts';
import type { Change } from './contract.ts';
import { defineResource } from './define-resource.ts';
import { accountName, pathBelowRoot, secret } from './shared/schemas.ts';

const oneLine = z.string().regex(/^[^:\n\0]*$/, { error: 'a line of passwd(5) holds neither ":" nor a newline' });

const props = z.strictObject({
  name: accountName,
  state: z.enum(['present', 'absent']).default('present'),
  /** Files keep the number they have: changing it later orphans those outside the home directory. */
  uid: z.int().min(0).max(4_294_967_293).optional(),
  /** A number of the system's range and no home directory. Only when the user is made. Default false. */
  system: z.boolean().default(false),
  /** Full name, or what the account is for. */
  comment: oneLine.optional(),
  /** Absolute path of the program that a login starts. */
  shell: pathBelowRoot.optional(),
  home: pathBelowRoot.optional(),
  /** Makes the home directory (mode 0700) with the user. Default true, false for a system user. */
  createHome: z.boolean().optional(),
  /** Primary group. Default: a group of the same name, made with the user. */
  primaryGroup: accountName.optional(),
  /** Supplementary groups. */
  groups: z.array(accountName).default([]),
  /** Takes the user out of every other supplementary group. Default false. */
  exclusiveGroups: z.boolean().default(false),
  /** As crypt(5) writes it, `$y$…`; `mkpasswd --method=yescrypt` makes one. Travels through stdin only. */
  passwordHash: secret.optional(),
  /** `true` makes the password unusable, keys still work; `false` makes it usable again. Nothing said: as it is. */
  locked: z.boolean().optional(),
  /** With `absent`: the home directory goes too. Default false. */
  removeHome: z.boolean().default(false),
});

export type UserProps = z.output<typeof props>;

export interface CurrentUser {
  readonly user: UserFact | null;
  /** Group of the user's own name. */
  readonly ownGroup: GroupFact | null;
  readonly primaryGroup: GroupFact | null;
  /** Those named in `groups`, in that order. */
  readonly groups: readonly (GroupFact | null)[];
  readonly home: FileFact;
  readonly shell: FileFact | null;
  /** Name of the primary group; only asked for exclusive groups. */
  readonly primaryGroupName: string | null;
}

/**
 * A user account.
 *
 * @example
 * user({ name: 'ada', comment: 'Ada', shell: '/bin/bash', groups: ['sudo'], passwordHash: secret('ada.password') });
 * user({ name: 'bob', state: 'absent' });
 */
export const user = defineResource({
  type: 'user',
  props,
  id: ({ name }: UserProps) => name,

  async read(host: Facts, props: UserProps): Promise<CurrentUser> {
    const { name, primaryGroup, shell } = props;
    const mayCome = { packagesMayCreate: props.state === 'present' };
    const [user, ownGroup, primary, groups, home, shellFile, primaryGroupName] = await Promise.all([
      host.user(name),
      host.group(name),
      primaryGroup === undefined ? null : host.group(primaryGroup, mayCome),
      Promise.all(props.groups.map((group) => host.group(group, mayCome))),
      host.file(props.home ?? usualHome(name)),
      shell === undefined ? null : host.file(shell, mayCome),
      props.exclusiveGroups ? host.run(['id', '-gn', '--', name]).then(({ stdout }) => stdout.trim() || null) : null,
    ]);
    return { user, ownGroup, primaryGroup: primary, groups, home, shell: shellFile, primaryGroupName };
  },

  diff(props: UserProps, current: CurrentUser): readonly Change[] {
    if (props.state === 'absent') return current.user === null ? [] : [removeUser(props, current.user, current)];
    requireGroupsAndShell(props, current);
    return current.user === null ? createUser(props, current) : modifyUser(props, current.user, current);
  },
});

function requireGroupsAndShell(props: UserProps, { groups, primaryGroup, shell }: CurrentUser): void {
  const wanted = [...props.groups, ...(props.primaryGroup === undefined ? [] : [props.primaryGroup])];
  const facts = [...groups, ...(props.primaryGroup === undefined ? [] : [primaryGroup])];
  const missing = wanted.filter((_, index) => facts[index] === null && wanted[index] !== props.name);
  if (missing.length > 0) {
    throw new LabError('PLAN_IMPOSSIBLE', `user ${props.name} shall belong to groups that do not exist`, {
      expected: `the group ${missing.join(', ')} on the host or declared earlier`,
      found: 'none',
      hint: `declare group({ name: '${missing[0]}' }) before it, or the package that brings it`,
    });
  }
  if (shell?.kind === 'absent') {
    throw new LabError(
      'PLAN_IMPOSSIBLE',
      `user ${props.name} shall have a shell that does not exist: no login would work`,
      {
        expected: `the program ${props.shell} on the host`,
        found: 'nothing',
        hint: 'declare the package that brings it before the user',
      },
    );
  }
}
