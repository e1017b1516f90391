import type { FactPrediction, FileFact, UserFact } from '../../remote/facts/contract.ts';
import type { Change } from '../contract.ts';
import { runScript } from '../shared/script.ts';
import type { CurrentUser, UserProps } from '../user.ts';
import { accountStep } from './account-step.ts';
import { usualHome } from './home.ts';
import { passwordStep, wantedHash } from './password.ts';
import { riskOfGroups } from './privilege.ts';

/** The change that makes the account. */
export function createUser(props: UserProps, current: CurrentUser): readonly Change[] {
  const { name, groups } = props;
  const makesHome = props.createHome ?? !props.system;
  const madeHome = makesHome && current.home.kind === 'absent';
  const homeStep = (verb: 'undo' | 'redo') =>
    madeHome ? [runScript('fresh-home', [verb, props.home ?? usualHome(name)])] : [];
  const hash = wantedHash(props.passwordHash, props.locked, '!');
  const shown = [
    props.uid === undefined ? undefined : `uid ${props.uid}`,
    props.shell,
    groups.length === 0 ? undefined : `groups ${groups.join(', ')}`,
    props.passwordHash === undefined ? undefined : 'with a password',
  ].filter((part) => part !== undefined);
  return [
    {
      attribute: 'state',
      before: null,
      after: shown.length === 0 ? 'present' : shown.join(', '),
      apply: [
        accountStep('note', name, 'user'),
        { do: 'run', argv: useradd(props, current, makesHome) },
        ...(hash === null ? [] : [passwordStep(name, hash)]),
      ],
      // Of a home directory that came along only what useradd put there goes.
      revert: [accountStep('undo', name, 'user'), ...homeStep('undo')],
      redo: [accountStep('redo', name, 'user'), ...homeStep('redo')],
      risk: props.uid === 0 ? 'privilege' : riskOfGroups([...groups, props.primaryGroup ?? '']),
      predicts: predictions(props, current, makesHome),
    },
  ];
}

/** useradd(8). The home directory's mode is fixed, as the default differs from one distribution to the next. */
function useradd(props: UserProps, current: CurrentUser, makesHome: boolean): readonly string[] {
  // The group of the user's own name comes with the user, unless it is there already.
  const comesAlong = (group: string) => group === props.name && current.ownGroup === null;
  const named = props.primaryGroup ?? props.name;
  const primary = comesAlong(named) ? undefined : named;
  const groups = props.groups.filter((group) => !comesAlong(group));
  return [
    'useradd',
    ...(makesHome ? ['--create-home', '-K', 'HOME_MODE=0700'] : ['--no-create-home']),
    ...(props.system ? ['--system'] : []),
    ...(props.uid === undefined ? [] : ['--uid', String(props.uid)]),
    ...(props.uid === 0 ? ['--non-unique'] : []),
    ...(primary === undefined ? ['--user-group'] : ['--gid', primary]),
    ...(groups.length === 0 ? [] : ['--groups', groups.join(',')]),
    ...(props.comment === undefined ? [] : ['--comment', props.comment]),
    ...(props.shell === undefined ? [] : ['--shell', props.shell]),
    ...['--home-dir', props.home ?? usualHome(props.name), '--', props.name],
  ];
}

function predictions(props: UserProps, current: CurrentUser, makesHome: boolean): FactPrediction[] {
  const { name, groups } = props;
  const primary = props.primaryGroup ?? name;
  const gid = props.primaryGroup === undefined ? (current.ownGroup?.gid ?? -1) : (current.primaryGroup?.gid ?? -1);
  const user: UserFact = {
    name,
    uid: props.uid ?? -1,
    gid,
    comment: props.comment ?? '',
    home: props.home ?? usualHome(props.name),
    shell: props.shell ?? '/bin/sh',
    groups: [...new Set([...groups, primary])].sort(),
    // Nothing that comes later needs the hash, and a prediction may be written down.
    passwordHash: null,
  };
  const home: FileFact = {
    ...current.home,
    ...{ kind: 'directory', mode: '0700', owner: name, group: primary, uid: user.uid, gid, links: 2 },
  };
  return [
    { fact: 'user', name, value: user },
    ...(primary === name && current.ownGroup === null
      ? [{ fact: 'group' as const, name, value: { name, gid: -1, members: [] } }]
      : []),
    ...current.groups.flatMap((group) =>
      group === null
        ? []
        : [{ fact: 'group' as const, name: group.name, value: { ...group, members: [...group.members, name] } }],
    ),
    ...(makesHome && current.home.kind === 'absent' ? [{ fact: 'file' as const, value: home }] : []),
  ];
}
