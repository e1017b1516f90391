import type { FactPrediction, FileFact, UserFact } from '../../remote/facts/contract.ts';
import type { Change, Step } from '../contract.ts';
import type { CurrentUser, UserProps } from '../user.ts';
import { usualHome } from './home.ts';
import { passwordStep, wantedHash } from './password.ts';
import { riskOfGroups } from './privilege.ts';

/** The change that makes the account. */
export function createUser(props: UserProps, current: CurrentUser): readonly Change[] {
  const { name, groups } = props;
  const makesHome = props.createHome ?? !props.system;
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
        { do: 'run', argv: useradd(props, current, makesHome) },
        ...(hash === null ? [] : [passwordStep(name, hash)]),
      ],
      revert: undo(props, current, makesHome && current.home.kind === 'absent'),
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

/**
 * userdel(8) takes the group of the same name along, so one that was there before is made again. Of a home directory that
 * came with the account only what useradd put there goes: whatever a person left in it stays.
 */
function undo(props: UserProps, current: CurrentUser, madeHome: boolean): readonly Step[] {
  const { name } = props;
  const group = current.ownGroup;
  return [
    { do: 'run', argv: ['userdel', '--force', '--', name], okCodes: [0, 6] },
    ...(group === null
      ? []
      : [{ do: 'run' as const, argv: ['groupadd', '--force', '--gid', String(group.gid), '--', name] }]),
    ...(madeHome
      ? [{ do: 'run' as const, argv: ['sh', '-c', removeFreshHome, 'lab', props.home ?? usualHome(props.name)] }]
      : []),
  ];
}

const removeFreshHome = [
  '[ -d "$1" ] || exit 0',
  'for file in /etc/skel/.[!.]* /etc/skel/*; do',
  '  own=$1/$(basename "$file")',
  '  if [ -f "$file" ] && cmp -s "$file" "$own"; then rm -f "$own"; fi',
  'done',
  'rmdir "$1" 2>/dev/null || echo "$1 stays: somebody keeps files in it"',
].join('\n');

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
