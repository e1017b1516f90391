import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type StartedHost, startHost } from '../../support/host.ts';
import { inventoryFiles, type LabOutcome, type LabProject, labProject, playbook } from '../../support/lab-project.ts';

// One value that must not appear anywhere but on the host, in the file that it is for.

const canary = `CANARY-"q'\\$(id)-ü-7f3a`;
/** Parts of it as quoting, JSON, base64 or a line of output would leave them. */
const traces = ['CANARY', '7f3a', Buffer.from(canary).toString('base64').slice(2, 18)];

let host: StartedHost;
let project: LabProject;

beforeAll(async () => {
  host = await startHost();
  project = labProject(inventoryFiles({ alpha: host }));
});
afterAll(async () => {
  project?.remove();
  await host?.remove();
});

function expectNoTrace(outcome: LabOutcome): LabOutcome {
  for (const trace of traces) {
    expect(outcome.stdout).not.toContain(trace);
    expect(outcome.stderr).not.toContain(trace);
  }
  return outcome;
}

const run = async (name: string, ...options: readonly string[]) =>
  expectNoTrace(await project.lab(['run', name, '--no-type-check', ...options]));

it('keeps a secret from stdin, and gives it back', async () => {
  expectNoTrace(await project.lab(['secrets', 'init']));
  expect(expectNoTrace(await project.lab(['secrets', 'set', 'app.token'], { input: `${canary}\n` })).exitCode).toBe(0);
  expect(await project.lab(['secrets', 'view', 'app.token'])).toMatchObject({ exitCode: 0, stdout: `${canary}\n` });
  expect(project.read('inventory/secrets.yml.age')).not.toContain('CANARY');
});

const uses = `
        lab.file({ path: '/srv/token', content: lab.secret('app.token') }),
        lab.file({ path: '/srv/config', content: lab.secretText\`token = \${lab.secret('app.token')}\\nport = 1\\n\` }),
        lab.block({ path: '/srv/list', name: 'app', content: lab.secret('app.token'), create: true }),
`;

it('puts it on the host, and into no output in any form', async () => {
  project.write('playbooks/app.ts', playbook(uses));
  expect((await run('app', '--check', '--diff')).exitCode).toBe(2);
  for (const output of ['plain', 'json']) {
    const outcome = await run('app', '--output', output, '--diff', '--verbose');
    expect(outcome).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await host.sh('cat /srv/token; stat -c %a /srv/token /srv/config; tail -n 2 /srv/config')).toBe(
      `${canary}600\n600\ntoken = ${canary}\nport = 1\n`,
    );
    // Differing contents are compared, and secret on the host as well.
    await host.sh("printf 'CANARY of before' >/srv/token; sed -i s/port/prot/ /srv/config");
  }
  const terminal = project.labAtTerminal(['run', 'app', '--no-type-check', '--diff', '--verbose']);
  expect(expectNoTrace(await terminal.ended).exitCode).toBe(0);
});

it('takes it out of what a command of the host says, fails with, or is called with', async () => {
  project.write(
    'playbooks/leaks.ts',
    playbook(`${uses}
        lab.file({ path: '/srv/checked', content: lab.secret('app.token'), validate: ['sh', '-c', 'cat "$1"; echo; cat "$1" >&2; exit 3', 'sh', '%s'] }),
    `),
  );
  for (const options of [
    ['--output', 'plain', '--verbose', '--diff'],
    ['--output', 'json'],
  ]) {
    const { exitCode, stdout } = await run('leaks', ...options);
    expect(exitCode).toBe(1);
    expect(stdout).toContain('STEP_FAILED');
    expect(stdout).toContain('‹secret›');
  }
  project.write(
    'playbooks/prints.ts',
    playbook(`lab.command({ argv: ['sh', '-c', 'cat /srv/token; sleep 0.1; head -c 9 /srv/token; sleep 0.2; tail -c +10 /srv/token; exit 4'] , creates: '/srv/never' }),
        lab.file({ path: '/srv/unused', content: lab.secret('app.token') }),`),
  );
  expect(await run('prints', '--output', 'plain', '--verbose')).toMatchObject({ exitCode: 1 });
  expect(await run('prints', '--output', 'json')).toMatchObject({ exitCode: 1 });
});

it('refuses to put it where everybody can read it', async () => {
  project.write(
    'playbooks/argv.ts',
    playbook("lab.command({ argv: ['echo', lab.secret('app.token')], creates: '/srv/never' } as never),"),
  );
  expect((await run('argv')).exitCode).toBe(4);
  project.write(
    'playbooks/text.ts',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a template string of the playbook
    playbook("lab.file({ path: '/srv/text', content: `token ${lab.secret('app.token')}` }),"),
  );
  await run('text');
  expect(await host.sh('cat /srv/text 2>/dev/null || true')).not.toContain('CANARY');
});

it('leaves no trace on this machine, nor in what others can read on the host', async () => {
  await host.sh(`printf %s 'x' >/srv/token`);
  expect((await run('app')).exitCode).toBe(0);
  const kept = await host.exec([
    'sh',
    '-c',
    'grep -rlaF CANARY /var/log /tmp /run /etc /home 2>/dev/null; stat -c "%a %n" /var/lib/lab',
  ]);
  expect(kept.stdout).toBe('700 /var/lib/lab\n');
  const files = readdirSync(project.root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  for (const { parentPath, name } of files) {
    const text = readFileSync(join(parentPath, name), 'utf8');
    if (text.includes('CANARY')) throw new Error(`the secret is in ${parentPath}/${name}`);
  }
});

it('tells a secret that is missing with the line that asks for it, before any connection', async () => {
  project.write('playbooks/missing.ts', playbook("lab.file({ path: '/srv/x', content: lab.secret('app.tokne') }),"));
  const { exitCode, stdout, stderr } = await run('missing');
  expect({ exitCode, stdout }).toEqual({ exitCode: 4, stdout: '' });
  expect(stderr).toMatch(/^SECRET_MISSING: /);
  expect(stderr).toContain('playbooks/missing.ts:12');
  expect(stderr).toContain('app.token');
});
