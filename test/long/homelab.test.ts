import { afterAll, beforeAll, expect, it } from 'vitest';
import { type LabProject, labProject } from '../support/lab-project.ts';
import { homelabProblems, sixHosts, sixHostsFiles } from '../support/six-hosts.ts';
import { ownSandboxName } from '../support/sweep.ts';

// From six bare containers to a verified homelab: one command, and no step by hand.

const sandbox = ownSandboxName();
let project: LabProject;

beforeAll(async () => {
  project = labProject(sixHostsFiles('strict'));
  expect(await project.lab(['sandbox', 'up', '--name', sandbox])).toMatchObject({ exitCode: 0 });
}, 600_000);
afterAll(async () => {
  await project?.lab(['sandbox', 'down', '--name', sandbox]);
  project?.remove();
});

it('is made and proven by one command', async () => {
  const began = performance.now();
  const argv = ['run', 'site.ts', '--verify', '--accept-new-host-keys', '--output', 'plain'];
  const { exitCode, stdout, stderr } = await project.lab(argv);
  console.log(`six bare hosts to a verified homelab: ${((performance.now() - began) / 1000).toFixed(0)} s`);
  expect({ exitCode, said: stdout + stderr }).toMatchObject({ exitCode: 0 });
  for (const name of sixHosts) expect(stdout).toMatch(new RegExp(`^${name} \\| recap \\| changed`, 'm'));
  for (const what of ['wireguard', 'firewall', 'dns', 'exposure', 'containers', 'drift'])
    expect(stdout).toMatch(new RegExp(`✔ ${what}`));
});

it('answers as people look at it, from outside and from inside', async () => {
  expect(await homelabProblems(sandbox)).toEqual([]);
});

it('is changed by no second run', async () => {
  const { exitCode, stdout } = await project.lab(['run', 'site.ts', '--output', 'plain']);
  expect({ exitCode, stdout }).toMatchObject({ exitCode: 0 });
  for (const name of sixHosts)
    expect(stdout).toMatch(new RegExp(`^${name} \\| recap \\| ok \\| \\d+ ok \\| 1 round trip`, 'm'));
});
