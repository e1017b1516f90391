import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type StartedHost, startHost } from '../../support/host.ts';
import { eventsOf, inventoryFiles, type LabProject, labProject } from '../../support/lab-project.ts';
import { fileSystemOf } from '../../support/snapshot.ts';

// A role of a user takes part: state with odd names, of an account of its own, behind a service.

let host: StartedHost;
let project: LabProject;
const canary = 'canary-5512-of-the-forum';
const odd = `/srv/forum/data/it's "odd" $(id)/-n ünï`;

const site = `import { definePlaybook, defineRole } from 'labwright';
import inventory from '../inventory/index.ts';
const forum = defineRole({
  name: 'forum',
  resources: () => [],
  keeps: () => [{ paths: ['/srv/forum/data', '/srv/forum/*.key'], except: ['/srv/forum/data/cache'], stops: ['forum'] }],
});
export default definePlaybook({ inventory, plays: [{ name: 'all', hosts: 'all', roles: [forum] }] });
`;
const makeState = `set -eu
useradd --system --no-create-home --home-dir /srv/forum --comment 'The forum' forum
mkdir -p "$1" /srv/forum/data/cache
printf '%s\\n' ${canary} >/srv/forum/site.key
head -c 5000000 /dev/urandom >/srv/forum/data/large
: >/srv/forum/data/empty
printf '\\000\\001' >"$1/binary"
ln -s ../site.key /srv/forum/data/link
echo none >/srv/forum/.hidden.key
echo none >/srv/forum/data/cache/page
chown -R forum: /srv/forum
chmod 0600 /srv/forum/site.key
chmod 2750 /srv/forum/data
systemd-run -q --unit=forum sleep infinity`;
/** All that is kept, as plain tools see it. */
const state = () =>
  host.sh(
    `cd /srv/forum && find . -path ./data/cache -prune -o -name .hidden.key -prune -o -printf '%P %y %m %u:%g %l\\n' | sort; find . -path ./data/cache -prune -o -type f ! -name .hidden.key -print0 | sort -z | xargs -0 sha256sum`,
  );
const lab = (...words: string[]) => project.lab(words);

beforeAll(async () => {
  host = await startHost();
  await host.exec(['sh', '-s', odd], `set -- '${odd.replaceAll("'", `'"'"'`)}'\n${makeState}`);
  project = labProject({ ...inventoryFiles({ nas: host }), 'playbooks/site.ts': site });
  expect(await lab('secrets', 'init')).toMatchObject({ exitCode: 0 });
});
afterAll(async () => {
  project?.remove();
  await host?.remove();
});

it('is taken without changing anything, for its owner alone, and shows what is in it', async () => {
  const before = await fileSystemOf(host);
  expect(await lab('backup', '-o', 'one.age')).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/^nas +forum +5 +4\.8 MiB$/m),
  });
  expect(await fileSystemOf(host)).toBe(before);
  expect(statSync(join(project.root, 'one.age')).mode & 0o777).toBe(0o600);
  const list = await lab('backup', '--list', 'one.age');
  expect(list).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('whole') });
  expect(list.stdout).toMatch(/^nas +forum +0600 +forum:forum +25 B +\/srv\/forum\/site\.key$/m);
  expect(list.stdout).not.toMatch(/cache|hidden/);
  expect(list.stdout + list.stderr).not.toContain(canary);
});

it('is never put over a file that is there, and nobody is asked first', async () => {
  expect(await lab('backup', '-o', 'one.age')).toMatchObject({
    exitCode: 4,
    stderr: expect.stringContaining('BACKUP_FILE'),
  });
  expect(await lab('backup', '-o', 'none.age', '--skip', 'forun')).toMatchObject({
    exitCode: 4,
    stderr: expect.stringContaining('did you mean "forum"'),
  });
  expect(project.exists('none.age')).toBe(false);
});

it('names the host that could not be read, and has the others', async () => {
  const inventory = project.read('inventory/index.ts');
  project.write(
    'inventory/index.ts',
    inventory.replace('hosts: {', "hosts: {\n    gone: { address: '192.0.2.1', ssh: { connectTimeoutSeconds: 1 } },"),
  );
  const partly = await lab('backup', '-o', 'partly.age');
  expect(partly).toMatchObject({ exitCode: 3, stderr: expect.stringMatching(/UNREACHABLE: gone[\s\S]*without gone/) });
  expect(await lab('backup', '--list', 'partly.age')).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/gone is missing/),
  });
  expect(await lab('backup', 'gone', '-o', 'none.age')).toMatchObject({
    exitCode: 3,
    stderr: expect.stringContaining('no backup was written'),
  });
  expect(project.exists('none.age')).toBe(false);
  expect(await lab('restore', 'partly.age', 'gone')).toMatchObject({
    exitCode: 4,
    stderr: expect.stringContaining('could not be read'),
  });
  project.write('inventory/index.ts', inventory);
});

it('does not keep what is being written as if it were whole', async () => {
  await host.sh(`systemd-run -q --unit=writer sh -c 'while :; do date +%N >/srv/forum/data/clock; done'`);
  expect(await lab('backup', '-o', 'none.age')).toMatchObject({
    exitCode: 1,
    stderr: expect.stringMatching(/changes all the time[\s\S]*clock/),
  });
  await host.sh('systemctl stop writer; rm /srv/forum/data/clock');
});

it('is put back on an empty machine with its account, as it was', async () => {
  const before = await state();
  await host.sh('systemctl stop forum; rm -rf /srv/forum; userdel forum');
  // Other accounts have come meanwhile: a number means nothing.
  await host.sh('useradd --system other');
  const check = await lab('restore', 'one.age', 'nas', '--check', '--output', 'plain', '--diff');
  expect(check).toMatchObject({ exitCode: 2, stdout: expect.stringContaining('/srv/forum/data') });
  expect(check.stdout + check.stderr).not.toContain(canary);
  expect(await host.exec(['test', '-e', '/srv/forum'])).toMatchObject({ exitCode: 1 });
  const done = await lab('restore', 'one.age', 'nas', '--output', 'json');
  expect(done).toMatchObject({ exitCode: 0 });
  expect(done.stdout + done.stderr).not.toContain(canary);
  expect(eventsOf(done.stdout).at(-1)).toMatchObject({ event: 'run-finished' });
  expect(await state()).toBe(before);
  expect(await lab('restore', 'one.age', 'nas', '--output', 'plain')).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining('0 changed'),
  });
  expect(await host.exec(['grep', '-rlF', canary, '/tmp', '/run', '/var/log'])).toMatchObject({ stdout: '' });
});

it('does not replace what is newer, says what, and does when it is told to, between a stop and a start', async () => {
  const before = await state();
  await host.sh(
    `systemctl reset-failed forum 2>/dev/null; systemd-run -q --unit=forum -r sleep infinity; echo newer >/srv/forum/site.key; rm /srv/forum/data/large`,
  );
  const started = await host.sh('systemctl show -P MainPID forum');
  const newer = await state();
  const refused = await lab('restore', 'one.age', 'nas', '--output', 'plain');
  expect(refused).toMatchObject({
    exitCode: 1,
    stdout: expect.stringMatching(/RESTORE_REFUSED[\s\S]*\/srv\/forum\/site\.key \(role forum\)/),
  });
  expect(await state()).toBe(newer);
  expect(await host.sh('systemctl show -P MainPID forum')).toBe(started);
  // The unit of this test is gone when it stops, so that its start fails: then nothing of it has been done.
  const failed = await lab('restore', 'one.age', 'nas', '--force', '--output', 'plain');
  expect(failed).toMatchObject({ exitCode: 1 });
  expect(await state()).toBe(newer);
  await host.exec(
    ['sh', '-c', 'cat >/etc/systemd/system/forum.service; systemctl daemon-reload; systemctl start forum'],
    '[Service]\nExecStart=/bin/sleep infinity\n',
  );
  const pid = await host.sh('systemctl show -P MainPID forum');
  expect(await lab('restore', 'one.age', 'nas', '--force', '--output', 'plain')).toMatchObject({ exitCode: 0 });
  expect(await state()).toBe(before);
  expect(await host.sh('systemctl is-active forum; systemctl show -P MainPID forum')).not.toContain(pid);
  expect(await lab('rollback', 'restore', '--output', 'plain')).toMatchObject({ exitCode: 0 });
  expect(await state()).toBe(newer);
  expect(await host.sh('systemctl is-active forum')).toBe('active\n');
});

it('is refused when it is not for you, not whole, or of a role that keeps nothing here', async () => {
  const whole = await state();
  project.write('cut.age', 'age-encryption.org/v1\n');
  expect(await lab('restore', 'cut.age', 'nas')).toMatchObject({
    exitCode: 4,
    stderr: expect.stringContaining('BACKUP_FILE'),
  });
  project.write('playbooks/other.ts', site.replace("'/srv/forum/data', ", ''));
  const left = await lab('restore', 'one.age', 'nas', '--playbook', 'other', '--check', '--force', '--output', 'plain');
  expect(left.stderr).toMatch(/left out, as no role keeps it now: \/srv\/forum\/data/);
  expect(left.stdout).not.toContain('/srv/forum/data');
  expect(await state()).toBe(whole);
});
