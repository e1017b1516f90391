import type { UserFact } from '../../remote/facts/contract.ts';
import { Secret } from '../../shared/secret.ts';
import type { Change, Step } from '../contract.ts';
import type { CurrentUser, UserProps } from '../user.ts';
import { passwordSteps, wantedHash } from './password.ts';
import { riskOfAccount, riskOfGroups } from './privilege.ts';

/** One change for every attribute that differs; what is not declared stays as it is. */
export function modifyUser(props: UserProps, user: UserFact, current: CurrentUser): readonly Change[] {
  const { name } = props;
  const changes: Change[] = [];
  // Nothing that comes later needs the hash, and a prediction may be written down.
  let predicted: UserFact = { ...user, passwordHash: null };
  const add = (change: Omit<Change, 'predicts'>, makes: Partial<UserFact>): void => {
    predicted = { ...predicted, ...makes };
    const risk = change.attribute === 'comment' ? undefined : (change.risk ?? riskOfAccount(user));
    changes.push({ ...change, risk, predicts: [{ fact: 'user', name, value: predicted }] });
  };
  const attribute = (
    label: string,
    flag: string,
    before: string | number,
    after: string | number | undefined,
    makes: Partial<UserFact>,
  ): void => {
    if (after === undefined || before === after) return;
    const usermod = (value: string | number): Step => ({
      do: 'run',
      argv: ['usermod', flag, String(value), '--', name],
    });
    add({ attribute: label, before, after, apply: [usermod(after)], revert: [usermod(before)] }, makes);
  };

  attribute('uid', '--uid', user.uid, props.uid, { uid: props.uid ?? user.uid });
  if (props.primaryGroup !== undefined && current.primaryGroup !== null && current.primaryGroup.gid !== user.gid) {
    const { gid } = current.primaryGroup;
    const usermod = (value: number): Step => ({ do: 'run', argv: ['usermod', '--gid', String(value), '--', name] });
    const before = current.ownGroup?.gid === user.gid ? name : user.gid;
    add(
      {
        attribute: 'primary group',
        before,
        after: props.primaryGroup,
        apply: [usermod(gid)],
        revert: [usermod(user.gid)],
      },
      { gid },
    );
  }
  attribute('comment', '--comment', user.comment, props.comment, { comment: props.comment ?? user.comment });
  attribute('home', '--home', user.home, props.home, { home: props.home ?? user.home });
  attribute('shell', '--shell', user.shell, props.shell, { shell: props.shell ?? user.shell });
  for (const change of groupChanges(props, user, current)) add(change.change, { groups: change.groups });

  const hash = wantedHash(props.passwordHash, props.locked, user.passwordHash);
  if (hash !== null) {
    const label = `password of ${name}`;
    add(
      {
        attribute: 'password',
        before: new Secret(user.passwordHash ?? '', label),
        after: new Secret(hash, label),
        ...passwordSteps(name, hash),
      },
      {},
    );
  }
  return changes;
}

function groupChanges(
  { name, groups: wanted, exclusiveGroups, primaryGroup }: UserProps,
  user: UserFact,
  current: CurrentUser,
): { change: Omit<Change, 'predicts'>; groups: readonly string[] }[] {
  const primary = primaryGroup ?? current.primaryGroupName ?? name;
  const missing = wanted.filter((group) => !user.groups.includes(group));
  // The group that was the primary one is no supplementary one.
  const before = user.groups.filter((group) => group !== primary && group !== current.primaryGroupName);
  if (exclusiveGroups) {
    const after = [...new Set(wanted)].filter((group) => group !== primary).sort();
    if (after.join() === before.join()) return [];
    const set = (groups: readonly string[]): Step => ({
      do: 'run',
      argv: ['usermod', '--groups', groups.join(','), '--', name],
    });
    const changed = [...missing, ...before.filter((group) => !after.includes(group))];
    const change = {
      attribute: 'groups',
      before: before.join(', '),
      after: after.join(', '),
      apply: [set(after)],
      revert: [set(before)],
    };
    return [{ change: { ...change, risk: riskOfGroups(changed) }, groups: [...after, primary].sort() }];
  }
  if (missing.length === 0) return [];
  const after = [...before, ...missing].sort();
  return [
    {
      change: {
        attribute: 'groups',
        before: before.join(', '),
        after: after.join(', '),
        apply: [{ do: 'run', argv: ['usermod', '--append', '--groups', missing.join(','), '--', name] }],
        // gpasswd(1) answers 3 when the user is no member, as after a change that stopped in the middle.
        revert: missing.map((group) => ({ do: 'run', argv: ['gpasswd', '--delete', name, group], okCodes: [0, 3] })),
        risk: riskOfGroups(missing),
      },
      groups: [...new Set([...user.groups, ...missing])].sort(),
    },
  ];
}
