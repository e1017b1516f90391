import { afterAll, beforeAll, expect, it } from 'vitest';
import { type StartedHost, startHost } from '../../support/host.ts';
import { inventoryFiles, type LabProject, labProject, playbook } from '../../support/lab-project.ts';

// lab run --verify: the proof right after a run, patient with what the run has only begun.

let host: StartedHost;
let project: LabProject;

beforeAll(async () => {
  host = await startHost();
  const site = playbook(`lab.file({ path: '/srv/page', content: 'page\\n' }),`);
  project = labProject({ ...inventoryFiles({ alpha: host }), 'playbooks/site.ts': site });
});
afterAll(async () => {
  project?.remove();
  await host?.remove();
});

const run = (...more: string[]) => project.lab(['run', 'site', '--verify', '--no-type-check', ...more]);

it.each([
  ['--check', /USAGE: --verify does not go with --check/],
  ['--output=json', /USAGE: --verify does not go with --output json/],
])('is refused with %s, before anything is done', async (word, said) => {
  expect(await run(word)).toMatchObject({ exitCode: 4, stderr: expect.stringMatching(said) });
  expect(await host.sh('ls /srv')).not.toContain('page');
});

/** The file is not there yet; as soon as the run that makes it has ended, this is done to it. */
async function afterwards(command: string): Promise<void> {
  await host.sh('rm -f /srv/page /srv/elsewhere');
  const moment = 'until [ -e /srv/page ]; do sleep 0.05; done; while [ -e /var/lib/lab/lock ]; do sleep 0.05; done';
  await host.sh(`setsid sh -c '${moment}; ${command}' >/dev/null 2>&1 </dev/null &`);
}

it('looks again when not all is as declared yet', async () => {
  await afterwards('mv /srv/page /srv/elsewhere; sleep 8; mv /srv/elsewhere /srv/page');
  const { exitCode, stdout } = await run('--output', 'plain');
  expect({ exitCode, stdout }).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/; looking again in 10 s\n/),
  });
  expect(stdout).toMatch(/✔ drift/);
  expect(stdout).toMatch(/all as declared/);
});

it('tells after three looks what is not as declared, with the exit code of lab verify', async () => {
  await afterwards('mv /srv/page /srv/elsewhere');
  const { exitCode, stdout } = await run('--output', 'plain');
  expect({ exitCode, stdout }).toMatchObject({ exitCode: 2, stdout: expect.stringContaining('/srv/page') });
  expect(stdout.match(/looking again/g)).toHaveLength(2);
});
