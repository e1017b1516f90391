import { describe, expect, test } from 'vitest';
import type { Change } from '../../src/resources/contract.ts';
import { mount } from '../../src/resources/mount.ts';
import { changesInOrder, changesOf, type FakeHost, planningFacts } from '../support/fake-facts.ts';

const path = '/srv/my media';
const disk = { path, source: '/dev/sdb1', type: 'ext4', options: ['noatime'], pass: 2 };
const line = '/dev/sdb1 /srv/my\\040media ext4 noatime 0 2\n';

function host(fstab: string | null, mounts = ''): FakeHost {
  return {
    files: {
      [path]: { kind: 'directory' },
      '/proc/self/mounts': mounts,
      ...(fstab === null ? {} : { '/etc/fstab': fstab }),
    },
  };
}
const mounted = '/dev/sdb1 /srv/my\\040media ext4 rw,noatime 0 0\n';
const argvOf = (changes: readonly Change[]) =>
  changes
    .flatMap(({ apply }) => apply)
    .map((step) => (step.do === 'run' ? step.argv.slice(step.argv[0] === 'sh' ? 3 : 0) : step.do));

describe('changes', () => {
  test('listed and mounted: nothing, however the columns are spaced', async () => {
    expect(await changesOf(mount(disk), host(line.replaceAll(' ', '\t\t'), mounted))).toEqual([]);
  });

  test('new: a line in the table, then mounted', async () => {
    const changes = await changesOf(mount(disk), host('# table\n'));
    expect(changes[0]).toMatchObject({ after: `# table\n${line}` });
    expect(argvOf(changes)).toEqual([
      'write',
      ['lab-mount', path, '/srv/my\\040media', '/dev/sdb1', 'ext4', 'noatime'],
    ]);
  });

  test('no table yet', async () => {
    expect(await changesOf(mount({ ...disk, state: 'listed' }), host(null))).toMatchObject([
      { before: null, after: line },
    ]);
  });

  test('listed twice: one remains, at the last place', async () => {
    const changes = await changesOf(mount({ ...disk, state: 'listed' }), host(`${line}# x\n${line}`));
    expect(changes).toMatchObject([{ after: `# x\n${line}` }]);
  });

  test('other options: a remount, and back', async () => {
    const changes = await changesOf(mount({ ...disk, options: ['ro'] }), host(line, mounted));
    expect(argvOf(changes)).toEqual(['write', ['mount', '-o', 'remount,ro', path]]);
    expect(changes[1]?.revert).toMatchObject([{ argv: ['mount', '-o', 'remount,noatime', path] }]);
  });

  test('another device: unmounted, then mounted', async () => {
    const changes = await changesOf(mount({ ...disk, source: '/dev/sdc1' }), host(line, mounted));
    expect(argvOf(changes)).toEqual([
      'write',
      ['lab-unmount', path, '/srv/my\\040media'],
      ['lab-mount', path, '/srv/my\\040media', '/dev/sdc1', 'ext4', 'noatime'],
    ]);
  });

  test('absent: unmounted first, then out of the table', async () => {
    const changes = await changesOf(mount({ path, state: 'absent' }), host(`# x\n${line}`, mounted));
    expect(argvOf(changes)).toEqual([['lab-unmount', path, '/srv/my\\040media'], 'write']);
    expect(changes[1]).toMatchObject({ after: '# x\n' });
    expect(await changesOf(mount({ path, state: 'absent' }), host('# x\n'))).toEqual([]);
  });

  test('two mounts compose, and a second look finds them done', async () => {
    const other = { ...disk, path: '/srv/b', source: '/dev/sdc1' };
    const files = { ...host('').files, '/srv/b': { kind: 'directory' } } as const;
    const facts = planningFacts({ files });
    await changesInOrder([mount(disk), mount(other)], facts);
    const text = async (path: string) => Buffer.from((await facts.content(path)) ?? []).toString();
    const after = { '/etc/fstab': await text('/etc/fstab'), '/proc/self/mounts': await text('/proc/self/mounts') };
    expect(await changesInOrder([mount(disk), mount(other)], { files: { ...files, ...after } })).toEqual([[], []]);
  });
});

test('a directory that is missing is made, in one that exists', async () => {
  const changes = await changesOf(mount({ ...disk, path: '/srv/none' }), host(''));
  expect(changes.map(({ attribute }) => attribute)).toEqual(['directory', 'content', 'mounted']);
  expect(changes[0]?.revert).toEqual([{ do: 'restore', path: '/srv/none' }]);
  await expect(changesOf(mount({ ...disk, path: '/srv/none/x' }), host(''))).rejects.toThrow(
    /\/srv\/none does not exist/,
  );
  await expect(changesOf(mount({ ...disk, path: '/etc/fstab' }), host(''))).rejects.toThrow(/is a file/);
});

test.each([
  ['no source', { path, type: 'ext4' }],
  ['an option with a comma', { ...disk, options: ['ro,noexec'] }],
  ['a password', { ...disk, options: ['password=x'] }],
  ['an option of mount', { ...disk, source: '--all' }],
])('refused: %s', (_, props) => {
  expect(() => mount(props)).toThrow(expect.objectContaining({ code: 'RESOURCE_PROPS' }));
});
