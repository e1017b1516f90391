import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type StartedHost, startHost } from '../../support/host.ts';
import { inventoryFiles, type LabProject, labProject, playbook } from '../../support/lab-project.ts';

// A list of packages that is another than yesterday's: what both have stays while --prune takes the rest.

let host: StartedHost;
let project: LabProject;

beforeAll(async () => {
  host = await startHost();
  await host.sh(readFileSync(new URL('../../support/apt-repository.sh', import.meta.url), 'utf8'));
  await host.sh('apt-get -q update');
  project = labProject(inventoryFiles({ alpha: host }));
});
afterAll(async () => {
  project?.remove();
  await host?.remove();
});

async function declared(...names: string[]): Promise<string> {
  const resource = names.length === 0 ? '' : `lab.packages({ names: ${JSON.stringify(names)} }),`;
  project.write('playbooks/site.ts', playbook(resource));
  const { exitCode, stdout, stderr } = await project.lab([
    'run',
    'site',
    '--prune',
    '--no-type-check',
    '--output',
    'plain',
  ]);
  expect({ exitCode, said: stdout + stderr }).toMatchObject({ exitCode: 0 });
  return stdout;
}
const installed = async () => (await host.sh("dpkg -l 'lab-*'")).match(/(?<=^ii +)lab-\S+/gm);

it('takes nothing that is still declared, with what that needs', { timeout: 180_000 }, async () => {
  await declared('lab-needs-lib', 'lab-provider');
  // One more: nothing of the old list is orphaned.
  expect(await declared('lab-daemon', 'lab-needs-lib', 'lab-provider')).not.toContain('absent');
  expect(await installed()).toEqual(['lab-daemon', 'lab-lib', 'lab-needs-lib', 'lab-provider']);
  // Fewer: the others go, whoever brought them.
  await declared('lab-needs-lib');
  expect(await installed()).toEqual(['lab-lib', 'lab-needs-lib']);
  expect(await declared('lab-needs-lib')).toMatch(/0 changed/);
});
