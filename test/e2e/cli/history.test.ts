import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type StartedHost, startHost } from '../../support/host.ts';
import { forget, lastRunOf, runsOf, twoRoles } from '../../support/journaled.ts';
import { inventoryFiles, type LabProject, labProject } from '../../support/lab-project.ts';

let alpha: StartedHost;
let beta: StartedHost;
let project: LabProject;

beforeAll(async () => {
  [alpha, beta] = await Promise.all([startHost(), startHost()]);
  project = labProject({ ...inventoryFiles({ alpha, beta }), 'playbooks/site.ts': twoRoles });
});
afterAll(async () => {
  project?.remove();
  await Promise.all([alpha?.remove(), beta?.remove()]);
});
beforeEach(() => forget(alpha, beta));

async function run(text: string, ...options: readonly string[]): Promise<void> {
  const argv = ['run', 'site', '--no-type-check', ...options];
  const { exitCode, stdout } = await project.lab(argv, { env: { TEXT: text, TOKEN: `c4nary ${text}` } });
  expect({ exitCode, stdout }).toMatchObject({ exitCode: 0 });
}

const history = (...options: readonly string[]) => project.lab(['history', ...options]);

describe('lab history', () => {
  it('says that there is none yet', async () => {
    expect(await history()).toEqual({ exitCode: 0, stdout: 'no run has changed these hosts yet\n', stderr: '' });
    expect(JSON.parse((await history('--output', 'json')).stdout)).toEqual({
      version: 1,
      hosts: { alpha: [], beta: [] },
    });
    expect(await history('show', 'x')).toMatchObject({
      exitCode: 4,
      stderr: expect.stringMatching(/^RUN_UNKNOWN: .*\n.*looked on alpha, beta/),
    });
  });

  it('lists the runs of all hosts, oldest first, with what each changed', async () => {
    await run('one');
    await run('two', '--limit', 'beta', '--tags', 'web');
    await project.lab(['rollback', 'web', '--limit', 'beta']);
    const { exitCode, stdout } = await history();
    expect(exitCode).toBe(0);
    const rows = stdout.trimEnd().split('\n').slice(1);
    const columns = rows.map((row) => row.split(/ {2,}/).slice(2));
    const [first, , second] = rows.map((row) => row.split(' ')[0]);
    const who = columns[0]?.[1];
    expect(who).toMatch(/^\S+@\S+$/);
    expect(columns).toEqual([
      ['alpha', who, 'site', 'web, keys', '3', 'complete'],
      ['beta', who, 'site', 'web, keys', '3', 'complete'],
      ['beta', who, 'site', 'web', '2', 'complete'],
      ['beta', who, `rollback of ${second}`, 'web', '2', 'complete'],
    ]);
    expect((await history('show', first ?? '')).stdout).toMatch(/^beta {2}complete {2}site by /m);
  });

  it('shows the other hosts when one is out of reach, with exit code 3', async () => {
    await run('one');
    const inventory = project.read('inventory/index.ts');
    project.write(
      'inventory/index.ts',
      inventory.replace(/ +alpha:/, "    gone: { address: '127.0.0.1', ssh: { port: 9 } },\n$&"),
    );
    const plain = await history();
    const json = await history('--output', 'json');
    project.write('inventory/index.ts', inventory);
    expect(plain).toMatchObject({ exitCode: 3, stderr: expect.stringMatching(/^UNREACHABLE: gone: /) });
    expect(plain.stdout).toMatch(/ alpha .* complete$/m);
    expect(json.exitCode).toBe(3);
    expect(JSON.parse(json.stdout).hosts).toMatchObject({
      alpha: [{ state: 'complete' }],
      gone: { error: { code: 'UNREACHABLE' } },
    });
  });

  it('gives programs a record of its own', async () => {
    await run('one', '--limit', 'alpha');
    const [record] = await runsOf(project, 'alpha');
    expect(record).toEqual({
      run: expect.stringMatching(/^\d{8}T\d{6}Z-[0-9a-f]{6}$/),
      startedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      endedAt: expect.stringMatching(/Z$/),
      who: expect.stringContaining('@'),
      playbook: 'site',
      mode: 'run',
      roles: ['web', 'keys'],
      undoes: [],
      done: 3,
      state: 'complete',
      locked: false,
      damaged: null,
    });
    const { stdout } = await history('show', record?.run ?? '', '--limit', 'alpha', '--output', 'json');
    expect(JSON.parse(stdout).hosts.alpha).toEqual({
      ...record,
      actions: [
        expect.objectContaining({ resource: 'file:/srv/page', role: 'web', result: 'done', rolledBackBy: null }),
        expect.objectContaining({ resource: 'file:/srv/was-here', role: 'web' }),
        {
          resource: 'file:/srv/token',
          title: 'file /srv/token',
          role: 'keys',
          result: 'done',
          rolledBackBy: null,
          changes: [{ attribute: 'content', before: null, after: '‹secret›' }],
        },
      ],
    });
  });

  it('shows differences and no secret', async () => {
    await run('one', '--limit', 'alpha');
    await run('two', '--limit', 'alpha');
    const last = await lastRunOf(project, 'alpha');
    const outputs = await Promise.all([
      history('show', last, '--limit', 'alpha'),
      history('show', last, '--limit', 'alpha', '--output', 'json'),
      project.lab(['rollback', 'keys', '--limit', 'alpha', '--check', '--diff', '--output', 'json']),
    ]);
    expect(outputs[0]?.stdout).toContain('      -page one\n      +page two\n');
    expect(outputs[0]?.stdout).toContain('    content: ‹secret› → ‹secret›\n');
    for (const { stdout, stderr } of outputs) expect(stdout + stderr).not.toContain('c4nary');
    // Nor does the journal hold it in what is shown: only as the file that it is, for root alone.
    expect(await alpha.sh('cat /var/lib/lab/runs/*/stage-*/plan /var/lib/lab/runs/*/stage-*/log')).not.toContain(
      'c4nary',
    );
  });
});

describe('a damaged journal', () => {
  it('is marked and not used, whichever part it is', async () => {
    await run('one', '--limit', 'alpha');
    const first = await lastRunOf(project, 'alpha');
    const inStage = (script: string) => alpha.sh(`cd /var/lib/lab/runs/${first}/stage-1 && ${script}`);
    for (const part of ['plan', 'journal', 'program']) {
      await inStage(`cp ${part} /tmp/whole && printf '\\000' | dd of=${part} bs=1 seek=7 conv=notrunc 2>/dev/null`);
      expect((await runsOf(project, 'alpha'))[0]).toMatchObject({ damaged: `stage-1/${part}` });
      const shown = await history('show', first, '--limit', 'alpha');
      expect(shown).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('JOURNAL_DAMAGED: alpha: ') });
      const { exitCode, stdout } = await project.lab(['rollback', 'web', '--limit', 'alpha']);
      expect({ exitCode, stdout }).toMatchObject({ exitCode: 1, stdout: expect.stringContaining('JOURNAL_DAMAGED') });
      await inStage(`cat /tmp/whole >${part}`);
    }
    await inStage('echo >>program');
    expect(await history('alpha')).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/complete, damaged$/m),
    });
    expect((await project.lab(['rollback', '--run', first, '--limit', 'alpha'])).exitCode).toBe(1);
    expect(await alpha.sh('cat /srv/page')).toBe('page one\n');
    // What came after it can be taken back.
    await run('two', '--limit', 'alpha');
    expect((await project.lab(['rollback', 'web', '--limit', 'alpha'])).exitCode).toBe(0);
    expect(await alpha.sh('cat /srv/page')).toBe('page one\n');
  });

  it('is found in what was kept, too', async () => {
    await run('one', '--limit', 'alpha');
    await alpha.sh('cd /var/lib/lab/runs/*/stage-1 && echo other >saved.2.0');
    const { exitCode, stdout } = await project.lab(['rollback', 'web', '--limit', 'alpha']);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/JOURNAL_DAMAGED[\s\S]*\/srv\/was-here/);
    expect(await alpha.sh('cat /srv/was-here')).toBe('ours one\n');
  });
});

describe('forgetting', () => {
  it('keeps as many runs as the playbook says, and the way back to what was there before lab', async () => {
    for (const text of ['1', '2', '3', '4', '5']) await run(text, '--limit', 'alpha');
    // The first stays for what it kept, the last three because of keepRuns.
    const runs = await runsOf(project, 'alpha');
    expect(runs).toHaveLength(4);
    const { exitCode, stdout } = await history('prune', '--keep', '1', '--limit', 'alpha');
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: 'alpha: 2 runs forgotten\n' });
    expect((await runsOf(project, 'alpha')).map(({ run }) => run)).toEqual([runs[0]?.run, runs[3]?.run]);
    expect((await project.lab(['rollback', 'web', '--limit', 'alpha'])).exitCode).toBe(0);
    expect(await alpha.sh('cat /srv/page')).toBe('page 4\n');
    project.write('playbooks/site.ts', twoRoles.replace('roles: [web(), keys()]', 'roles: [keys()]'));
    const pruned = await project.lab(['run', 'site', '--no-type-check', '--limit', 'alpha', '--prune'], {
      env: { TOKEN: 'c4nary 5' },
    });
    project.write('playbooks/site.ts', twoRoles);
    expect(pruned).toMatchObject({ exitCode: 0 });
    expect(await alpha.sh('cd /srv; echo *; cat was-here')).toBe('token was-here\nbefore\n');
  });
});
