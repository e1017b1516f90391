import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runWordsOf } from '../../../src/cli/schedule/run-words.ts';
import { mergeLock } from '../../../src/schedule/merge-lock.ts';
import { dependencyEntries } from '../../../src/schedule/package-tree.ts';
import { foldersOf, repositoryOf } from '../../../src/schedule/repository.ts';
import { tar } from '../../../src/schedule/tar.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'lab-unit-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}

describe('the files of a project', () => {
  const files = {
    'inventory/index.ts': '',
    'playbooks/a "b" $(c).ts': '',
    'node_modules/x/index.js': '',
    '.git/config': '',
    '.lab/state.json': '',
    'keys/deploy': '-----BEGIN OPENSSH PRIVATE KEY-----\n',
    'identity.txt': '# mine\nAGE-SECRET-KEY-1QQQ\n',
  };

  it('are all that no tool keeps for itself, without private keys', () => {
    write(files);
    symlinkSync('/etc/passwd', join(root, 'link'));
    const { files: found, secrets } = repositoryOf(root);
    expect(found.map(({ path }) => path)).toEqual(['inventory/index.ts', 'playbooks/a "b" $(c).ts']);
    expect(secrets).toEqual(['identity.txt', 'keys/deploy']);
    expect(foldersOf(found)).toEqual(['inventory', 'playbooks']);
  });

  it('are those that git would take, where there is a repository', () => {
    rmSync(join(root, '.git'), { recursive: true, force: true });
    write({ 'inventory/index.ts': '', 'é.ts': '', 'big.iso': '', '.gitignore': '*.iso\n' });
    execFileSync('git', ['init', '--quiet'], { cwd: root });
    expect(repositoryOf(root).files.map(({ path }) => path)).toEqual(['.gitignore', 'inventory/index.ts', 'é.ts']);
  });
});

describe('an archive', () => {
  const long = `${'d/'.repeat(60)}${'n'.repeat(60)}.js`;
  const entries = [
    { path: long, content: Buffer.from('long'), executable: false },
    { path: 'bin/é $(x)', content: Buffer.from('x'.repeat(513)), executable: true },
  ];

  it('is what tar unpacks, whatever the names', () => {
    writeFileSync(join(root, 'a.tar'), tar(entries));
    execFileSync('tar', ['-x', '-f', 'a.tar'], { cwd: root });
    expect(execFileSync('cat', [join(root, long)], { encoding: 'utf8' })).toBe('long');
    expect(execFileSync('stat', ['-c', '%a %s', join(root, 'bin/é $(x)')], { encoding: 'utf8' })).toBe('755 513\n');
  });

  it('is the same, in whatever order its files are found', () => {
    expect(tar(entries).equals(tar(entries.toReversed()))).toBe(true);
  });
});

it('takes the packages along that a project depends on, each version where it is needed', () => {
  const manifest = (dependencies: Record<string, string>) => JSON.stringify({ dependencies });
  write({
    'package.json': manifest({ a: '*', b: '*', labwright: '*' }),
    'node_modules/labwright/package.json': '{}',
    'node_modules/a/package.json': manifest({ c: '1' }),
    'node_modules/b/package.json': manifest({ c: '2' }),
    'node_modules/b/node_modules/c/package.json': '{ "version": "2.0.0" }',
    'node_modules/c/package.json': '{ "version": "1.0.0" }',
    'node_modules/unused/package.json': '{}',
  });
  const paths = dependencyEntries(root, new Set(['labwright'])).map(({ path }) => path);
  expect(paths.sort()).toEqual([
    'node_modules/a/package.json',
    'node_modules/b/node_modules/c/package.json',
    'node_modules/b/package.json',
    'node_modules/c/package.json',
  ]);
  rmSync(join(root, 'node_modules/c'), { recursive: true });
  expect(() => dependencyEntries(root)).toThrow('the package c is not installed');
});

describe('the lock file of a job', () => {
  const lock = (lines: string) => `version: 1\nhosts:\n${lines}`;
  const key = (letter: string) => `${letter.repeat(43)}=`;
  const nas = (ssh: string, more = '') => `  nas:\n    ssh:\n      - ssh-ed25519 ${ssh}\n${more}`;

  it('has the pinned keys of the repository, and what the job has learned', () => {
    const mine = lock(
      nas(
        'NEW',
        `    wireguard:\n      wg0: ${key('A')}\n      wg1: ${key('B')}\n    links:\n      vps: wg1 wg0 none active\n    endpoint: me@nas:22\n`,
      ),
    );
    const there = lock(
      `${nas('OLD', `    wireguard:\n      wg0: ${key('C')}\n    links:\n      vps: wg0 wg0 none active\n    endpoint: root@192.0.2.1:22\n`)}  gone:\n    ssh:\n      - ssh-rsa X\n`,
    );
    expect(mergeLock(mine, there)).toBe(
      lock(
        nas(
          'NEW',
          `    wireguard:\n      wg0: ${key('C')}\n    links:\n      vps: wg0 wg0 none active\n    endpoint: root@192.0.2.1:22\n`,
        ),
      ),
    );
  });

  it('has devices, and addresses that were assigned, from the repository alone', () => {
    const devices = (letter: string, address: string) =>
      `devices:\n  phone:\n    wireguard:\n      phone: ${key(letter)}\n    addresses:\n      vpn: [ ${address} ]\n`;
    const mine = lock(nas('KEY', '    addresses:\n      vpn: [ 10.80.0.9 ]\n')) + devices('N', '10.80.0.7');
    const there = lock(nas('KEY', `    wireguard:\n      wg1: ${key('C')}\n`)) + devices('O', '10.80.0.8');
    expect(mergeLock(mine, there)).toBe(
      lock(nas('KEY', `    addresses:\n      vpn: [ 10.80.0.9 ]\n    wireguard:\n      wg1: ${key('C')}\n`)) +
        devices('N', '10.80.0.7'),
    );
  });

  it('has no link that the job knows to be gone', () => {
    const wireguard = `    wireguard:\n      wg0: ${key('A')}\n`;
    const mine = lock(nas('KEY', `${wireguard}    links:\n      vps: wg0 wg0 none active\n`));
    expect(mergeLock(mine, lock(nas('KEY', wireguard)))).toBe(lock(nas('KEY', wireguard)));
  });

  it('is that of the repository at first, but for where hosts answered somebody else', () => {
    expect(mergeLock(lock(nas('KEY', '    endpoint: me@nas:22\n')), null)).toBe(lock(nas('KEY')));
  });

  it('stays as it is when it says the same', () => {
    const there = `# by hand\n${lock(nas('KEY', '    endpoint: root@nas:22\n'))}`;
    expect(mergeLock(lock(nas('KEY')), there)).toBe(there);
  });
});

describe('what lab schedule does not know itself', () => {
  it('are options of lab run', () => {
    expect(runWordsOf(['--limit', 'vps,nas', '--tags', '-x']).limit).toEqual(['vps', 'nas']);
    expect(runWordsOf(['--max-age', '14d', '--', '--drain', '5m'])).toMatchObject({
      words: ['--max-age', '14d', '--drain', '5m'],
      limit: [],
      given: { maxAge: '14d', drain: '5m' },
    });
    expect(runWordsOf([])).toMatchObject({ words: [], limit: [] });
  });

  it.each([
    [['--max-ages'], 'options of neither'],
    [['another.ts'], 'options of neither'],
    [['--ask-pass'], 'needs somebody to ask'],
    [['--accept-new-host-keys'], 'would trust whoever answers'],
    [['--limit', '@failed'], 'others each time'],
  ])('%j is refused before it would fail in the night', (words, message) => {
    expect(() => runWordsOf(words)).toThrow(message);
  });
});
