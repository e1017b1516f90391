import type { UserFact } from '../../remote/facts/contract.ts';
import { LabError } from '../../shared/errors.ts';
import type { Change, Step } from '../contract.ts';
import { absentFile } from '../shared/absent-file.ts';
import type { CurrentUser, UserProps } from '../user.ts';
import { passwordStep } from './password.ts';
import { riskOfAccount } from './privilege.ts';

/** The change that removes the account; undone, it comes back with the same numbers, groups and password. */
export function removeUser(props: UserProps, user: UserFact, { ownGroup, home }: CurrentUser): Change {
  if (user.uid === 0) {
    throw new LabError('PLAN_IMPOSSIBLE', `user ${user.name} has the number 0 and is not removed`, {
      expected: 'a user that is not root',
      found: 'uid 0',
    });
  }
  const takesHome =
    props.removeHome && home.kind === 'directory' && home.path === user.home && home.owner === user.name;
  const supplementary = user.groups.filter((group) => group !== user.name);
  const back: Step[] = [
    ...(ownGroup === null ? [] : [run('groupadd', '--force', '--gid', String(ownGroup.gid), '--', user.name)]),
    { do: 'run', argv: useradd(user, supplementary), okCodes: [0, 9] },
    passwordStep(user.name, user.passwordHash ?? '!'),
  ];
  return {
    attribute: 'state',
    before: `uid ${user.uid}`,
    after: null,
    apply: [
      { do: 'run', argv: ['userdel', '--', user.name] },
      ...(takesHome ? [{ do: 'remove' as const, path: user.home, recursive: true }] : []),
    ],
    revert: [...back, ...(takesHome ? [{ do: 'restore' as const, path: user.home }] : [])],
    risk: riskOfAccount(user),
    predicts: [
      { fact: 'user', name: user.name, value: null },
      ...(ownGroup?.gid === user.gid ? [{ fact: 'group' as const, name: user.name, value: null }] : []),
      ...(takesHome ? [{ fact: 'file' as const, value: absentFile(user.home) }] : []),
    ],
  };
}

/** useradd(8): 9 is "name is taken", as when the removal had not begun. */
function useradd(user: UserFact, supplementary: readonly string[]): readonly string[] {
  return [
    ...['useradd', '--no-create-home', '--uid', String(user.uid), '--gid', String(user.gid)],
    ...(supplementary.length === 0 ? [] : ['--groups', supplementary.join(',')]),
    ...['--comment', user.comment, '--home-dir', user.home, '--shell', user.shell, '--', user.name],
  ];
}

function run(...argv: readonly string[]): Step {
  return { do: 'run', argv };
}
