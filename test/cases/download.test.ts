import { expect, test } from 'vitest';
import { archive } from '../../src/resources/archive.ts';
import { download } from '../../src/resources/download.ts';
import { changesInOrder, changesOf } from '../support/fake-facts.ts';

const sha256 = 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb'; // of "a"
const url = 'https://example.org/a.bin';
const path = '/usr/local/bin/a';

test('a file with the right checksum is not fetched', async () => {
  expect(await changesOf(download({ path, url, sha256 }), { files: { [path]: 'a' } })).toEqual([]);
});

test('mode alone is set without fetching', async () => {
  const changes = await changesOf(download({ path, url, sha256, mode: '0755' }), { files: { [path]: 'a' } });
  expect(changes).toMatchObject([{ attribute: 'mode', apply: [{ do: 'mode', mode: '00755' }] }]);
});

test('another checksum is fetched, checked on the host, and undone by restoring', async () => {
  const [change, ...others] = await changesOf(download({ path, url, sha256 }), { files: { [path]: 'b' } });
  expect(others).toEqual([]);
  expect(change).toMatchObject({
    before: expect.stringMatching(/^sha256 3e23e816/),
    after: `sha256 ${sha256} from ${url}`,
  });
  const [step] = change?.apply ?? [];
  expect(step?.do === 'run' && step.argv.slice(4)).toEqual([url, path, sha256, '0644', 'root', 'root']);
  expect(change?.revert).toEqual([{ do: 'restore', path }]);
});

test('declared twice it is fetched once', async () => {
  const declared = download({ path, url, sha256 });
  expect((await changesInOrder([declared, declared])).map(({ length }) => length)).toEqual([1, 0]);
});

test.each([
  ['credentials in the address', { path, url: 'https://me:pw@example.org/a', sha256 }],
  ['another protocol', { path, url: 'file:///etc/shadow', sha256 }],
  ['an option as address', { path, url: '-o/etc/passwd', sha256 }],
  ['a short checksum', { path, url, sha256: 'abc' }],
])('refused: %s', (_, props) => {
  expect(() => download(props)).toThrow(expect.objectContaining({ code: 'RESOURCE_PROPS' }));
});

const directory = { kind: 'directory' } as const;
const mark = `${sha256} strip=0 root:root\n`;

test('an archive is in sync by its marker', async () => {
  const files = { '/opt/a': directory, '/opt/a/.lab-archive': mark };
  expect(await changesOf(archive({ path: '/opt/a', url, sha256 }), { files })).toEqual([]);
});

test.each([
  ['new', { '/opt': directory }, null],
  [
    'another version',
    { '/opt/a': directory, '/opt/a/.lab-archive': `${'0'.repeat(64)} strip=0 root:root\n` },
    `sha256 ${'0'.repeat(64)}`,
  ],
])('an archive is unpacked: %s', async (_, files, before) => {
  const declared = archive({ path: '/opt/a', url, sha256 });
  const [[change] = [], second] = await changesInOrder([declared, declared], { files });
  expect(change).toMatchObject({ attribute: 'archive', before });
  expect(change?.apply.map((step) => step.do === 'run' && step.argv[3])).toEqual(['lab-download', 'lab-unpack']);
  expect(change?.revert.map((step) => step.do === 'run' && step.argv[3])).toEqual(['lab-archive-swap']);
  expect(second).toEqual([]);
});

test('a directory that something else made is never replaced silently', async () => {
  const host = { files: { '/opt/a': directory } };
  await expect(changesOf(archive({ path: '/opt/a', url, sha256 }), host)).rejects.toThrow(/not unpacked by lab/);
  expect(await changesOf(archive({ path: '/opt/a', url, sha256, replace: true }), host)).toHaveLength(1);
});

test('an archive of this machine is uploaded beside its directory', async () => {
  const [change] = await changesOf(archive({ path: '/srv/a', source: './download.test.ts' }));
  expect(change?.apply[0]).toMatchObject({ do: 'write', content: { localFile: import.meta.filename }, mode: '0600' });
});
