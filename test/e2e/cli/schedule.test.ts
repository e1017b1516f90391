import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type StartedHost, startHost } from '../../support/host.ts';
import { inventoryFiles, type LabOutcome, type LabProject, labProject } from '../../support/lab-project.ts';

// A control host that has neither Node nor a registry, and one host that it manages, over another.

let control: StartedHost;
let managed: StartedHost;
let door: StartedHost;
let project: LabProject;

/** Names that would mean something to a shell or to systemd. */
const awkward = 'files/50% $(x) "é".txt';
const playbook = (validate = '') => `import { definePlaybook, file } from 'labwright';
import inventory from '../inventory/index.ts';

const note = () => [file({ path: '/etc/note', source: '../${awkward}'${validate} })];
export default definePlaybook({ inventory, plays: [{ name: 'note', hosts: 'managed', resources: note }] });
`;
/** Called when the job fails. */
const tell = `#!/bin/sh
cat >"$HOME/told.json"
echo "$LAB_JOB $LAB_JOB_EXIT_CODE: $LAB_JOB_SUMMARY" >"$HOME/told"
`;

beforeAll(async () => {
  [control, managed, door] = await Promise.all([
    startHost({ hostname: 'control' }),
    startHost({ hostname: 'managed' }),
    startHost({ hostname: 'door' }),
  ]);
  const files = inventoryFiles({ control, managed, door });
  project = labProject({
    ...files,
    'inventory/index.ts': `${files['inventory/index.ts']}`.replace(
      'managed: {',
      "managed: { ssh: { proxyJump: 'door' },",
    ),
    'playbooks/note.ts': playbook(),
    [awkward]: 'one\n',
    'keys/id_ed25519': '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n',
    'package.json': '{ "name": "homelab", "type": "module", "dependencies": { "labwright": "*" } }\n',
    '.gitignore': 'home/\n',
  });
  execFileSync('git', ['init', '--quiet'], { cwd: project.root });
  await control.exec(['sh', '-c', 'cat >/usr/local/bin/tell-me && chmod 755 /usr/local/bin/tell-me'], tell);
  before = await traces();
});
afterAll(async () => {
  project?.remove();
  await Promise.all([control?.remove(), managed?.remove(), door?.remove()]);
});

const lab = (...words: readonly string[]): Promise<LabOutcome> => project.lab(['schedule', ...words]);
const schedule = (...more: readonly string[]) =>
  lab('note.ts', '--on', 'control', '--calendar', 'Mon *-*-* 04:30', '--delay', '0', '--no-type-check', ...more);
const notified = ['--notify-command', '/usr/local/bin/tell-me'];
const note = async () => (await managed.exec(['cat', '/etc/note'])).stdout;
const authorized = (host: StartedHost) => host.sh('cat /root/.ssh/authorized_keys');
const service = 'lab-schedule-note.service';

const modes = () =>
  control.sh(
    'cd /var/lib/lab-schedule/note; stat -c "%a %U %G" . job.json home home/.ssh/id_ed25519; ! su -s /bin/sh nobody -c "ls ." 2>/dev/null',
  );

/** What a job could leave on these hosts. */
let before: string;
const traces = async () =>
  [
    await control.sh(
      'ls -A /var/lib /usr/local/lib /etc/systemd/system/* /var/lib/systemd/timers; cat /etc/passwd /etc/group',
    ),
    await control.sh('systemctl list-units --all --plain --no-legend "lab-schedule*" | cut -d " " -f 1'),
    await authorized(managed),
    await authorized(door),
  ]
    .join('\n')
    .replace(/^lab\n/m, '');

it('says what it would do, and does nothing', async () => {
  expect(await schedule('--check')).toMatchObject({
    exitCode: 2,
    stdout: expect.stringContaining('user lab-job-note'),
    stderr: expect.stringContaining('keys/id_ed25519 holds a private key and is not copied'),
  });
  expect(await traces()).toBe(before);
});

it('sets the job up with all that it needs, and tries it out without a change', async () => {
  const { exitCode, stdout, stderr } = await schedule(...notified);
  expect({ exitCode, stdout, stderr }).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(
      /note runs on control, next at \d{4}-\d\d-\d\dT04:30:00Z; it gets through to door, managed/,
    ),
  });
  expect(await note()).toBe('');
  // The key was made there, is nowhere else, and opens no more than it has to.
  const text = await control.sh('cat /var/lib/lab-schedule/note/home/.ssh/id_ed25519.pub');
  const key = `${text.split(' ').slice(0, 2).join(' ')} lab-schedule:note@control\n`;
  expect(await authorized(managed)).toContain(`restrict,from="${control.address},${door.address}" ${key}`);
  const onlyForwards = `port-forwarding,permitopen="${managed.address}:*",command="exit 1"`;
  expect(await authorized(door)).toContain(`restrict,${onlyForwards},from="${control.address}" ${key}`);
  expect(await modes()).toBe(
    ['750 root lab-job-note', '640 root lab-job-note', '700 lab-job-note lab-job-note', '600 lab-job-note lab-job-note']
      .map((line) => `${line}\n`)
      .join(''),
  );
  expect(await control.sh('find /var/lib/lab-schedule/note/repository -name "id_ed25519*"')).toBe('');
  // systemd's own grade of what the service is exposed to: 0 to 10, below 3 is "OK".
  const grade = await control.sh(`systemd-analyze security --no-pager ${service} | tail -n 1`);
  expect(Number(/level for \S+: ([\d.]+)/.exec(grade)?.[1])).toBeLessThan(2);
});

it('changes nothing the second time', async () => {
  const { exitCode, stdout } = await schedule(...notified);
  expect({ exitCode, stdout }).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('0 changed') });
});

it('runs when it is due, which was while the host was off', async () => {
  const stamp = '/var/lib/systemd/timers/stamp-lab-schedule-note.timer';
  await control.sh(
    `systemctl stop lab-schedule-note.timer; touch -d '8 days ago' ${stamp}; systemctl start lab-schedule-note.timer`,
  );
  await expect.poll(note, { timeout: 20_000, interval: 200 }).toBe('one\n');
  await control.sh(
    `while systemctl is-active --quiet ${service} || [ "$(systemctl is-active ${service})" = activating ]; do sleep 0.1; done`,
  );
  const { exitCode, stdout } = await lab('list', '--output', 'json');
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    version: 1,
    jobs: [
      {
        ...{
          host: 'control',
          name: 'note',
          playbook: 'playbooks/note.ts',
          calendar: 'Mon *-*-* 04:30',
          hosts: ['door', 'managed'],
        },
        ...{ state: 'succeeded', last: { exitCode: 0, summary: '1 change on 1 host' } },
      },
    ],
  });
});

it('takes the project over as it is now, and tells of a failure', async () => {
  project.write('playbooks/note.ts', playbook(`, validate: ['false', '%s']`));
  project.write(awkward, 'two\n');
  expect((await schedule(...notified)).exitCode).toBe(0);
  const run = await lab('run', 'note');
  expect(run).toMatchObject({ exitCode: 1, stdout: expect.stringContaining('managed | failed | file /etc/note') });
  const told = async () => (await control.exec(['cat', '/var/lib/lab-schedule/note/home/told'])).stdout;
  await expect.poll(told, { timeout: 10_000 }).toMatch(/^note 1: 1 host failed/);
  const report = await control.sh('cat /var/lib/lab-schedule/note/home/told.json');
  expect(JSON.parse(report)).toMatchObject({ status: 'failed', exitCode: 1, playbook: 'playbooks/note.ts' });
  const { exitCode, stdout } = await lab('list');
  expect({ exitCode, stdout }).toMatchObject({
    exitCode: 1,
    stdout: expect.stringMatching(/note .* failed \(1\) .*1 host failed/),
  });
});

it('takes everything back', async () => {
  const { exitCode, stdout, stderr } = await lab('remove', 'note');
  expect({ exitCode, stdout, stderr }).toMatchObject({ exitCode: 0 });
  expect(await traces()).toBe(before);
  expect(await lab('list')).toMatchObject({ exitCode: 0, stdout: 'nothing is scheduled\n' });
  expect(await lab('remove', 'note')).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('SCHEDULE_JOB') });
});

it('is scheduled anew after that', async () => {
  expect((await schedule()).exitCode).toBe(0);
  expect(await lab('list')).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/note .* never run/) });
});

it('sets a job up for the machine that it is called on', async () => {
  const program = '/usr/local/lib/lab-schedule/note/node /var/lib/lab-schedule/note/program/bin/lab.js';
  const own = (words: string) => control.exec(['sh', '-c', `cd /root/homelab && exec ${program} schedule ${words}`]);
  const publicKey = await control.sh(`ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
    cp -r /var/lib/lab-schedule/note/repository /root/homelab
    sed -i 's|identityFile: .*|identityFile: "/root/.ssh/id_ed25519" },|' /root/homelab/inventory/index.ts
    cat /root/.ssh/id_ed25519.pub`);
  for (const host of [control, managed, door]) await host.sh(`echo '${publicKey.trim()}' >>/root/.ssh/authorized_keys`);
  expect(await own('note.ts --name own --no-type-check')).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/own runs on control, next at \S+; it gets through to door, managed/),
  });
  expect(await own('note.ts --name own --no-type-check')).toMatchObject({
    stdout: expect.stringContaining('0 changed'),
  });
  expect(await authorized(managed)).toContain('lab-schedule:own@control');
  // The other job is one of this machine, too, whoever made it.
  expect(await own('list')).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/note .*\n.*own .* never run/),
  });
  expect(await own('remove own')).toMatchObject({ exitCode: 0 });
  expect(await authorized(managed)).not.toContain('lab-schedule:own@control');
  expect(await control.sh('ls /var/lib/lab-schedule')).toBe('note\n');
});

it('refuses what the job would fail of, before anything is touched', async () => {
  const refused = async (...words: readonly string[]) => (await schedule('--name', 'other', ...words)).stderr;
  expect(await refused('--max-age', '30d')).toContain('knows no maxAge');
  expect(await refused('--calender', 'daily')).toContain("unknown option '--calender'");
  expect(await lab('list')).toMatchObject({ stdout: expect.not.stringContaining('other') });
});
