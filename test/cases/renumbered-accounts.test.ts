import { expect, it } from 'vitest';
import { KnownAfterApply } from '../../src/remote/facts/contract.ts';
import { directory } from '../../src/resources/directory.ts';
import { file } from '../../src/resources/file.ts';
import { group } from '../../src/resources/group.ts';
import { user } from '../../src/resources/user.ts';
import { changesInOrder, type FakeHost } from '../support/fake-facts.ts';

const host: FakeHost = {
  users: { ada: { uid: 1000, gid: 1000, home: '/home/ada' } },
  groups: { media: { gid: 1500 } },
  files: {
    '/srv/of-ada': { content: 'x', owner: 'ada', group: 'ada', uid: 1000, gid: 1000 },
    '/home/ada/note': { content: 'x', owner: 'ada', group: 'ada', uid: 1000, gid: 1000 },
    '/srv/of-media': { content: 'x', group: 'media', gid: 1500 },
    '/srv/of-nobody': { content: 'x', owner: 'UNKNOWN', group: 'UNKNOWN', uid: 2000, gid: 2500 },
    '/home/ada': { kind: 'directory', owner: 'ada', group: 'ada', uid: 1000, gid: 1000 },
  },
};
const content = 'x';

it('a file keeps the number that its owner had', async () => {
  const [, outside, inside, home] = await changesInOrder(
    [
      user({ name: 'ada', uid: 2000 }),
      file({ path: '/srv/of-ada', content, owner: 'ada', group: 'ada' }),
      file({ path: '/home/ada/note', content, owner: 'ada', group: 'ada' }),
      directory({ path: '/home/ada', owner: 'ada', group: 'ada' }),
    ],
    host,
  );
  expect(outside).toMatchObject([
    {
      attribute: 'owner',
      before: '1000:ada',
      after: 'ada:ada',
      apply: [{ do: 'owner', owner: 'ada' }, { do: 'mode' }],
      revert: [{ do: 'owner', owner: '1000', group: 'ada' }, { do: 'mode' }],
    },
  ]);
  // usermod(8) takes along what is in the home directory.
  expect(inside).toEqual([]);
  expect(home).toEqual([]);
});

it('a file gets the name of whom its number is given to', async () => {
  const [, , ofNobody] = await changesInOrder(
    [
      user({ name: 'ada', uid: 2000 }),
      group({ name: 'media', gid: 2500 }),
      file({ path: '/srv/of-nobody', content, owner: 'ada', group: 'media' }),
    ],
    host,
  );
  expect(ofNobody).toEqual([]);
});

it('the same for a group, and for one whose path was changed before it', async () => {
  const wanted = { path: '/srv/of-media', content, group: 'media' };
  const [, changed] = await changesInOrder([group({ name: 'media', gid: 1600 }), file(wanted)], host);
  expect(changed).toMatchObject([{ attribute: 'owner', before: 'root:1500', after: 'root:media' }]);

  const [, , again] = await changesInOrder(
    [file({ ...wanted, mode: '0600' }), group({ name: 'media', gid: 1600 }), file({ ...wanted, mode: '0600' })],
    host,
  );
  expect(again).toMatchObject([{ attribute: 'owner', before: 'root:1500' }]);
});

it('a user follows the group that is its own', async () => {
  const resources = [group({ name: 'ada', gid: 1234 }), user({ name: 'ada', primaryGroup: 'ada' })];
  expect((await changesInOrder(resources, host))[1]).toEqual([]);
});

it('what belongs to a user that goes belongs to nobody', async () => {
  const resources = [user({ name: 'ada', state: 'absent' }), file({ path: '/srv/of-ada', content, owner: 'ada' })];
  await expect(changesInOrder(resources, host)).rejects.toMatchObject({ code: 'PLAN_IMPOSSIBLE' });
});

it('the group of files in a home is known after the user has another', async () => {
  const resources = [
    user({ name: 'ada', primaryGroup: 'media' }),
    file({ path: '/home/ada/note', content, owner: 'ada', group: 'media' }),
  ];
  await expect(changesInOrder(resources, host)).rejects.toThrow(KnownAfterApply);
});

it('another attribute of a user, or a new user, leaves every file as it is', async () => {
  const resources = [
    user({ name: 'ada', shell: '/bin/sh', comment: 'Ada' }),
    user({ name: 'bob' }),
    file({ path: '/srv/of-ada', content, owner: 'ada', group: 'ada' }),
    file({ path: '/srv/of-bob', content, owner: 'bob', group: 'bob' }),
    file({ path: '/srv/of-bob', content, owner: 'bob', group: 'bob' }),
  ];
  const changes = await changesInOrder(resources, { ...host, files: { ...host.files, '/bin/sh': '' } });
  expect(changes.map(({ length }) => length)).toEqual([1, 1, 0, 1, 0]);
});
