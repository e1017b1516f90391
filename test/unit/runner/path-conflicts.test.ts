import { describe, expect, it } from 'vitest';
import * as lab from '../../../src/index.ts';
import { resolveInventory } from '../../../src/model/resolve-inventory.ts';
import type { Play, Playbook } from '../../../src/playbook/contract.ts';
import type { Resource, ResourceTree } from '../../../src/resources/contract.ts';
import { type Declared, declareHost } from '../../../src/runner/plan/declare.ts';
import { LabError } from '../../../src/shared/errors.ts';

const sum = 'a'.repeat(64);
const url = 'https://example.org/x.tar';

/** What a playbook with these resources declares; no host is there. */
async function declare(resources: ResourceTree): Promise<readonly Declared[]> {
  const inventory = resolveInventory({ hosts: { nas: { address: '192.0.2.1' } } }, { at: undefined });
  const play: Play = { name: 'p', hosts: ['all'], roles: [], resources: () => resources, tags: [], at: undefined };
  const playbook: Playbook = { kind: 'playbook', name: 'p', inventory, plays: [play], at: undefined };
  const host = inventory.hosts.get('nas');
  if (host === undefined) throw new Error('no host');
  return declareHost(playbook, host, [play], () => Promise.reject(new Error('not asked for')));
}

async function conflictOf(...resources: readonly ResourceTree[]): Promise<LabError> {
  const thrown: unknown = await declare(resources).catch((error: unknown) => error);
  if (thrown instanceof LabError) return thrown;
  throw new Error('there was no conflict');
}

const path = '/srv/app';
const makers: readonly [string, () => ResourceTree][] = [
  ['a file', () => lab.file({ path, content: 'x' })],
  ['a directory', () => lab.directory({ path })],
  ['a link', () => lab.symlink({ path, target: 'x' })],
  ['a line', () => lab.line({ path, line: 'x', create: true })],
  ['a block', () => lab.block({ path, name: 'x', content: 'x' })],
  ['a download', () => lab.download({ path, url, sha256: sum })],
  ['an archive', () => lab.archive({ path, url, sha256: sum })],
  ['a checkout', () => lab.gitCheckout({ path, repository: 'https://example.org/x.git', revision: 'main' })],
  ['a mount point', () => lab.mount({ path, source: 'tmpfs', type: 'tmpfs' })],
  ['a command that creates it', () => lab.command({ argv: ['touch', path], creates: path })],
  ['a file below it', () => lab.file({ path: `${path}/a/b`, content: 'x' })],
];

describe('what one resource removes and another makes', () => {
  it.each(makers)('%s, and absent', async (_, make) => {
    const error = await conflictOf(lab.absent({ path }), make());
    expect(error).toMatchObject({ code: 'RESOURCE_CONFLICT', exitCode: 4 });
    expect(error.message).toContain(`absent:${path}`);
    expect(error.details.at?.file).toMatch(/path-conflicts\.test\.ts$/);
    expect(error.details.found).toMatch(/path-conflicts\.test\.ts:\d+/);
  });

  const gone: readonly [string, string, () => ResourceTree, () => ResourceTree][] = [
    [
      'a unit file',
      '/etc/systemd/system/x.service',
      () => lab.unitFile({ name: 'x.service', state: 'absent' }),
      () => lab.unitFile({ name: 'x.service', content: '[Service]\nExecStart=/bin/true\n' }),
    ],
    [
      'a job of cron',
      '/etc/cron.d/x',
      () => lab.cron({ name: 'x', state: 'absent' }),
      () => lab.cron({ name: 'x', schedule: '@daily', command: 'true' }),
    ],
    [
      'a kernel parameter',
      '/etc/sysctl.d/60-lab-vm.swappiness.conf',
      () => lab.sysctl({ key: 'vm.swappiness', state: 'absent' }),
      () => lab.sysctl({ key: 'vm.swappiness', value: 10 }),
    ],
    [
      'a repository',
      '/etc/apt/sources.list.d/x.sources',
      () => lab.aptRepository({ name: 'x', state: 'absent' }),
      () => lab.aptRepository({ name: 'x', uris: ['file:/srv'], trusted: true }),
    ],
    ['the host name', '/etc/hostname', () => [], () => lab.hostname({ name: 'nas' })],
    ['the time zone', '/etc/localtime', () => [], () => lab.timezone({ name: 'UTC' })],
  ];
  it.each(gone)('%s, by the path it writes', async (_, path, remove, make) => {
    expect((await conflictOf(make(), lab.absent({ path }))).message).toContain(`absent:${path}`);
    if ([remove()].flat().length > 0) {
      const error = await conflictOf(remove(), lab.file({ path, content: 'x' }));
      expect(error.message).toContain(`file:${path}`);
    }
  });

  it.each([
    ['a file', () => lab.file({ path, state: 'absent' })],
    ['a directory', () => lab.directory({ path, state: 'absent', recursive: true })],
    ['a link', () => lab.symlink({ path, state: 'absent' })],
  ])('%s with the state absent, in either order', async (_, remove) => {
    const below = lab.file({ path: `${path}/x`, content: 'x' });
    await expect(conflictOf(remove(), below)).resolves.toMatchObject({ code: 'RESOURCE_CONFLICT' });
    await expect(conflictOf(below, remove())).resolves.toMatchObject({ code: 'RESOURCE_CONFLICT' });
  });

  it('names both places: the later one, and the earlier as what was found', async () => {
    const first = lab.absent({ path });
    const second = lab.file({ path: `${path}/x`, content: 'x' });
    const error = await conflictOf([first, second]);
    expect(error.details.at).toEqual(second.at);
    expect(error.details.found).toContain(`:${first.at?.line}`);
    expect(error.message).toContain(`file:${path}/x`);
  });

  it('tells all of them at once', async () => {
    const error = await conflictOf(
      lab.absent({ path }),
      lab.file({ path, content: 'x' }),
      lab.file({ path: `${path}/x`, content: 'x' }),
    );
    expect(error.details.others).toHaveLength(1);
  });
});

describe('what goes together', () => {
  const fine: readonly [string, readonly Resource[]][] = [
    ['two removals', [lab.absent({ path }), lab.file({ path: `${path}/x`, state: 'absent' })]],
    ['a removal inside of a directory', [lab.directory({ path }), lab.absent({ path: `${path}/x` })]],
    ['paths that only begin alike', [lab.absent({ path }), lab.file({ path: `${path}2/x`, content: 'x' })]],
    ['a line that is not to be there', [lab.absent({ path }), lab.line({ path, line: 'x', state: 'absent' })]],
    [
      'a command that looks elsewhere too',
      [lab.absent({ path }), lab.command({ argv: ['x'], creates: path, unless: ['true'] })],
    ],
    [
      'a mount that is gone, and its directory',
      [lab.mount({ path, state: 'absent' }), lab.directory({ path, state: 'absent' })],
    ],
  ];
  it.each(fine)('%s', async (_, resources) => {
    await expect(declare(resources)).resolves.toHaveLength(2);
  });

  it('a path that a type of the user’s own brings about is held to the same', async () => {
    const note = lab.defineResource({
      type: 'note',
      props: lab.z.object({ path: lab.z.string() }),
      id: (props) => props.path,
      paths: (props) => [{ path: props.path, wants: 'something' }],
      read: async () => null,
      diff: () => [],
    });
    await expect(conflictOf(note({ path }), lab.absent({ path }))).resolves.toMatchObject({
      code: 'RESOURCE_CONFLICT',
    });
  });
});
