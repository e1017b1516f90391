import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { declarationsOf, keeps } from '../../../src/backup/declared.ts';
import type { KeptHost, Manifest } from '../../../src/backup/manifest.ts';
import { rootOf } from '../../../src/backup/path-pattern.ts';
import { restoreOf } from '../../../src/backup/restore.ts';
import { hostKeyIn } from '../../../src/cli/backup/new-machine.ts';
import { resolveInventory } from '../../../src/model/resolve-inventory.ts';
import type { KeptState, Play } from '../../../src/playbook/contract.ts';
import { defineRole } from '../../../src/playbook/define-role.ts';

const inventory = resolveInventory({ hosts: { vps: { address: '192.0.2.1' } } }, { at: undefined });
const vps = inventory.hosts.get('vps') as NonNullable<ReturnType<typeof inventory.hosts.get>>;
const playWith = (kept: readonly KeptState[]): Play => {
  const role = defineRole({ name: 'web', resources: () => [], keeps: () => kept });
  return { name: 'all', hosts: ['all'], roles: [role()], tags: [], at: undefined };
};
const declared = (...kept: KeptState[]) => declarationsOf(vps, [playWith(kept)], inventory, ['journal']);

describe('a pattern', () => {
  it('means what a shell on the host means by it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'lab-pattern-'));
    const names = [
      'a.key',
      '.b.key',
      'c.key.pub',
      'd e.key',
      "f'$(id).key",
      'axkey',
      'sub/g.key',
      'sub/.h.key',
      'new\nline.key',
    ];
    for (const name of names) {
      mkdirSync(join(folder, dirname(name)), { recursive: true });
      writeFileSync(join(folder, name), '');
    }
    symlinkSync('nowhere', join(folder, 'dangling.key'));
    for (const pattern of ['*.key', '?.key', '*/*.key', 'a?key', '.b.key', '*', 'sub', 'none.key', "f'$(id).key"]) {
      const whole = join(folder, pattern);
      const said = execFileSync('sh', ['src/backup/list.sh', 'paths', whole]).toString().split('\0').slice(0, -1);
      const all = execFileSync('find', [folder, '-mindepth', '1', '-print0']).toString().split('\0').slice(0, -1);
      expect([...new Set(said)].sort(), pattern).toEqual(all.filter((path) => rootOf(whole, path) !== null).sort());
    }
    rmSync(folder, { recursive: true });
  });

  it('takes what is below it along, and no neighbour', () => {
    expect(rootOf('/srv/*/data', '/srv/a/data/b/c')).toBe('/srv/a/data');
    expect(rootOf('/srv/a', '/srv/ab')).toBeNull();
    expect(rootOf('/srv/a.b', '/srv/axb')).toBeNull();
  });
});

it('of a role says whose it is, and what is left out', () => {
  const [one] = declared({ paths: ['/srv/data'], except: ['/srv/data/*/cache'], stops: ['web'] });
  expect(one).toMatchObject({ role: 'web', stops: ['web.service'], hostKeys: false });
  const kept = (path: string) => one !== undefined && keeps(one, path);
  expect([kept('/srv/data/a'), kept('/srv/data/a/cache/x'), kept('/srv/other')]).toEqual([true, false, false]);
});

it.each([
  ['a relative path', { paths: ['srv/data'] }, /absolute/],
  ['a path that climbs', { paths: ['/srv/../etc'] }, /shortest form/],
  ['the whole disk', { paths: ['/'] }, /root directory/],
  ['a set of characters', { paths: ['/srv/[ab]'] }, /"\["/],
  ['no path', { paths: [] }, /paths|short|small|least/i],
  ['a word that is none of it', { paths: ['/a'], stop: ['web'] }, /unknown key "stop"/],
  ['a unit that is none', { paths: ['/a'], stops: ['-x y'] }, /unit name/],
])('of a role is refused with %s', (_, kept, message) => {
  expect(() => declared(kept as unknown as KeptState)).toThrow(
    expect.objectContaining({ code: 'PLAYBOOK_INVALID', message: expect.stringMatching(message) }),
  );
});

it('of a role is a function', () => {
  expect(() => defineRole({ name: 'web', resources: () => [], keeps: [] as never })).toThrow(/keeps is no function/);
});

describe('of a backup', () => {
  const entry = (path: string, above = false) => ({
    ...{
      path,
      above,
      kind: above ? ('directory' as const) : ('file' as const),
      mode: '0600',
      owner: 'root',
      group: 'root',
    },
    ...{ size: 0, sha256: null, target: null, modified: 0 },
  });
  const kept: KeptHost = {
    address: '192.0.2.1',
    state: [
      { role: 'web', entries: [entry('/srv', true), entry('/srv/data'), entry('/etc/shadow')] },
      { role: 'gone', entries: [entry('/srv/data2')] },
    ],
    users: [],
    groups: [],
  };
  const manifest: Manifest = {
    ...{ kind: 'labwright-backup', version: 1, madeBy: '1', madeAt: '2026-11-27T01:02:03Z', project: 'home' },
    hosts: { vps: kept },
    missing: { nas: 'no route' },
  };

  it('only what its role keeps now is put back, whatever else is in it', () => {
    const restore = restoreOf(vps, manifest, declared({ paths: ['/srv/data', '/srv/data2'] }), new Map());
    expect(restore.parts.flatMap(({ entries }) => entries.map(({ path }) => path))).toEqual(['/srv', '/srv/data']);
    expect(restore.leftOut).toEqual(['/etc/shadow', '/srv/data2']);
  });

  it('nothing is put back that leads around a link', () => {
    const link = { ...entry('/srv/data/a'), kind: 'symlink' as const, target: '/etc' };
    const forged = { ...kept, state: [{ role: 'web', entries: [link, entry('/srv/data/a/passwd')] }] };
    expect(() =>
      restoreOf(vps, { ...manifest, hosts: { vps: forged } }, declared({ paths: ['/srv/data'] }), new Map()),
    ).toThrow(expect.objectContaining({ code: 'BACKUP_FILE' }));
  });

  it.each([
    ['a host that is not in it', 'vp', /did you mean/],
    ['a host that could not be read', 'nas', /no route/],
  ])('says what it lacks: %s', (_, name, message) => {
    const error = (() => {
      try {
        restoreOf({ ...vps, name }, manifest, [], new Map());
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toMatchObject({ code: 'USAGE' });
    expect(JSON.stringify(error && (error as { details: object }).details)).toMatch(message);
  });
});

it.each(['SHA256:abc', 'ssh-ed25519', '', '-----BEGIN OPENSSH PRIVATE KEY-----'])(
  'takes no host key from %j',
  (text) => {
    expect(() => hostKeyIn(text)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  },
);
it('takes a host key as its file has it', () => {
  expect(hostKeyIn('ssh-ed25519 AAAAC3Nz root@new\n')).toEqual({ type: 'ssh-ed25519', base64: 'AAAAC3Nz' });
});
