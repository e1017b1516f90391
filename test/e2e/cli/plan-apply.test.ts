import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StartedHost, startHost } from '../../support/host.ts';
import { eventsOf, inventoryFiles, type LabProject, labProject, playbook } from '../../support/lab-project.ts';

let alpha: StartedHost;
let beta: StartedHost;
let project: LabProject;
let number = 0;

const canary = 'c4nary "$(id)" \\ ü';
const site = playbook(`
        lab.file({ path: '/etc/motd', content: \`Welcome to \${host.name}\\n\` }),
        lab.file({ path: '/srv/token', content: lab.secret.fromEnvironment('TOKEN') }),
        lab.line({ path: '/srv/list', line: 'one', create: true }),
`);

beforeAll(async () => {
  [alpha, beta] = await Promise.all([startHost(), startHost()]);
  project = labProject({ ...inventoryFiles({ alpha, beta }), 'playbooks/site.ts': site });
});
afterAll(async () => {
  project?.remove();
  await Promise.all([alpha?.remove(), beta?.remove()]);
});

const env = { TOKEN: canary };
const both = async (script: string) => Promise.all([alpha.sh(script), beta.sh(script)]);
const upset = () => both('echo before >/etc/motd; rm -f /srv/token; echo zero >/srv/list');
const state = () => both('cat /etc/motd /srv/list; ls /srv');

/** Saves a plan of the hosts as they are; gives the file's name. */
async function plan(...options: readonly string[]): Promise<string> {
  const file = `change${++number}.plan`;
  const argv = ['plan', 'site', '--no-type-check', '-o', file, ...options];
  expect(await project.lab(argv, { env })).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(file) });
  return file;
}

const apply = (file: string, ...options: readonly string[]) =>
  project.lab(['apply', file, '--no-type-check', ...options], { env });

describe('a saved plan', () => {
  it('changes nothing, is for its owner alone and holds no secret', async () => {
    await upset();
    const before = await state();
    const file = await plan();
    expect(await state()).toEqual(before);
    expect(statSync(join(project.root, file)).mode & 0o777).toBe(0o600);
    expect(project.read(file)).not.toContain('c4nary');
    expect(project.read(file)).not.toContain('Welcome');
    expect(JSON.parse(project.read(file))).toMatchObject({ kind: 'labwright-plan', version: 1 });
  });

  it('is not written over', async () => {
    const { exitCode, stderr } = await project.lab(['plan', 'site', '-o', 'change1.plan'], { env });
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('change1.plan') });
  });

  it('is applied as it is', async () => {
    await upset();
    const { exitCode, stdout, stderr } = await apply(await plan());
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(/^alpha \| recap \| changed \| 3 changed/m);
    expect(await alpha.sh('cat /etc/motd /srv/token')).toBe(`Welcome to alpha\n${canary}`);
    expect(await beta.sh('cat /etc/motd; stat -c %a /srv/token')).toBe('Welcome to beta\n600\n');
    expect(stdout).not.toContain('c4nary');
  });

  it('is refused on every host when one has drifted, naming what and where', async () => {
    await upset();
    const file = await plan();
    await beta.sh('echo drifted >>/srv/list');
    const before = await state();
    const { exitCode, stdout } = await apply(file);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^beta \| failure \| PLAN_DRIFTED: /m);
    expect(stdout).toMatch(/^beta \| failure \| found \| .*\/srv\/list/m);
    expect(stdout).not.toMatch(/^beta \| failure \| found \| .*\/etc\/motd/m);
    expect(stdout).toMatch(/^alpha \| failure \| PLAN_DRIFTED: .*beta/m);
    expect(await state()).toEqual(before);
  });

  it('is refused when it has been applied already', async () => {
    await upset();
    const file = await plan();
    expect((await apply(file)).exitCode).toBe(0);
    const { exitCode, stdout } = await apply(file);
    expect(exitCode).toBe(1);
    expect(stdout).toContain('PLAN_DRIFTED');
  });

  it('is refused when the playbook has changed, also in a secret alone', async () => {
    await upset();
    const file = await plan();
    const before = await state();
    const other = await project.lab(['apply', file, '--no-type-check'], { env: { TOKEN: 'other-c4nary' } });
    expect(other).toMatchObject({ exitCode: 1, stdout: expect.stringMatching(/found \| .*\/srv\/token/) });
    expect(other.stdout + other.stderr).not.toContain('other-c4nary');
    project.write('playbooks/site.ts', site.replace('Welcome', 'Hello'));
    const { exitCode, stdout } = await apply(file);
    project.write('playbooks/site.ts', site);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^alpha \| failure \| found \| .*\/etc\/motd as the playbook declares it/m);
    expect(await state()).toEqual(before);
  });

  it('is refused when one of its hosts cannot be reached', async () => {
    await upset();
    const file = await plan();
    const before = await state();
    const inventory = project.read('inventory/index.ts');
    const lock = project.read('inventory/lab.lock.yml');
    project.write('inventory/index.ts', inventory.replace(beta.address, '127.0.0.1'));
    // Nor where it was before.
    project.write('inventory/lab.lock.yml', lock.replaceAll(/^ +endpoint: .*\n/gm, ''));
    const { stdout, exitCode } = await apply(file);
    project.write('inventory/index.ts', inventory);
    project.write('inventory/lab.lock.yml', lock);
    expect(exitCode).not.toBe(0);
    expect(stdout).toMatch(/^beta \| recap \| unreachable/m);
    expect(await state()).toEqual(before);
  });

  it('is refused, not waited for ever, when a host has left the inventory or the play', async () => {
    await upset();
    const file = await plan();
    const before = await state();
    const inventory = project.read('inventory/index.ts');
    project.write('inventory/index.ts', inventory.replace(/ +beta: .*\n/, ''));
    const left = await apply(file);
    project.write('inventory/index.ts', inventory);
    expect(left.exitCode).not.toBe(0);
    expect(left.stdout + left.stderr).toContain('beta');
    project.write('playbooks/site.ts', site.replace("hosts: 'all'", "hosts: 'alpha'"));
    const outside = await apply(file);
    project.write('playbooks/site.ts', site);
    expect(outside.exitCode).not.toBe(0);
    expect(outside.stdout + outside.stderr).toContain('beta');
    expect(await state()).toEqual(before);
  });

  it('is applied to all its hosts when the play takes one at a time', async () => {
    await upset();
    project.write('playbooks/site.ts', site.replace("hosts: 'all',", "hosts: 'all', serial: 1,"));
    const outcome = await apply(await plan());
    project.write('playbooks/site.ts', site);
    expect(outcome.exitCode).toBe(0);
  });

  it('is of the hosts and resources that were selected', async () => {
    await upset();
    const file = await plan('--limit', 'al*', '--start-at', 'file:/srv/token');
    const { exitCode, stdout } = await apply(file, '--output', 'json');
    expect(exitCode).toBe(0);
    const changed = eventsOf(stdout).filter(({ event }) => event === 'resource-finished');
    expect(changed.map(({ host, resource }) => `${host} ${resource}`)).toEqual([
      'alpha file:/srv/token',
      'alpha line:/srv/list one',
    ]);
  });

  it('of nothing to do is saved, too', async () => {
    expect((await project.lab(['run', 'site', '--no-type-check'], { env })).exitCode).toBe(0);
    const argv = ['plan', 'site', '--no-type-check', '-o', 'nothing.plan'];
    expect((await project.lab(argv, { env })).exitCode).toBe(0);
    expect((await apply('nothing.plan')).stdout).toContain('0 changed');
  });
});

it('refuses a file that is no plan', async () => {
  for (const [text, expected] of [
    ['{', 'bad.plan'],
    ['{"kind":"labwright-plan","version":2}', 'version'],
  ] as const) {
    project.write('bad.plan', text);
    const { exitCode, stderr } = await apply('bad.plan');
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 4, stderr: expect.stringMatching(/^PLAN_FILE: /) });
    expect(stderr).toContain(expected);
  }
  expect((await apply('missing.plan')).exitCode).toBe(4);
});
