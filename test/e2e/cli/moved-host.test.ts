import { afterAll, beforeAll, expect, it } from 'vitest';
import { type StartedHost, startHost } from '../../support/host.ts';
import { inventoryFiles, type LabProject, labProject } from '../../support/lab-project.ts';

// A host whose sshd has not moved yet to the port and user that the inventory declares, and then does.

let host: StartedHost;
let project: LabProject;
const inventory = 'inventory/index.ts';
const lock = 'inventory/lab.lock.yml';

beforeAll(async () => {
  host = await startHost({ user: { name: 'ada', sudo: 'free' } });
  project = labProject(inventoryFiles({ host }));
});
afterAll(async () => {
  project?.remove();
  await host?.remove();
});

const whoami = async () => project.lab(['exec', 'all', '--', 'sh', '-c', 'echo "$(id -un) through $SSH_CONNECTION"']);

it('is found where it was, becomes root as that user does, and is remembered where it answered', async () => {
  const declared = project.read(inventory);
  expect(await whoami()).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^host \| root /) });
  expect(project.read(lock)).toContain(`    endpoint: root@${host.address}:22\n`);

  // Remembered by the lock file only.
  const moved = (more = '') =>
    project.write(
      inventory,
      declared.replace("groups: ['lab'] }", `groups: ['lab'], ssh: { user: 'ada', port: 2022, ${more} } }`),
    );
  moved();
  expect(await whoami()).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^host \| root /) });

  // By the inventory: root may not log in any more, ada may, and becomes root.
  await host.sh("echo 'PermitRootLogin no' >/etc/ssh/sshd_config.d/00-moved.conf && systemctl reload ssh");
  moved("fallback: [{ user: 'root', port: 22 }, { port: 22 }]");
  expect(await whoami()).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^host \| root /) });
  expect(project.read(lock)).toContain(`    endpoint: ada@${host.address}:22\n`);

  // The change arrives.
  await host.sh("echo 'Port 2022' >>/etc/ssh/sshd_config.d/00-moved.conf && systemctl restart ssh");
  moved();
  expect(await whoami()).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^host \| root /) });
  expect(project.read(lock)).toContain(`    endpoint: ada@${host.address}:2022\n`);

  // Nothing answers: everything that was tried is told.
  await host.sh('systemctl stop ssh.socket ssh.service 2>/dev/null || systemctl stop ssh');
  moved("fallback: [{ user: 'root', port: 22 }]");
  const { exitCode, stderr } = await whoami();
  expect(exitCode).toBe(3);
  for (const port of [2022, 22]) {
    expect(stderr).toMatch(new RegExp(`^UNREACHABLE: host: ${host.address}:${port} refuses`, 'm'));
  }
});
