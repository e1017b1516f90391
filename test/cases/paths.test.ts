import { describe, expect, test } from 'vitest';
import { KnownAfterApply } from '../../src/remote/facts/contract.ts';
import { absent } from '../../src/resources/absent.ts';
import type { Change, Resource } from '../../src/resources/contract.ts';
import { directory } from '../../src/resources/directory.ts';
import { file } from '../../src/resources/file.ts';
import { symlink } from '../../src/resources/symlink.ts';
import { changesInOrder, changesOf, type FakeHost } from '../support/fake-facts.ts';

const path = '/srv/media';
const restore = [{ do: 'restore', path }];
const link = { kind: 'symlink', target: 'a' } as const;
type Case = [string, Resource, FakeHost, Partial<Change>[]];

describe('directory', () => {
  const cases: Case[] = [
    ['in sync', directory({ path }), { files: { [path]: { kind: 'directory' } } }, []],
    [
      'created; undone by removing it when it is empty',
      directory({ path, mode: '2775' }),
      {},
      [
        {
          attribute: 'state',
          before: null,
          after: 'directory',
          apply: [{ do: 'directory', path, mode: '02775', owner: 'root', group: 'root' }],
          revert: [{ do: 'restore', path }],
        },
      ],
    ],
    [
      'mode alone: the exact way back, not a copy of everything in it',
      directory({ path, mode: '0755' }),
      { files: { [path]: { kind: 'directory', mode: '2755' } } },
      [
        {
          attribute: 'mode',
          before: '2755',
          after: '0755',
          apply: [{ do: 'mode', path, mode: '00755' }],
          revert: [{ do: 'mode', path, mode: '02755' }],
        },
      ],
    ],
    [
      'with missing parents, outermost first',
      directory({ path: '/srv/a/b/c', parents: true, mode: '0700' }),
      {},
      [
        {
          after: 'directory, with /srv/a and /srv/a/b',
          apply: [
            { do: 'directory', path: '/srv/a', mode: '00755', owner: 'root', group: 'root' },
            { do: 'directory', path: '/srv/a/b', mode: '00755', owner: 'root', group: 'root' },
            { do: 'directory', path: '/srv/a/b/c', mode: '00700', owner: 'root', group: 'root' },
          ],
          revert: ['/srv/a/b/c', '/srv/a/b', '/srv/a'].map((path) => ({ do: 'restore', path })),
        },
      ],
    ],
    ['absent already', directory({ path, state: 'absent' }), {}, []],
    [
      'to be absent',
      directory({ path, state: 'absent', recursive: true }),
      { files: { [path]: { kind: 'directory' } } },
      [
        {
          before: 'directory',
          after: null,
          apply: [{ do: 'remove', path, recursive: true }],
          revert: [{ do: 'restore', path }],
        },
      ],
    ],
  ];
  test.each(cases)('%s', async (_, resource, host, expected) => {
    expect(await changesOf(resource, host)).toMatchObject(expected);
  });
});

describe('symlink', () => {
  const cases: Case[] = [
    ['in sync', symlink({ path, target: 'a' }), { files: { [path]: link } }, []],
    [
      'new',
      symlink({ path, target: '-n $(x)' }),
      {},
      [
        {
          before: null,
          after: '-n $(x)',
          apply: [{ do: 'symlink', path, target: '-n $(x)' }],
          revert: [{ do: 'restore', path }],
        },
      ],
    ],
    [
      'other target',
      symlink({ path, target: 'b' }),
      { files: { [path]: link } },
      [{ attribute: 'target', before: 'a', after: 'b' }],
    ],
    [
      'a file that may be replaced',
      symlink({ path, target: 'b', onFile: 'replace' }),
      { files: { [path]: '' } },
      [{ before: 'file', after: 'b' }],
    ],
    [
      'to be absent',
      symlink({ path, state: 'absent' }),
      { files: { [path]: link } },
      [{ before: 'link to a', after: null, apply: [{ do: 'remove', path }] }],
    ],
  ];
  test.each(cases)('%s', async (_, resource, host, expected) => {
    expect(await changesOf(resource, host)).toMatchObject(expected);
  });
});

describe('absent', () => {
  const cases: Case[] = [
    ['absent already', absent({ path }), {}, []],
    [
      'a file',
      absent({ path }),
      { files: { [path]: '' } },
      [{ before: 'file', after: null, apply: [{ do: 'remove', path }] }],
    ],
    [
      'a link, not what it leads to',
      absent({ path }),
      { files: { [path]: link } },
      [{ before: 'link to a', apply: [{ do: 'remove', path }] }],
    ],
    [
      'an empty directory',
      absent({ path }),
      { files: { [path]: { kind: 'directory' } } },
      [{ apply: [{ do: 'remove', path, recursive: false }] }],
    ],
    [
      'a directory with content',
      absent({ path, recursive: true }),
      { files: { [path]: { kind: 'directory' } } },
      [{ apply: [{ do: 'remove', path, recursive: true }], revert: [{ do: 'restore', path }] }],
    ],
  ];
  test.each(cases)('%s', async (_, resource, host, expected) => {
    const changes = await changesOf(resource, host);
    expect(changes).toMatchObject(expected);
    for (const change of changes) expect(change.revert).toEqual(restore);
  });
});

describe('what cannot be', () => {
  const cases: [string, Resource, FakeHost, RegExp][] = [
    ['a directory where a file is', directory({ path }), { files: { [path]: '' } }, /is a file, not a directory/],
    ['a directory where a link is', directory({ path }), { files: { [path]: link } }, /symbolic link/],
    ['a directory without parent', directory({ path: '/x/y' }), {}, /\/x does not exist/],
    [
      'a file among the parents',
      directory({ path: '/srv/f/a/b', parents: true }),
      { files: { '/srv/f': '' } },
      /\/srv\/f is a file/,
    ],
    ['an owner that does not exist', directory({ path, owner: 'media' }), {}, /user "media"/],
    ['a link where a file is', symlink({ path, target: 'a' }), { files: { [path]: '' } }, /is a file, not a link/],
    [
      'a link where a directory is',
      symlink({ path, target: 'a', onFile: 'replace' }),
      { files: { [path]: { kind: 'directory' } } },
      /is a directory/,
    ],
    ['a link without parent', symlink({ path: '/x/y', target: 'a' }), {}, /\/x does not exist/],
    ['removing a directory of the system', absent({ path: '/etc', recursive: true }), {}, /belongs to the system/],
    [
      'the same through directory',
      directory({ path: '/etc', state: 'absent', recursive: true }),
      {},
      /belongs to the system/,
    ],
  ];
  test.each(cases)('%s', async (_, resource, host, message) => {
    await expect(changesOf(resource, host)).rejects.toThrow(message);
    await expect(changesOf(resource, host)).rejects.toMatchObject({ code: 'PLAN_IMPOSSIBLE' });
  });
});

test('what is in the way is for a person to remove: an absent(…) before it would be a conflict', async () => {
  const aDirectory = { files: { [path]: { kind: 'directory' } } } as const;
  const cases: [Resource, FakeHost][] = [
    [file({ path, content: 'x' }), aDirectory],
    [symlink({ path, target: 'a' }), aDirectory],
    [directory({ path }), { files: { [path]: '' } }],
  ];
  for (const [resource, host] of cases) {
    await expect(changesOf(resource, host)).rejects.toMatchObject({
      details: { hint: 'remove it by hand, or declare another path' },
    });
  }
});

test('resources see what those before them will have done', async () => {
  const changes = await changesInOrder([
    directory({ path: '/srv/a' }),
    directory({ path: '/srv/a/b' }),
    file({ path: '/srv/a/b/f', content: 'x' }),
    symlink({ path: '/srv/a/l', target: 'b/f' }),
    symlink({ path: '/srv/a/l', target: 'b/f' }),
    absent({ path: '/srv/a/b/f' }),
    file({ path: '/srv/a/b/f', state: 'absent' }),
  ]);
  expect(changes.map(({ length }) => length)).toEqual([1, 1, 1, 1, 0, 1, 0]);
});

test('a parent that a package may bring is known after apply', async () => {
  const host = { unsettledBy: 'package nginx' };
  await expect(changesOf(symlink({ path: '/etc/nginx/x', target: 'a' }), host)).rejects.toThrow(KnownAfterApply);
  await expect(changesOf(directory({ path: '/etc/nginx/x' }), host)).rejects.toThrow(KnownAfterApply);
  await expect(changesOf(absent({ path: '/etc/nginx/x' }), host)).rejects.toThrow(KnownAfterApply);
});
