import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { KnownAfterApply } from '../../src/remote/facts/contract.ts';
import { file } from '../../src/resources/file.ts';
import { secretText } from '../../src/resources/shared/secret-text.ts';
import { LabError } from '../../src/shared/errors.ts';
import { reveal, Secret } from '../../src/shared/secret.ts';
import { changesInOrder, changesOf, FakeFacts, type FakeHost } from '../support/fake-facts.ts';

const path = '/etc/app.conf';
const root = { mode: '0644', owner: 'root', group: 'root' };
const restore = [{ do: 'restore', path }];

describe('changes', () => {
  const cases: [string, Parameters<typeof file>[0], FakeHost, unknown[]][] = [
    ['equal content, mode and owner: nothing', { path, content: 'a\n' }, { files: { [path]: 'a\n' } }, []],
    [
      'absent: written whole',
      { path, content: 'a\n' },
      {},
      [
        {
          attribute: 'content',
          before: null,
          after: 'a\n',
          apply: [{ do: 'write', path, content: 'a\n', ...root }],
          revert: restore,
        },
      ],
    ],
    [
      'an empty file is not an absent one',
      { path, content: '' },
      {},
      [
        {
          attribute: 'content',
          before: null,
          after: '',
          apply: [{ do: 'write', path, content: '', ...root }],
          revert: restore,
        },
      ],
    ],
    [
      'other content: replaced whole, validated before',
      { path, content: 'b\n', validate: ['check', '%s'] },
      { files: { [path]: 'a\n' } },
      [
        {
          attribute: 'content',
          before: 'a\n',
          after: 'b\n',
          apply: [{ do: 'write', path, content: 'b\n', ...root, validate: ['check', '%s'] }],
          revert: restore,
        },
      ],
    ],
    [
      'CRLF is content like any other',
      { path, content: 'a\r\n' },
      { files: { [path]: 'a\n' } },
      [
        {
          attribute: 'content',
          before: 'a\n',
          after: 'a\r\n',
          apply: [{ do: 'write', path, content: 'a\r\n', ...root }],
          revert: restore,
        },
      ],
    ],
    [
      'mode alone: no rewrite, the exact way back',
      { path, content: 'a\n', mode: '0600' },
      { files: { [path]: 'a\n' } },
      [
        {
          attribute: 'mode',
          before: '0644',
          after: '0600',
          apply: [{ do: 'mode', path, mode: '00600' }],
          revert: [{ do: 'mode', path, mode: '00644' }],
        },
      ],
    ],
    [
      'owner alone: no rewrite; the mode is set again, as chown clears set-id bits',
      { path, content: 'a\n', owner: 'app', group: 'app' },
      { files: { [path]: { content: 'a\n', owner: 'UNKNOWN', uid: 77, group: 'root' } }, users: { app: { uid: 900 } } },
      [
        {
          attribute: 'owner',
          before: '77:root',
          after: 'app:app',
          apply: [
            { do: 'owner', path, owner: 'app', group: 'app' },
            { do: 'mode', path, mode: '00644' },
          ],
          revert: [
            { do: 'owner', path, owner: '77', group: 'root' },
            { do: 'mode', path, mode: '00644' },
          ],
        },
      ],
    ],
    [
      'content and mode: one write, the mode is told',
      { path, content: 'b', mode: '0600' },
      { files: { [path]: 'a' } },
      [
        {
          attribute: 'content',
          before: 'a',
          after: 'b',
          apply: [{ do: 'write', path, content: 'b', ...root, mode: '0600' }],
          revert: restore,
        },
        { attribute: 'mode', before: '0644', after: '0600', apply: [], revert: [] },
      ],
    ],
    [
      'an id instead of a name',
      { path, content: 'a', owner: '77' },
      { files: { [path]: { content: 'a', owner: 'UNKNOWN', uid: 77 } } },
      [],
    ],
    [
      'only if absent: what is there stays',
      { path, content: 'b', onlyIfAbsent: true },
      { files: { [path]: { content: 'a', mode: '0777' } } },
      [],
    ],
    [
      'a link that may be replaced',
      { path, content: 'a', onSymlink: 'replace' },
      { files: { [path]: { kind: 'symlink', target: '/srv/x' } } },
      [
        {
          attribute: 'content',
          before: 'link to /srv/x',
          after: 'a',
          apply: [{ do: 'write', path, content: 'a', ...root }],
          revert: restore,
        },
      ],
    ],
    ['absent as declared', { path, state: 'absent' }, {}, []],
    [
      'to be absent',
      { path, state: 'absent' },
      { files: { [path]: 'a' } },
      [{ attribute: 'state', before: 'file', after: null, apply: [{ do: 'remove', path }], revert: restore }],
    ],
    [
      'bytes that are no text are shown by size and checksum',
      { path, content: new Uint8Array([0xff, 0]) },
      { files: { [path]: { content: new Uint8Array([0xfe]) } } },
      [
        {
          attribute: 'content',
          before: expect.stringMatching(/^1 bytes, sha256 [0-9a-f]{12}…$/),
          after: expect.stringMatching(/^2 bytes, sha256/),
          apply: [expect.objectContaining({ do: 'write', content: new Uint8Array([0xff, 0]) })],
          revert: restore,
        },
      ],
    ],
  ];
  test.each(cases)('%s', async (_, props, host, expected) => {
    const changes = await changesOf(file(props), host);
    expect(changes.map(({ predicts, ...change }) => change)).toEqual(expected);
  });
});

describe('impossible plans say what is missing', () => {
  const cases: [string, Parameters<typeof file>[0], FakeHost, RegExp][] = [
    ['a directory in its place', { path, content: '' }, { files: { [path]: { kind: 'directory' } } }, /is a directory/],
    [
      'a link in its place',
      { path, content: '' },
      { files: { [path]: { kind: 'symlink', target: '/x' } } },
      /symbolic link to \/x/,
    ],
    ['no parent directory', { path: '/nowhere/f', content: '' }, {}, /\/nowhere does not exist/],
    ['a file as parent', { path: '/etc/f/g', content: '' }, { files: { '/etc/f': '' } }, /\/etc\/f is a file/],
    ['no such user', { path, content: '', owner: 'app' }, {}, /the user "app"/],
    ['no such group', { path, content: '', group: 'app' }, {}, /the group "app"/],
    [
      'a directory to be absent',
      { path, state: 'absent' },
      { files: { [path]: { kind: 'directory' } } },
      /is a directory/,
    ],
  ];
  test.each(cases)('%s', async (_, props, host, message) => {
    await expect(changesOf(file(props), host)).rejects.toThrow(message);
    await expect(changesOf(file(props), host)).rejects.toMatchObject({ code: 'PLAN_IMPOSSIBLE' });
  });
});

describe('what an installation may bring is known after apply', () => {
  test.each([
    ['parent', { path: '/etc/nginx/x.conf', content: '' }],
    ['owner', { path, content: '', owner: 'www-data' }],
    ['a file written only if absent', { path, content: '', onlyIfAbsent: true }],
  ])('%s', async (_, props) => {
    await expect(changesOf(file(props), { unsettledBy: 'package nginx' })).rejects.toThrow(KnownAfterApply);
  });

  test('but not the content itself: it is as declared either way', async () => {
    expect(await changesOf(file({ path, content: 'a' }), { unsettledBy: 'package nginx' })).toHaveLength(1);
  });
});

describe('secrets', () => {
  test('are never shown, default to mode 0600, and are not asked for', async () => {
    const facts = new FakeFacts({ files: { [path]: 'old-canary' } });
    const [change, mode] = await changesOf(file({ path, content: new Secret('new-canary') }), facts);
    expect(mode).toMatchObject({ attribute: 'mode', after: '0600' });
    expect(JSON.stringify({ ...change, predicts: null })).not.toContain('canary');
    expect(facts.asked).not.toContain(`content ${path}`);
  });

  test('a sensitive file is not shown either', async () => {
    const [change] = await changesOf(file({ path, content: 'new-canary', sensitive: true }), {
      files: { [path]: 'canary' },
    });
    expect(JSON.stringify({ ...change, predicts: null })).not.toContain('canary');
  });

  test('a secret in ordinary text is refused, in secretText it is kept', () => {
    const password = new Secret('hunter2');
    expect(() => file({ path, content: `password = ${password}` })).toThrow(/secretText/);
    const text = secretText`password = ${password}\n`;
    expect(reveal(text)).toBe('password = hunter2\n');
    expect(`${text}`).not.toContain('hunter2');
  });
});

test('in sync it asks one lstat with checksum and nothing more', async () => {
  const facts = new FakeFacts({ files: { [path]: { content: 'a', owner: 'app', uid: 900, group: 'app', gid: 900 } } });
  await changesOf(file({ path, content: 'a', owner: 'app', group: 'app' }), facts);
  expect(facts.asked).toEqual([`file ${path}`]);
});

test('a second declaration of the same content finds the first one done', async () => {
  const declared = file({ path, content: 'a', mode: '0600' });
  const [first, second] = await changesInOrder([declared, declared]);
  expect([first?.length, second]).toEqual([1, []]);
});

test('risk comes from the path unless it is declared', async () => {
  const riskOf = async (props: Parameters<typeof file>[0]) =>
    (await changesOf(file(props), { files: { '/etc/ssh/x': '', '/etc/sudoers.d/x': '' } }))[0]?.risk;
  expect(await riskOf({ path: '/etc/ssh/sshd_config', content: '' })).toBe('connectivity');
  expect(await riskOf({ path: '/etc/sudoers.d/admins', content: '' })).toBe('privilege');
  expect(await riskOf({ path: '/etc/motd', content: '' })).toBeUndefined();
  expect(await riskOf({ path: '/etc/motd', content: '', risk: 'connectivity' })).toBe('connectivity');
});

describe('source', () => {
  const directory = mkdtempSync(join(tmpdir(), 'labwright-file-'));
  const source = join(directory, 'big.bin');

  test('is compared by checksum and hashed again only after it changed', async () => {
    writeFileSync(source, 'one\n');
    const host = { files: { [path]: 'one\n' } };
    expect(await changesOf(file({ path, source }), host)).toEqual([]);
    writeFileSync(source, 'two\n');
    const [change] = await changesOf(file({ path, source }), host);
    expect(change).toMatchObject({ before: 'one\n', after: 'two\n' });
    expect(change?.apply).toMatchObject([{ do: 'write', content: { localFile: source } }]);
    rmSync(directory, { recursive: true });
  });

  test('is relative to the declaring file, and a missing one is told with its place', () => {
    expect(file({ path, source: './file.test.ts' }).props.source).toBe(import.meta.filename);
    const declare = () => file({ path, source: './missing' });
    expect(declare).toThrow(LabError);
    expect(declare).toThrow(
      expect.objectContaining({
        code: 'RESOURCE_PROPS',
        details: expect.objectContaining({ at: expect.objectContaining({ file: import.meta.filename }) }),
      }),
    );
  });
});

describe('props that do not fit', () => {
  test.each([
    ['a relative path', { path: 'etc/motd', content: '' }],
    ['a path with ..', { path: '/etc/../motd', content: '' }],
    ['a path with //', { path: '/etc//motd', content: '' }],
    ['a slash at the end', { path: '/etc/motd/', content: '' }],
    ['NUL', { path: '/etc/m\0otd', content: '' }],
    ['the root directory', { path: '/', content: '' }],
    ['a numeric mode', { path, content: '', mode: 644 }],
    ['a mode of three digits', { path, content: '', mode: '644' }],
    ['neither content nor source', { path }],
    ['an unknown key', { path, content: '', contents: '' }],
    ['validate without %s', { path, content: '', validate: ['true'] }],
    ['an owner that looks like an option', { path, content: '', owner: '-R' }],
  ])('%s', (_, props) => {
    expect(() => file(props as never)).toThrow(expect.objectContaining({ code: 'RESOURCE_PROPS' }));
  });

  test.each(['/srv/a b', '/srv/ünï', '/srv/..a', '/srv/a..', '/srv/a\nb', "/srv/it's", '/srv/-rf', '/srv/$(x)'])(
    '%j is a path',
    (path) => {
      expect(file({ path, content: '' }).props.path).toBe(path);
    },
  );
});
