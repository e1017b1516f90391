import { expect, test } from 'vitest';
import { aptRepository } from '../../src/resources/apt-repository.ts';
import { changesOf } from '../support/fake-facts.ts';

const key = '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDME\n-----END PGP PUBLIC KEY BLOCK-----\n';
const folders = {
  '/etc/apt/sources.list.d': { kind: 'directory' as const },
  '/etc/apt/keyrings': { kind: 'directory' as const },
};
const path = '/etc/apt/sources.list.d/x.sources';
const source = (suite: string) =>
  `# Managed by lab.\nTypes: deb\nURIs: https://x.example.dev\nSuites: ${suite}\nComponents: main\nSigned-By: /etc/apt/keyrings/x.asc\n`;
const declared = { name: 'x', uris: ['https://x.example.dev'], key };

test('key before source, and the index is read at the end', async () => {
  const changes = await changesOf(aptRepository(declared), { files: folders });
  const steps = changes.flatMap(({ apply }) => apply);
  expect(
    steps.map((step) => ('path' in step ? step.path : step.do === 'run' ? step.argv.slice(3).join(' ') : '')),
  ).toEqual(['/etc/apt/keyrings/x.asc', path, `refresh 300 ${path}`]);
  expect(steps[1]).toMatchObject({ content: source('bookworm') });
});

test('in sync, with the code name of the host', async () => {
  const files = { ...folders, [path]: source('bookworm'), '/etc/apt/keyrings/x.asc': key };
  expect(await changesOf(aptRepository(declared), { files })).toEqual([]);
  expect(await changesOf(aptRepository(declared), { files, system: { codename: 'trixie' } })).toHaveLength(1);
});

test('a flat repository has no components', async () => {
  const resource = aptRepository({ name: 'x', uris: ['file:/srv/repo'], suites: ['./'], trusted: true });
  const [change] = await changesOf(resource, { files: folders });
  expect(change?.after).toBe('# Managed by lab.\nTypes: deb\nURIs: file:/srv/repo\nSuites: ./\nTrusted: yes\n');
});

test('absent: both files go, nothing is asked when they are gone', async () => {
  const files = { ...folders, [path]: source('bookworm'), '/etc/apt/keyrings/x.asc': key };
  const gone = aptRepository({ name: 'x', state: 'absent' });
  expect((await changesOf(gone, { files })).map(({ attribute }) => attribute)).toEqual(['state', 'key state']);
  expect(await changesOf(gone, { files: folders })).toEqual([]);
});

test('another package manager is an error', async () => {
  await expect(changesOf(aptRepository(declared), { system: { packageManager: 'dnf' } })).rejects.toMatchObject({
    code: 'PLAN_IMPOSSIBLE',
  });
});

test.each([
  { ...declared, key: 'mDME' },
  { ...declared, trusted: true },
  { name: 'x', uris: ['https://x.example.dev'] },
  { name: 'x' },
  { ...declared, uris: ['https://x.example.dev\nTrusted: yes'] },
  { ...declared, name: '../x' },
])('refused: %o', (props) => {
  expect(() => aptRepository(props)).toThrow(expect.objectContaining({ code: 'RESOURCE_PROPS' }));
});
