import type { UserFact } from '../../remote/facts/contract.ts';
import { LabError } from '../../shared/errors.ts';
import type { Change } from '../contract.ts';
import { absentFile } from '../shared/absent-file.ts';
import type { CurrentUser, UserProps } from '../user.ts';
import { accountStep } from './account-step.ts';
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
  return {
    attribute: 'state',
    before: `uid ${user.uid}`,
    after: null,
    apply: [
      accountStep('note', user.name, 'user'),
      { do: 'run', argv: ['userdel', '--', user.name] },
      ...(takesHome ? [{ do: 'remove' as const, path: user.home, recursive: true }] : []),
    ],
    revert: [
      accountStep('undo', user.name, 'user'),
      ...(takesHome ? [{ do: 'restore' as const, path: user.home }] : []),
    ],
    risk: riskOfAccount(user),
    predicts: [
      { fact: 'user', name: user.name, value: null },
      ...(ownGroup?.gid === user.gid ? [{ fact: 'group' as const, name: user.name, value: null }] : []),
      ...(takesHome ? [{ fact: 'file' as const, value: absentFile(user.home) }] : []),
    ],
  };
}
