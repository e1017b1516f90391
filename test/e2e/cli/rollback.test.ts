import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type StartedHost, startHost } from '../../support/host.ts';
import { forget, lastRunOf, runsOf, twoRoles } from '../../support/journaled.ts';
import { inventoryFiles, type LabProject, labProject, playbook } from '../../support/lab-project.ts';

// Everything comes from the journals of the hosts: what was there comes back, whoever asks.

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
  const { exitCode, stdout, stderr } = await project.lab(argv, { env: { TEXT: text, TOKEN: `c4nary ${text}` } });
  expect({ exitCode, stdout, stderr }).toMatchObject({ exitCode: 0 });
}

const rollback = (...options: readonly string[]) => project.lab(['rollback', ...options]);
/** Content, mode and owner of all there is. */
const state = (host: StartedHost) =>
  host.sh("cd /srv; for file in *; do stat -c '%n %a %U' $file; cat $file; echo; done");

describe('lab rollback', () => {
  it('takes back what the last run changed for a role, and no other role', async () => {
    await run('one');
    const one = await state(alpha);
    await run('two');
    const { exitCode, stdout } = await rollback('web');
    expect({ exitCode, stdout }).toMatchObject({ exitCode: 0, stdout: expect.not.stringContaining('c4nary') });
    expect(await state(alpha)).toBe(one.replace('c4nary one', 'c4nary two'));
    expect(await state(beta)).toBe(await state(alpha));
    const now = await project.lab(['run', 'site', '--no-type-check', '--check'], {
      env: { TEXT: 'one', TOKEN: 'c4nary two' },
    });
    expect(now.exitCode).toBe(0);
  });

  it('goes one run further each time, to what was there before lab', async () => {
    const before = await state(alpha);
    await run('one', '--tags', 'web');
    await run('two', '--tags', 'web');
    for (const _ of [1, 2]) expect((await rollback('web', '--limit', 'alpha')).exitCode).toBe(0);
    expect(await state(alpha)).toBe(before);
    expect(await rollback('web', '--limit', 'alpha')).toMatchObject({
      exitCode: 4,
      stderr: expect.stringContaining('RUN_UNKNOWN'),
    });
  });

  it('takes back several runs at once with --steps', async () => {
    const before = await state(alpha);
    await run('one', '--tags', 'web');
    await run('two', '--tags', 'web');
    const { exitCode, stdout } = await rollback('web', '--steps', '2');
    expect({ exitCode, stdout }).toMatchObject({ exitCode: 0 });
    expect(await state(alpha)).toBe(before);
    expect(await state(beta)).toBe(before);
  });

  it('only says with --check what would be put back', async () => {
    await run('one');
    await run('two');
    const two = await state(alpha);
    const { exitCode, stdout } = await rollback('web', '--check', '--diff');
    expect(exitCode).toBe(2);
    expect(stdout).toMatch(/^alpha \| diff \| -page two\nalpha \| diff \| \+page one$/m);
    expect(await state(alpha)).toBe(two);
    expect(await runsOf(project, 'alpha')).toHaveLength(2);
  });

  it('needs neither the playbook nor the controller that ran it', async () => {
    const before = await state(alpha);
    await run('one');
    const elsewhere = labProject(inventoryFiles({ alpha, beta }));
    try {
      const { exitCode, stdout } = await elsewhere.lab(['rollback', '--run', await lastRunOf(project, 'alpha')]);
      expect({ exitCode, stdout }).toMatchObject({ exitCode: 0 });
    } finally {
      elsewhere.remove();
    }
    expect(await state(alpha)).toBe(before);
    expect(await state(beta)).toBe(before);
  });

  it('is a run of its own, which can be rolled back', async () => {
    await run('one');
    const one = await state(alpha);
    const first = await lastRunOf(project, 'alpha');
    await rollback('--run', first);
    const second = await lastRunOf(project, 'alpha');
    expect(await runsOf(project, 'alpha')).toMatchObject([{ run: first }, { run: second, undoes: [first] }]);
    const shown = (await project.lab(['history', 'show', first, '--limit', 'alpha'])).stdout;
    expect(shown).toContain(`file /srv/page (role web)  rolled back by ${second}`);
    const { exitCode, stdout } = await rollback('--run', second);
    expect({ exitCode, stdout }).toMatchObject({ exitCode: 0 });
    expect(await state(alpha)).toBe(one);
    expect(await state(beta)).toBe(one);
  });

  it('of a run that is rolled back in part takes back the rest', async () => {
    const before = await state(alpha);
    await run('one');
    const first = await lastRunOf(project, 'alpha');
    await rollback('web');
    const { exitCode, stdout } = await rollback('--run', first);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('/srv/token');
    expect(stdout).not.toContain('/srv/page');
    expect(await state(alpha)).toBe(before);
  });

  it('of a run that only one host has leaves the other as it is, and says so', async () => {
    await run('one');
    await run('two', '--limit', 'alpha');
    const { exitCode, stdout } = await rollback('--run', await lastRunOf(project, 'alpha'));
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^beta \| notice \| nothing of run .* to roll back here/m);
    expect(await alpha.sh('cat /srv/page')).toBe('page one\n');
    expect(await beta.sh('cat /srv/page')).toBe('page one\n');
    expect(await runsOf(project, 'beta')).toHaveLength(1);
  });

  it('refuses what was changed by hand since, and names it; --force overwrites it', async () => {
    await run('one');
    await run('two');
    await alpha.sh('echo hand >>/srv/page');
    const refused = await rollback('web', '--limit', 'alpha');
    expect(refused).toMatchObject({ exitCode: 1, stdout: expect.stringContaining('ROLLBACK_REFUSED') });
    expect(refused.stdout).toMatch(/found \| \/srv\/page: changed by hand$/m);
    expect(await alpha.sh('cat /srv/page /srv/was-here')).toBe('page two\nhand\nours two\n');
    const checked = await rollback('web', '--limit', 'alpha', '--check');
    expect(checked).toMatchObject({
      exitCode: 2,
      stdout: expect.stringContaining('changed by hand since; refused without --force'),
    });
    expect((await rollback('web', '--limit', 'alpha', '--force')).exitCode).toBe(0);
    expect(await alpha.sh('cat /srv/page')).toBe('page one\n');
  });

  it('says which roles there are when one is misspelt, and touches nothing', async () => {
    await run('one');
    const { exitCode, stderr } = await rollback('wbe');
    expect(exitCode).toBe(4);
    expect(stderr).toMatch(/^RUN_UNKNOWN: there is nothing to roll back$/m);
    expect(stderr).toMatch(/did you mean "web"\? roles with changes that stand: keys, web;/);
    expect(await rollback('--run', '20200101T000000Z-000000')).toMatchObject({
      exitCode: 4,
      stderr: expect.stringContaining('RUN_UNKNOWN'),
    });
    expect((await rollback()).exitCode).toBe(4);
    expect((await rollback('web', '--run', 'x', '--steps', '2')).exitCode).toBe(4);
    expect(await runsOf(project, 'alpha')).toHaveLength(1);
  });

  it('does what it can when a host is out of reach', async () => {
    await run('one');
    const inventory = project.read('inventory/index.ts');
    project.write(
      'inventory/index.ts',
      inventory.replace(/ +alpha:/, "    gone: { address: '127.0.0.1', ssh: { port: 9 } },\n$&"),
    );
    const outcome = await rollback('web');
    project.write('inventory/index.ts', inventory);
    expect(outcome).toMatchObject({ exitCode: 3, stdout: expect.stringMatching(/^gone \| recap \| unreachable/m) });
    expect(await alpha.sh('cat /srv/was-here')).toBe('before\n');
  });

  it('stops at Ctrl-C after the step under way, and a second one does the rest', async () => {
    // Taken back from the last to the first: the command is in the middle.
    project.write(
      'playbooks/slow.ts',
      playbook(`
        lab.file({ path: '/srv/first', content: 'first\\n' }),
        lab.command({ argv: ['touch', '/srv/slow'], creates: '/srv/slow', revert: ['sh', '-c', 'until [ -e /run/go ]; do sleep 0.1; done; rm /srv/slow'] }),
        lab.file({ path: '/srv/last', content: 'last\\n' }),
      `),
    );
    expect((await project.lab(['run', 'slow', '--no-type-check', '--limit', 'alpha'])).exitCode).toBe(0);
    const first = await lastRunOf(project, 'alpha');
    const lab = project.start(['rollback', '--run', first, '--limit', 'alpha', '--verbose']);
    await lab.says(/started \| command/);
    lab.process.kill('SIGINT');
    await lab.says('Ctrl-C again stops at once');
    await alpha.sh('touch /run/go');
    expect((await lab.ended).exitCode).toBe(130);
    expect(await alpha.sh('cd /srv; echo *')).toBe('first was-here\n');
    const rest = await rollback('--run', first, '--limit', 'alpha');
    expect(rest).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('/srv/first') });
    expect(await alpha.sh('cd /srv; echo *')).toBe('was-here\n');
  });
});
