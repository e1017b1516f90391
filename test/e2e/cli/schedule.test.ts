import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type StartedHost, startHost } from '../../support/host.ts';
import { inventoryFiles, type LabOutcome, type LabProject, labProject } from '../../support/lab-project.ts';

// A control host that has neither Node nor a registry, and one host that it manages.

let control: StartedHost;
let managed: StartedHost;
let project: LabProject;

const playbook = `import { definePlaybook, file } from 'labwright';
import inventory from '../inventory/index.ts';

export default definePlaybook({
  inventory,
  plays: [{ name: 'note', hosts: 'managed', resources: () => [file({ path: '/etc/note', source: '../files/50% $(x) "é".txt' })] }],
});
`;

beforeAll(async () => {
  [control, managed] = await Promise.all([startHost({ hostname: 'control' }), startHost({ hostname: 'managed' })]);
  project = labProject({
    ...inventoryFiles({ control, managed }),
    'playbooks/note.ts': playbook,
    'files/50% $(x) "é".txt': 'one\n',
    'keys/id_ed25519': '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n',
    'package.json': '{ "name": "homelab", "type": "module", "dependencies": { "labwright": "*" } }\n',
    '.gitignore': 'home/\n',
    // What is told of a failure.
    'tell.sh': '#!/bin/sh\ncat >"$HOME/told.json"; printf "%s %s" "$LAB_JOB" "$LAB_JOB_EXIT_CODE" >"$HOME/told"\n',
  });
  execFileSync('git', ['init', '--quiet'], { cwd: project.root });
});
afterAll(async () => {
  project?.remove();
  await Promise.all([control?.remove(), managed?.remove()]);
});

const schedule = (...words: readonly string[]): Promise<LabOutcome> => project.lab(['schedule', ...words]);
const onControl = ['note.ts', '--on', 'control', '--calendar', 'Mon *-*-* 04:30', '--delay', '0', '--no-type-check'];
const note = async () => (await managed.exec(['cat', '/etc/note'])).stdout;

it('says what it would do, and does nothing', async () => {
  const { exitCode, stdout, stderr } = await schedule(...onControl, '--check');
  expect({ exitCode, stdout, stderr }).toMatchObject({
    exitCode: 2,
    stdout: expect.stringContaining('user lab-job-note'),
    stderr: expect.stringContaining('keys/id_ed25519 holds a private key and is not copied'),
  });
  expect(await control.sh('ls /var/lib /etc/systemd/system; id lab-job-note 2>&1 || :')).not.toMatch(
    /lab-schedule|uid=/,
  );
});

it('sets the job up, with all that it needs, and tries it out', async () => {
  const { exitCode, stdout, stderr } = await schedule(...onControl);
  expect({ exitCode, stdout, stderr }).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(
      /note runs on control, next at \d{4}-\d\d-\d\dT04:30:00Z; it gets through to managed/,
    ),
  });
  expect(await note()).toBe('');
});

it('changes nothing the second time', async () => {
  const { exitCode, stdout } = await schedule(...onControl);
  expect({ exitCode, stdout }).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('0 changed') });
});
