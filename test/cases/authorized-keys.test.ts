import { describe, expect, test } from 'vitest';
import { authorizedKeys } from '../../src/resources/authorized-keys.ts';
import { user } from '../../src/resources/user.ts';
import { changesInOrder, changesOf, type FakeFile, type FakeHost } from '../support/fake-facts.ts';

const one = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINsV7EonJxuCoArRaZocj1Hw227hjLlsJzmLxbifDEKa';
const two =
  'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDRJkzUIlhLz4Agj77ERC+KvLAT4R6VtHfMTivANzuTTGZXHpwp/0ymalvNufTfCL9dIqr0Kp2fasbBqgInWN718ACkf93zkNaB3+cFjLBObzACAzu0mMkjYUFJgLyzWU6f6O0gnF0gCNoeSxNn2h6jUAFFiM9HOqHjxzP+mkjLlaY4Augg6GGs95nXpQwZZtHWAir6yE8mknYxwgi1CKmHU/qWOuuMMiw7HbYj/47Wn8c3cK6tkvZIpytd21qrqa4e1xZPUKdUYRV2oMs6iQfJHhuJMy+DW983rbZtor3b8av375I1tsprfBaRlHpBeWReS+wqeJthutdF6QgBcvBb';

type Props = Omit<Parameters<typeof authorizedKeys>[0], 'user'>;
const path = '/home/ada/.ssh/authorized_keys';
const own = { owner: 'ada', group: 'ada', uid: 1001, gid: 1001 };

function hostWith(content: string | null, more: Record<string, FakeFile> = {}): FakeHost {
  return {
    users: { ada: { uid: 1001, gid: 1001 } },
    files: {
      '/home/ada': { kind: 'directory', ...own },
      '/home/ada/.ssh': { kind: 'directory', mode: '0700', ...own },
      ...(content === null ? {} : { [path]: { content, mode: '0600', ...own } }),
      ...more,
    },
  };
}

/** The file after the change; null when nothing changes. */
async function written(props: Props, content: string | null): Promise<string | null> {
  const changes = await changesOf(authorizedKeys({ user: 'ada', ...props }), hostWith(content));
  const step = changes.flatMap(({ apply }) => apply).find((step) => step.do === 'write');
  return step === undefined ? null : String(step.content);
}

describe('what the file becomes', () => {
  const cases: [string, Props, string | null, string | null][] = [
    ['no file', { keys: [one] }, null, `${one}\n`],
    ['there', { keys: [one] }, `${one}\n`, null],
    ['there, with a comment of its own', { keys: [one] }, `${one} ada@laptop\n`, null],
    ['there, no newline at the end', { keys: [one] }, one, null],
    ['another comment declared', { keys: [`${one} new`] }, `${one} old\n`, `${one} new\n`],
    [
      'appended; others and comments stay',
      { keys: [one] },
      `# by hand\n\n${two} bob\n`,
      `# by hand\n\n${two} bob\n${one}\n`,
    ],
    ['appended after a last line without newline', { keys: [one] }, `${two} bob`, `${two} bob\n${one}\n`],
    [
      'exclusive takes the others',
      { keys: [one], exclusive: true },
      `# by hand\n${two} bob\n${one} ada\n`,
      `${one} ada\n`,
    ],
    ['exclusive, none left', { keys: [], exclusive: true }, `${two}\n`, ''],
    ['revoked', { keys: [], revoked: [two] }, `from="10.0.0.1" ${two} bob\n${one}\n`, `${one}\n`],
    ['options are part of it', { keys: [`restrict ${one}`] }, `${one} ada\n`, `restrict ${one} ada\n`],
    ['options that are not declared go', { keys: [one] }, `restrict ${one} ada\n`, `${one} ada\n`],
    [
      'options with blanks and quotes',
      { keys: [`command="echo \\"a b\\"",no-pty ${one}`] },
      `command="echo \\"a b\\"",no-pty ${one} x\n`,
      null,
    ],
    [
      'the same key again without its restriction goes',
      { keys: [`restrict ${one}`] },
      `restrict ${one}\n${one} backdoor\n`,
      `restrict ${one}\n`,
    ],
    ['declared twice', { keys: [one, `${one} ada`] }, null, `${one}\n`],
  ];
  test.each(cases)('%s', async (_, props, before, after) => {
    expect(await written(props, before)).toBe(after);
  });
});

test('folder and file belong to the user alone', async () => {
  const host = hostWith(`${one}\n`, {
    '/home/ada/.ssh': { kind: 'directory', mode: '0755' },
    [path]: { content: `${one}\n`, mode: '0666', ...own },
  });
  const changes = await changesOf(authorizedKeys({ user: 'ada', keys: [one] }), host);
  expect(changes.map(({ before, after }) => [before, after])).toEqual([
    ['root:root 0755', 'ada:ada 0700'],
    ['ada:ada 0666', 'ada:ada 0600'],
  ]);
  expect(changes.flatMap(({ apply }) => apply).some((step) => step.do === 'write')).toBe(false);
});

test('a new user gets keys in the same plan, and in one tick of reads', async () => {
  const plan = await changesInOrder([user({ name: 'bob' }), authorizedKeys({ user: 'bob', keys: [one] })]);
  expect(plan[1]?.map(({ attribute }) => attribute)).toEqual(['folder', 'keys']);
  expect(plan[1]?.every(({ risk }) => risk === 'privilege')).toBe(true);
});

test('a home directory elsewhere is found', async () => {
  const host: FakeHost = { users: { ada: { home: '/srv/ada' } }, files: { '/srv/ada': { kind: 'directory' } } };
  const changes = await changesOf(authorizedKeys({ user: 'ada', keys: [one] }), host);
  expect(changes.at(-1)?.apply[0]).toMatchObject({ path: '/srv/ada/.ssh/authorized_keys' });
});

const impossible: [string, FakeHost][] = [
  ['no such user', {}],
  ['no home directory', { users: { ada: {} } }],
  ['a link in place of the file', hostWith(null, { [path]: { kind: 'symlink', target: '/etc/shadow' } })],
  ['a link in place of the folder', hostWith(null, { '/home/ada/.ssh': { kind: 'symlink', target: '/etc' } })],
];
test.each(impossible)('%s is an error', async (_, host) => {
  await expect(changesOf(authorizedKeys({ user: 'ada', keys: [one] }), host)).rejects.toMatchObject({
    code: 'PLAN_IMPOSSIBLE',
  });
});

const refused: [string, string][] = [
  ['cut off', one.slice(0, -12)],
  ['a private key', '-----BEGIN OPENSSH PRIVATE KEY-----'],
  ['two lines', `${one}\n${two}`],
  ['another type inside', one.replace('ssh-ed25519', 'ssh-rsa')],
  ['no key', 'hello'],
  ['not base64', 'ssh-ed25519 !!!!'],
];
test.each(refused)('a key that is %s is refused before any host is met', (_, key) => {
  expect(() => authorizedKeys({ user: 'ada', keys: [key] })).toThrow(
    expect.objectContaining({ code: 'RESOURCE_PROPS' }),
  );
});
