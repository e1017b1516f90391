import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type StartedHost, startHost } from '../../support/host.ts';
import { forget, twoRoles } from '../../support/journaled.ts';
import { eventsOf, inventoryFiles, type LabProject, labProject } from '../../support/lab-project.ts';

let host: StartedHost;
let project: LabProject;

beforeAll(async () => {
  host = await startHost();
  project = labProject({ ...inventoryFiles({ alpha: host }) });
});
afterAll(async () => {
  project?.remove();
  await host?.remove();
});

const run = (...options: readonly string[]) =>
  project.lab(['run', 'site', '--no-type-check', ...options], { env: { TEXT: 'one', TOKEN: 'c4nary' } });

/** The role web is no longer declared. */
beforeEach(async () => {
  await forget(host);
  project.write('playbooks/site.ts', twoRoles);
  expect((await run()).exitCode).toBe(0);
  project.write('playbooks/site.ts', twoRoles.replace('roles: [web(), keys()]', 'roles: [keys()]'));
});

describe('what is no longer declared', () => {
  it('is told by every plan and run, and left alone', async () => {
    for (const options of [['--check'], []]) {
      const { exitCode, stdout } = await run(...options);
      expect(exitCode).toBe(0);
      expect(stdout).toContain('no longer declared');
      expect(stdout).toContain('/srv/page');
      expect(stdout).toContain('--prune');
    }
    const json = eventsOf((await run('--check', '--output', 'json')).stdout);
    expect(json.find(({ event }) => event === 'host-planned')).toMatchObject({
      orphans: [
        { resource: 'file:/srv/page', role: 'web' },
        { resource: 'file:/srv/was-here', role: 'web' },
      ],
    });
    expect(await host.sh('cat /srv/page /srv/was-here')).toBe('page one\nours one\n');
  });

  it('would be removed or restored by --prune --check, which says so and does nothing', async () => {
    const { exitCode, stdout } = await run('--prune', '--check');
    expect({ exitCode, stdout }).toMatchObject({ exitCode: 2 });
    expect(stdout).toContain('/srv/page');
    expect(await host.sh('cat /srv/page /srv/was-here')).toBe('page one\nours one\n');
  });

  it('is removed when lab made it, and restored when lab only changed it', async () => {
    const { exitCode, stdout } = await run('--prune');
    expect({ exitCode, stdout }).toMatchObject({ exitCode: 0 });
    expect(await host.sh('cd /srv; echo *; cat was-here')).toBe('token was-here\nbefore\n');
    const again = await run('--prune', '--check');
    expect(again).toMatchObject({ exitCode: 0, stdout: expect.not.stringContaining('no longer declared') });
  });

  it('is nothing that tags or another playbook leave out', async () => {
    project.write('playbooks/site.ts', twoRoles);
    const tagged = await run('--prune', '--tags', 'keys');
    expect(tagged).toMatchObject({ exitCode: 0, stdout: expect.not.stringContaining('no longer declared') });
    project.write('playbooks/other.ts', twoRoles.replace('roles: [web(), keys()]', 'roles: [keys()]'));
    const other = await project.lab(['run', 'other', '--no-type-check', '--prune'], { env: { TOKEN: 'c4nary' } });
    expect(other.exitCode).toBe(0);
    expect(await host.sh('cat /srv/page')).toBe('page one\n');
  });

  it('comes back when the pruning is rolled back', async () => {
    await run('--prune');
    const { stdout } = await project.lab(['history', '--output', 'json']);
    const last = JSON.parse(stdout).hosts.alpha.at(-1).run;
    const { exitCode, stdout: said } = await project.lab(['rollback', '--run', last]);
    expect({ exitCode, said }).toMatchObject({ exitCode: 0 });
    expect(await host.sh('cat /srv/page /srv/was-here')).toBe('page one\nours one\n');
  });
});
