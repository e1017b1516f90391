import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StartedHost, startHost } from '../../support/host.ts';
import { inventoryFiles, type LabProject, labProject, lockFile, playbook } from '../../support/lab-project.ts';

// Host keys never seen or changed, and the password of sudo: what a person at the terminal is asked for.

let known: StartedHost;
let fresh: StartedHost;
let project: LabProject;

beforeAll(async () => {
  [known, fresh] = await Promise.all([
    startHost(),
    startHost({ user: { name: 'ada', password: 'tr0ub4dor', sudo: 'password' } }),
  ]);
  project = labProject({
    ...inventoryFiles({ known, fresh }),
    'playbooks/site.ts': playbook("lab.file({ path: '/srv/marker', content: 'here\\n' }),"),
  });
});
afterAll(async () => {
  project?.remove();
  await Promise.all([known?.remove(), fresh?.remove()]);
});

const lock = 'inventory/lab.lock.yml';
const site = ['run', 'site', '--no-type-check'];
/** The lock file without where hosts answered last. */
const pins = () => project.read(lock).replaceAll(/^ {4}endpoint: .*\n/gm, '');
const marker = async (host: StartedHost) => (await host.exec(['cat', '/srv/marker'])).stdout;
const clean = () => Promise.all([known, fresh].map((host) => host.sh('rm -f /srv/marker')));

describe('a host never seen', () => {
  beforeAll(async () => {
    project.write(lock, lockFile({ known }));
  });

  it('is refused without a terminal, and the others go on', async () => {
    await clean();
    const { exitCode, stdout } = await project.lab(site);
    expect(exitCode).toBe(3);
    expect(stdout).toMatch(/^fresh \| failure \| HOST_KEY_UNKNOWN: /m);
    expect(stdout).toMatch(/^fresh \| failure \| .*SHA256:/m);
    expect(stdout).toMatch(/^fresh \| failure \| hint \| .*--accept-new-host-keys/m);
    expect(await marker(known)).toBe('here\n');
    expect(await marker(fresh)).toBe('');
    expect(pins()).toBe(lockFile({ known }));
  });

  it('is refused by exec and facts as well', async () => {
    for (const argv of [
      ['facts', 'fresh'],
      ['exec', 'fresh', '--', 'true'],
    ]) {
      const { exitCode, stdout, stderr } = await project.lab(argv);
      expect({ exitCode, stdout }).toEqual({ exitCode: 3, stdout: '' });
      expect(stderr).toMatch(/^HOST_KEY_UNKNOWN: fresh/);
    }
  });

  it('is pinned when the person at the terminal agrees, and not when they do not', async () => {
    const refused = project.labAtTerminal([...site, '--limit', 'fresh']);
    await refused.says(/never been seen.*SHA256:/s);
    refused.process.stdin?.write('n\r');
    expect((await refused.ended).exitCode).toBe(3);
    expect(pins()).toBe(lockFile({ known }));

    const agreed = project.labAtTerminal([...site, '--limit', 'fresh']);
    await agreed.says(/never been seen.*SHA256:/s);
    agreed.process.stdin?.write('y\r');
    expect((await agreed.ended).exitCode).toBe(0);
    expect(await marker(fresh)).toBe('here\n');
    expect(project.read(lock)).toMatch(/^ {2}fresh:\n {4}ssh:\n {6}- ssh-ed25519 /m);
    project.write(lock, lockFile({ known }));
  });

  it('is pinned with --accept-new-host-keys, beside those that were there', async () => {
    const { exitCode, stderr } = await project.lab([...site, '--accept-new-host-keys']);
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 0,
      stderr: expect.stringMatching(/^fresh: pinned .*SHA256:/),
    });
    const [key] = fresh.hostKeys.filter(({ base64 }) => project.read(lock).includes(base64));
    expect(project.read(lock)).toContain(`${key?.type} ${key?.base64}`);
    expect(project.read(lock)).toContain(known.hostKeys[0]?.base64);
    expect(await project.lab(site)).toMatchObject({ exitCode: 0, stderr: '' });
  });
});

it('another key than the pinned one: exit code 3, also with --accept-new-host-keys, and nothing is changed', async () => {
  await clean();
  const [wrong] = fresh.hostKeys.filter(({ type }) => type === 'ssh-ed25519');
  const other = { type: 'ssh-ed25519', base64: 'AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ' };
  expect(wrong).toBeDefined();
  project.write(lock, lockFile({ fresh: { ...fresh, hostKeys: [other] }, known }));
  const before = pins();
  const { exitCode, stdout } = await project.lab([...site, '--accept-new-host-keys']);
  expect(exitCode).toBe(3);
  expect(stdout).toMatch(/^fresh \| failure \| HOST_KEY_CHANGED: /m);
  expect(stdout).toMatch(/^fresh \| failure \| .*lab\.lock\.yml/m);
  expect(await marker(known)).toBe('here\n');
  expect(await marker(fresh)).toBe('');
  expect(pins()).toBe(before);
});

it('a lock file that is none: exit code 4, with the place', async () => {
  project.write(lock, 'version: 1\nhosts:\n  known: [\n');
  const { exitCode, stderr } = await project.lab(site);
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 4, stderr: expect.stringMatching(/^LOCK_FILE: /) });
  expect(stderr).toContain('lab.lock.yml:');
});

describe('sudo that wants a password', () => {
  beforeAll(async () => {
    project.write(lock, lockFile({ known, fresh }));
    const inventory = project.read('inventory/index.ts');
    project.write('inventory/index.ts', inventory.replace(/(fresh: \{)/, "$1 ssh: { user: 'ada', become: 'sudo' },"));
  });

  it('says so when nobody is there to ask', async () => {
    await clean();
    const { exitCode, stdout } = await project.lab([...site, '--limit', 'fresh']);
    expect(exitCode).toBe(3);
    expect(stdout).toMatch(/BECOME_REFUSED/);
    expect(stdout).toMatch(/--ask-become-pass|-K/);
    expect(await marker(fresh)).toBe('');
  });

  it('is asked for with -K, and shown nowhere', async () => {
    for (const [password, expected] of [
      ['wr0ng-pass', 3],
      ['tr0ub4dor', 0],
    ] as const) {
      const lab = project.labAtTerminal([...site, '--limit', 'fresh', '-K', '--verbose', '--output', 'plain']);
      await lab.says('sudo password');
      lab.process.stdin?.write(`${password}\r`);
      const { exitCode, stdout } = await lab.ended;
      expect({ exitCode, stdout }).toMatchObject({ exitCode: expected, stdout: expect.not.stringContaining(password) });
    }
    expect(await marker(fresh)).toBe('here\n');
    expect(await fresh.sh('stat -c %U /srv/marker')).toBe('root\n');
  });
});
