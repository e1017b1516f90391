import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Declaration } from '../../../src/backup/declared.ts';
import type { KeptEntry } from '../../../src/backup/manifest.ts';
import { restoredState } from '../../../src/backup/restored-state.ts';
import { FakeFacts, type FakeHost } from '../../support/fake-facts.ts';

const bytes = Buffer.from('the old key');
const sha256 = createHash('sha256').update(bytes).digest('hex');
const declaration = (more: Partial<Declaration> = {}): Declaration => ({
  ...{ role: 'web', paths: ['/etc/web'], except: [], stops: [], reloads: [], hostKeys: false },
  ...{ owner: undefined, group: undefined, afterwards: undefined },
  ...more,
});
const entries: KeptEntry[] = [
  { ...at('/etc'), kind: 'directory', mode: '0755', above: true },
  { ...at('/etc/web'), kind: 'directory', mode: '0750', owner: 'web', group: 'web' },
  { ...at('/etc/web/key'), kind: 'file', mode: '0600', owner: 'web', group: 'web', size: bytes.length, sha256 },
  { ...at('/etc/web/link'), kind: 'symlink', mode: '0777', target: 'key' },
];

function at(path: string) {
  return { path, owner: 'root', group: 'root', size: 0, sha256: null, target: null, modified: 0, above: false };
}

async function plan(
  host: FakeHost,
  more: Partial<Declaration> = {},
  { force = false, isNewMachine = false, running = '' } = {},
) {
  const part = { declaration: declaration(more), entries };
  const props = {
    host: 'vps',
    madeAt: '2026-11-27',
    parts: [part],
    contents: new Map([['/etc/web/key', bytes]]),
    force,
    isNewMachine,
  };
  const { resourceType } = restoredState;
  // What runs is asked by a script.
  const facts = new FakeFacts(host);
  facts.run = async () => ({ exitCode: 0, stdout: running });
  return resourceType.diff(props, await resourceType.read(facts, props));
}

const known = { '/var/lib/lab/last-run': 'x' };
const owned = { owner: 'web', group: 'web' };
const there = {
  ...known,
  '/etc/web': { kind: 'directory', mode: '0750', ...owned },
  '/etc/web/key': { content: 'the old key', mode: '0600', ...owned },
  '/etc/web/link': { kind: 'symlink', target: 'key' },
} as const;

it('makes everything where nothing is, folders before what is in them', async () => {
  const [change, ...others] = await plan({});
  expect(others).toEqual([]);
  expect(change).toMatchObject({
    attribute: '/etc/web',
    before: null,
    after: expect.stringContaining('as in the backup'),
  });
  expect(change?.apply).toEqual([
    { do: 'directory', path: '/etc/web', mode: '0750', ...owned },
    { do: 'write', path: '/etc/web/key', content: bytes, mode: '0600', ...owned },
    { do: 'symlink', path: '/etc/web/link', target: 'key' },
    { do: 'owner', path: '/etc/web/link', owner: 'root', group: 'root' },
  ]);
  expect(change?.revert.map((step) => ('path' in step ? step.path : step.do))).toEqual([
    '/etc/web/link',
    '/etc/web/key',
    'run',
  ]);
});

it('has nothing to do where all of it is there, whatever else is in the folder', async () => {
  expect(await plan({ files: { ...there, '/etc/web/more': 'x' } })).toEqual([]);
});

it('gives a file back to its owner without --force, as nothing is lost by that', async () => {
  const [change] = await plan({ files: { ...there, '/etc/web/key': { content: 'the old key', mode: '0644' } } });
  expect(change?.apply).toEqual([{ do: 'write', path: '/etc/web/key', content: bytes, mode: '0600', ...owned }]);
});

describe('what is there and differs', () => {
  const newer = { files: { ...there, '/etc/web/key': { content: 'a newer key', mode: '0600', ...owned } } };

  it('is refused with its path, and replaced with --force', async () => {
    await expect(plan(newer)).rejects.toMatchObject({
      code: 'RESTORE_REFUSED',
      details: { found: '/etc/web/key (role web)' },
    });
    expect(await plan(newer, {}, { force: true })).toMatchObject([
      { before: expect.any(String), revert: [{ do: 'restore', path: '/etc/web/key' }] },
    ]);
  });

  it('is refused on a new machine as well, unless it is its host keys', async () => {
    const { '/var/lib/lab/last-run': _, ...files } = newer.files;
    await expect(plan({ files })).rejects.toMatchObject({ code: 'RESTORE_REFUSED' });
    expect(await plan({ files }, { hostKeys: true })).toHaveLength(1);
  });

  it('are host keys of a machine that runs have changed: refused, unless it was said to be new', async () => {
    await expect(plan(newer, { hostKeys: true })).rejects.toMatchObject({ code: 'RESTORE_REFUSED' });
    expect(await plan(newer, { hostKeys: true }, { isNewMachine: true })).toHaveLength(1);
  });
});

it('stops what runs before anything is put back, and starts it at the end; backwards as well', async () => {
  const more = { stops: ['web.service', 'idle.service'], reloads: ['ssh.service'], afterwards: ['sync'] };
  const changes = await plan({}, more, { running: 'web.service\nssh.service\n' });
  const words = (steps: readonly unknown[]) =>
    (steps as { argv?: string[]; path?: string }[]).map(
      ({ argv, path }) => path ?? (argv?.length === 1 ? argv[0] : argv?.slice(4).join(' ')),
    );
  expect(words(changes.flatMap(({ apply }) => apply))).toEqual([
    ...[
      'stop web.service',
      '/etc/web',
      '/etc/web/key',
      '/etc/web/link',
      '/etc/web/link',
      'sync',
      'start web.service',
      'reload ssh.service',
    ],
  ]);
  expect(words([...changes].reverse().flatMap(({ revert }) => revert))).toEqual([
    ...['stop web.service', '/etc/web/link', '/etc/web/key', '/etc/web', 'start web.service', 'reload ssh.service'],
  ]);
});

it('can cut the way in where it is about SSH', async () => {
  const part = {
    declaration: declaration({ paths: ['/etc/ssh/ssh_host_*_key'] }),
    entries: [{ ...entries[2], path: '/etc/ssh/ssh_host_a_key' } as KeptEntry],
  };
  const props = { host: 'vps', madeAt: '', parts: [part], contents: new Map(), force: false, isNewMachine: false };
  const facts = new FakeFacts();
  facts.run = async () => ({ exitCode: 0, stdout: '' });
  const changes = restoredState.resourceType.diff(props, await restoredState.resourceType.read(facts, props));
  expect(changes).toMatchObject([{ risk: 'connectivity' }]);
});
