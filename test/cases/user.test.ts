import { describe, expect, test } from 'vitest';
import { wantedHash } from '../../src/resources/accounts/password.ts';
import type { Step } from '../../src/resources/contract.ts';
import { directory } from '../../src/resources/directory.ts';
import { file } from '../../src/resources/file.ts';
import { group } from '../../src/resources/group.ts';
import { user } from '../../src/resources/user.ts';
import { reveal, Secret } from '../../src/shared/secret.ts';
import { changesInOrder, changesOf, type FakeHost } from '../support/fake-facts.ts';

type Props = Omit<Parameters<typeof user>[0], 'name'>;

const commands = (steps: readonly Step[]) =>
  steps.map((step) => (step.do === 'run' ? wordsOf(step.argv).join(' ') : `${step.do} ${step.path}`));
/** A script is told by its name, not by its text. */
const wordsOf = (argv: readonly string[]) => (argv[3]?.startsWith('lab-') ? argv.slice(3) : argv);
const ada = { uid: 1001, gid: 1001, comment: 'Ada', shell: '/bin/sh', groups: ['ada', 'video'] };
const host: FakeHost = {
  users: { ada },
  groups: { sudo: {}, video: { members: ['ada'] }, media: { gid: 1500 } },
  files: { '/bin/bash': '', '/home': { kind: 'directory' } },
};

describe('an account that exists', () => {
  const cases: [string, Props, string[], string[]?][] = [
    ['nothing declared, nothing done', {}, []],
    [
      'as declared',
      { uid: 1001, comment: 'Ada', shell: '/bin/bash', groups: ['video'] },
      ['usermod --shell /bin/bash -- ada'],
      ['usermod --shell /bin/sh -- ada'],
    ],
    [
      'another comment',
      { comment: "O'Ada $(id)" },
      ["usermod --comment O'Ada $(id) -- ada"],
      ['usermod --comment Ada -- ada'],
    ],
    [
      'groups are added',
      { groups: ['video', 'media'] },
      ['usermod --append --groups media -- ada'],
      ['gpasswd --delete ada media'],
    ],
    ['another number', { uid: 2001 }, ['usermod --uid 2001 -- ada'], ['usermod --uid 1001 -- ada']],
    ['another primary group', { primaryGroup: 'media' }, ['usermod --gid 1500 -- ada'], ['usermod --gid 1001 -- ada']],
  ];
  test.each(cases)('%s', async (_, props, apply, revert) => {
    const changes = await changesOf(user({ name: 'ada', ...props }), host);
    expect(commands(changes.flatMap((change) => change.apply))).toEqual(apply);
    if (revert !== undefined) expect(commands(changes.flatMap((change) => change.revert))).toEqual(revert);
  });

  test('exclusive groups: others go, the primary stays', async () => {
    const resource = user({ name: 'ada', groups: ['media'], exclusiveGroups: true });
    const [change] = await changesOf(resource, { ...host, runs: { 'id -gn -- ada': 'ada\n' } });
    expect(commands(change?.apply ?? [])).toEqual(['usermod --groups media -- ada']);
    expect(commands(change?.revert ?? [])).toEqual(['usermod --groups video -- ada']);
  });

  test('becoming able to be root is a privilege', async () => {
    const [change] = await changesOf(user({ name: 'ada', groups: ['sudo'] }), host);
    expect(change?.risk).toBe('privilege');
  });
});

describe('a new account', () => {
  test('is made with what is declared, the password through stdin only', async () => {
    const hash = '$y$j9T$canary';
    const [change] = await changesOf(
      user({ name: 'bob', shell: '/bin/bash', groups: ['sudo'], passwordHash: new Secret(hash) }),
      host,
    );
    expect(commands(change?.apply ?? [])).toEqual([
      'lab-account note bob user',
      'useradd --create-home -K HOME_MODE=0700 --user-group --groups sudo --shell /bin/bash --home-dir /home/bob -- bob',
      'chpasswd --encrypted',
    ]);
    const step = change?.apply[2];
    expect(step?.do === 'run' && step.stdin !== undefined ? reveal(step.stdin as Secret) : '').toBe(`bob:${hash}\n`);
    expect(JSON.stringify(change)).not.toContain('canary');
    expect(change?.risk).toBe('privilege');
  });

  test('a group of the same name that exists becomes its primary group', async () => {
    const [change] = await changesOf(user({ name: 'media' }), host);
    expect(commands(change?.apply ?? [])[1]).toContain('--gid media');
  });

  test('what follows knows the user, its group and its home', async () => {
    const plan = await changesInOrder(
      [
        group({ name: 'work', gid: 3000 }),
        user({ name: 'bob', groups: ['work'] }),
        directory({ path: '/home/bob/bin', owner: 'bob', group: 'bob' }),
        file({ path: '/home/bob/.profile', content: 'x\n', owner: 'bob', group: 'work' }),
        user({ name: 'bob', groups: ['work'] }),
      ],
      host,
    );
    expect(plan.map((changes) => changes.length)).toEqual([1, 1, 1, 1, 0]);
  });

  test('a home directory that is there is not taken away again', async () => {
    const [change] = await changesOf(user({ name: 'bob' }), { ...host, files: { '/home/bob': { kind: 'directory' } } });
    expect(commands(change?.revert ?? [])).toEqual(['lab-account undo bob user']);
  });

  const impossible: [string, Props, string][] = [
    ['a group that does not exist', { groups: ['nope'] }, 'group nope'],
    ['a primary group that does not exist', { primaryGroup: 'nope' }, 'group nope'],
    ['a shell that does not exist', { shell: '/bin/fish' }, '/bin/fish'],
  ];
  test.each(impossible)('%s is an error', async (_, props, expected) => {
    await expect(changesOf(user({ name: 'bob', ...props }), host)).rejects.toMatchObject({
      code: 'PLAN_IMPOSSIBLE',
      details: { expected: expect.stringContaining(expected) },
    });
  });
});

describe('an account that goes', () => {
  test('absent already', async () => {
    expect(await changesOf(user({ name: 'bob', state: 'absent' }), host)).toEqual([]);
  });
  test('is noted before, for the way back', async () => {
    const [change] = await changesOf(user({ name: 'ada', state: 'absent' }), host);
    expect(commands(change?.apply ?? [])).toEqual(['lab-account note ada user', 'userdel -- ada']);
    expect(commands(change?.revert ?? [])).toEqual(['lab-account undo ada user']);
  });
  test('its home only when asked for and its own', async () => {
    const removeHome = user({ name: 'ada', state: 'absent', removeHome: true });
    const own = { '/home/ada': { kind: 'directory' as const, owner: 'ada' } };
    const foreign = { '/home/ada': { kind: 'directory' as const, owner: 'root' } };
    expect(commands((await changesOf(removeHome, { ...host, files: own }))[0]?.apply ?? [])).toContain(
      'remove /home/ada',
    );
    expect(commands((await changesOf(removeHome, { ...host, files: foreign }))[0]?.apply ?? [])).not.toContain(
      'remove /home/ada',
    );
  });
  test('root is not removed', async () => {
    await expect(changesOf(user({ name: 'root', state: 'absent' }), host)).rejects.toMatchObject({
      code: 'PLAN_IMPOSSIBLE',
    });
  });
});

test('the hash that a password had is in no step', async () => {
  const users = { ada: { ...ada, passwordHash: '$y$old-canary' } };
  const [change] = await changesOf(user({ name: 'ada', passwordHash: new Secret('$y$new') }), { ...host, users });
  expect(commands(change?.apply ?? [])).toEqual(['lab-account note ada password', 'chpasswd --encrypted']);
  expect(commands(change?.revert ?? [])).toEqual(['lab-account undo ada password']);
  expect(commands(change?.redo ?? [])).toEqual(['lab-account redo ada password']);
});

describe('the password field', () => {
  const cases: [string, string | undefined, boolean | undefined, string | null, string | null][] = [
    ['nothing declared', undefined, undefined, '$y$a', null],
    ['the same hash', '$y$a', undefined, '$y$a', null],
    ['another hash', '$y$b', undefined, '$y$a', '$y$b'],
    ['a first hash', '$y$b', undefined, '!', '$y$b'],
    ['no password yet, with "*"', '$y$b', undefined, '*', '$y$b'],
    ['a lock set by hand stays', '$y$b', undefined, '!$y$a', '!$y$b'],
    ['locked', undefined, true, '$y$a', '!$y$a'],
    ['locked already', undefined, true, '!$y$a', null],
    ['no password is locked already', undefined, true, '!', null],
    ['"*" is locked already', undefined, true, '*', null],
    ['an empty password is locked', undefined, true, '', '!'],
    ['unlocked', undefined, false, '!$y$a', '$y$a'],
    ['nothing to unlock', undefined, false, '!', null],
    ['hash and lock', '$y$b', true, '$y$a', '!$y$b'],
    ['hash and unlock', '$y$a', false, '!$y$a', '$y$a'],
  ];
  test.each(cases)('%s', (_, declared, locked, current, expected) => {
    expect(wantedHash(declared === undefined ? undefined : new Secret(declared), locked, current)).toBe(expected);
  });
});

describe('groups', () => {
  type GroupProps = Parameters<typeof group>[0];
  const cases: [string, GroupProps, string[], string[]][] = [
    ['there', { name: 'media' }, [], []],
    ['the number', { name: 'media', gid: 1500 }, [], []],
    ['missing', { name: 'work' }, ['lab-account note work group', 'groupadd -- work'], ['lab-account undo work group']],
    [
      'missing, with a number',
      { name: 'work', gid: 7, system: true },
      ['lab-account note work group', 'groupadd --gid 7 --system -- work'],
      ['lab-account undo work group'],
    ],
    ['another number', { name: 'media', gid: 1 }, ['groupmod --gid 1 -- media'], ['groupmod --gid 1500 -- media']],
    ['absent already', { name: 'work', state: 'absent' }, [], []],
    [
      'goes',
      { name: 'video', state: 'absent' },
      ['lab-account note video group', 'groupdel -- video'],
      ['lab-account undo video group'],
    ],
  ];
  test.each(cases)('%s', async (_, props, apply, revert) => {
    const changes = await changesOf(group(props), host);
    expect(commands(changes.flatMap((change) => change.apply))).toEqual(apply);
    expect(commands(changes.flatMap((change) => change.revert))).toEqual(revert);
  });
});

const refused: [string, Parameters<typeof user>[0]][] = [
  ['a name that is an option', { name: '-x' }],
  ['a name with a colon', { name: 'a:b' }],
  ['a comment with a newline', { name: 'ada', comment: 'x\nroot::0:0' }],
  ['a comment with a colon', { name: 'ada', comment: 'x:0' }],
  ['a password that is no secret', { name: 'ada', passwordHash: '$y$a' as unknown as Secret }],
];
test.each(refused)('%s is refused', (_, props) => {
  expect(() => user(props)).toThrow(expect.objectContaining({ code: 'RESOURCE_PROPS' }));
});
