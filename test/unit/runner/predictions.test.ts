import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import * as lab from '../../../src/index.ts';
import { resolveInventory } from '../../../src/model/resolve-inventory.ts';
import type { Play, Playbook } from '../../../src/playbook/contract.ts';
import { FactLoader } from '../../../src/remote/facts/loader.ts';
import type { Resource } from '../../../src/resources/contract.ts';
import { declareHost } from '../../../src/runner/plan/declare.ts';
import { planHost } from '../../../src/runner/plan/plan-host.ts';
import { describeShells, openSession, temporaryFolder } from '../remote/support.ts';

// Plans against the files of this machine: what a change above a path makes of everything below it.

const root = process.getuid?.() === 0 ? 'root' : String(process.getuid?.());
const owner = { owner: root, group: root } as const;
const sum = 'a'.repeat(64);

describeShells('a plan sees below a path', (shell) => {
  const base = temporaryFolder();

  /** Key without the folder → what is planned for it. */
  async function plan(folder: string, ...resources: readonly Resource[]): Promise<Record<string, string>> {
    const inventory = resolveInventory({ hosts: { here: { address: '192.0.2.1' } } }, { at: undefined });
    const play: Play = { name: 'p', hosts: ['all'], roles: [], resources: () => resources, tags: [], at: undefined };
    const playbook: Playbook = { kind: 'playbook', name: 'p', inventory, plays: [play], at: undefined };
    const host = inventory.hosts.get('here');
    if (host === undefined) throw new Error('no host');
    await using session = await openSession(shell, join(base, 'state'));
    const loader = new FactLoader(session);
    const declared = await declareHost(playbook, host, [play], () => loader.system());
    const planned = await planHost(declared, loader);
    return Object.fromEntries(planned.map(({ key, outcome }) => [key.replaceAll(folder, ''), outcome]));
  }

  function folderWith(files: Readonly<Record<string, string>>): string {
    const folder = mkdtempSync(join(base, 'f-'));
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(join(folder, name, '..'), { recursive: true });
      writeFileSync(join(folder, name), content, { mode: 0o644 });
    }
    return folder;
  }

  it('nothing is left of a directory that goes', async () => {
    const folder = folderWith({ 'old/a/conf': 'x\n', 'old/b': 'x\n', 'older/b': 'x\n' });
    expect(
      await plan(
        folder,
        lab.absent({ path: `${folder}/old`, recursive: true }),
        lab.file({ path: `${folder}/old/a/conf`, state: 'absent' }),
        lab.directory({ path: `${folder}/old/a`, state: 'absent' }),
        lab.line({ path: `${folder}/old/b`, match: /x/, state: 'absent' }),
        lab.command({ argv: ['false'], removes: `${folder}/old/b` }),
        lab.line({ path: `${folder}/older/b`, match: /x/, state: 'absent' }),
      ),
    ).toEqual({
      'absent:/old': 'change',
      'file:/old/a/conf': 'in-sync',
      'directory:/old/a': 'in-sync',
      'line:/old/b /x/': 'in-sync',
      'command:false': 'in-sync',
      'line:/older/b /x/': 'change',
    });
  });

  it('what is below a link that is turned is another file', async () => {
    const folder = folderWith({ 'r1/conf': 'x\n', 'r2/conf': 'y\n', 'r2/deep/conf': 'x\n' });
    symlinkSync('r1', join(folder, 'current'));
    const below = [
      lab.file({ path: `${folder}/current/conf`, content: 'x\n', ...owner }),
      lab.file({ path: `${folder}/current/deep/conf`, content: 'x\n', ...owner }),
      lab.file({ path: `${folder}/r1/conf`, content: 'x\n', ...owner }),
    ];
    expect(await plan(folder, lab.symlink({ path: `${folder}/current`, target: 'r2' }), ...below)).toEqual({
      'symlink:/current': 'change',
      'file:/current/conf': 'known-after-apply',
      'file:/current/deep/conf': 'known-after-apply',
      'file:/r1/conf': 'in-sync',
    });
    const [first] = below;
    expect(
      await plan(folder, lab.symlink({ path: `${folder}/current`, target: 'r1' }), ...(first ? [first] : [])),
    ).toEqual({ 'symlink:/current': 'in-sync', 'file:/current/conf': 'in-sync' });
  });

  it('what is below an archive that changes comes out of it', async () => {
    const folder = folderWith({
      'app/conf': 'x\n',
      'app/.lab-archive': `${sum} strip=0 ${root}:${root}\n`,
      'in/conf': 'y\n',
    });
    const source = join(folder, 'app.tar');
    spawnSync('tar', ['-cf', source, '-C', join(folder, 'in'), 'conf']);
    expect(
      await plan(
        folder,
        lab.archive({ path: `${folder}/app`, source, ...owner }),
        lab.file({ path: `${folder}/app/conf`, content: 'x\n', ...owner }),
        lab.line({ path: `${folder}/app/conf`, line: 'x' }),
        lab.directory({ path: `${folder}/app`, ...owner }),
      ),
    ).toEqual({
      'archive:/app': 'change',
      'file:/app/conf': 'known-after-apply',
      'line:/app/conf x': 'known-after-apply',
      'directory:/app': 'in-sync',
    });
  });

  it('a mode that changes leaves the content as it was read', async () => {
    const folder = folderWith({ conf: 'x\n' });
    expect(
      await plan(
        folder,
        lab.file({ path: `${folder}/conf`, content: 'x\n', mode: '0600', ...owner }),
        lab.line({ path: `${folder}/conf`, line: 'x' }),
      ),
    ).toEqual({ 'file:/conf': 'change', 'line:/conf x': 'in-sync' });
  });

  it('what is mounted over a directory hides what is in it', async () => {
    const folder = folderWith({ 'media/x': 'x\n' });
    expect(
      await plan(
        folder,
        lab.mount({ path: `${folder}/media`, source: 'tmpfs', type: 'tmpfs' }),
        lab.directory({ path: `${folder}/media`, ...owner }),
        lab.file({ path: `${folder}/media/x`, content: 'x\n', ...owner }),
      ),
    ).toEqual({
      'mount:/media': 'change',
      'directory:/media': 'known-after-apply',
      'file:/media/x': 'known-after-apply',
    });
  });

  it('a directory that a change makes is empty, and its files are planned at once', async () => {
    const folder = folderWith({});
    expect(
      await plan(
        folder,
        lab.directory({ path: `${folder}/new`, ...owner }),
        lab.file({ path: `${folder}/new/x`, content: 'x\n', ...owner }),
        lab.line({ path: `${folder}/new/x`, line: 'x' }),
      ),
    ).toEqual({ 'directory:/new': 'change', 'file:/new/x': 'change', 'line:/new/x x': 'in-sync' });
  });
});
