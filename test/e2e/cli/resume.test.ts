import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { controlScript } from '../../../src/runner/apply/control-script.ts';
import { readOwnFile } from '../../../src/shared/own-package.ts';
import { type StartedHost, startHost } from '../../support/host.ts';
import { forget, runsOf } from '../../support/journaled.ts';
import { inventoryFiles, type LabProject, labProject, playbook } from '../../support/lab-project.ts';

// A controller dies, or the host: what was begun is told, finished or taken back, from anywhere.

let host: StartedHost;
let project: LabProject;

/** In the middle of its second step it waits for /run/go; `broken` fails in it then. */
const slow = playbook(`
        lab.file({ path: '/srv/first', content: 'first\\n' }),
        lab.command({
          argv: ['sh', '-c', 'echo half >/srv/slow; echo begun; until [ -e /run/go ]; do sleep 0.1; done; echo over; [ ! -e /run/broken ] && echo whole >/srv/slow'],
          unless: ['grep', '-qx', 'whole', '/srv/slow'],
          revert: ['rm', '-f', '/srv/slow'],
        }),
        lab.file({ path: '/srv/last', content: 'last\\n' }),
`);

beforeAll(async () => {
  host = await startHost();
  project = labProject({ ...inventoryFiles({ alpha: host }), 'playbooks/slow.ts': slow });
});
afterAll(async () => {
  project?.remove();
  await host?.remove();
});
beforeEach(async () => {
  await forget(host);
  await host.sh('rm -f /run/go /run/broken');
  project.write('playbooks/slow.ts', slow);
});

const run = ['run', 'slow', '--no-type-check', '--output', 'plain', '--verbose'];
const resume = () => project.lab(['resume', '--verbose']);
const files = () => host.sh('cd /srv; for file in *; do echo $file $(cat $file); done');
const complete = 'first first\nlast last\nslow whole\nwas-here before\n';
const go = () => host.sh('touch /run/go');

/** Dies without a word while the host is in the middle of the slow step, and what else is waited for has come. */
async function startAndKill(until: () => Promise<unknown> = async () => {}): Promise<void> {
  const lab = project.start(run);
  await lab.says('output | begun');
  await until();
  lab.process.kill('SIGKILL');
  await lab.ended;
}

async function until(state: string): Promise<void> {
  const deadline = Date.now() + 100_000;
  for (;;) {
    const now = (await runsOf(project, 'alpha')).at(-1)?.state;
    if (now === state) return;
    if (Date.now() > deadline) throw new Error(`the run is ${now}, not ${state}`);
    await setTimeout(200);
  }
}

/** The power goes in the middle of the slow step; the host has put itself in order when this returns. */
async function loseThePower(): Promise<void> {
  const lab = project.start(run);
  await lab.says('output | begun');
  lab.process.kill('SIGKILL');
  await lab.ended;
  host = await host.powerCycle();
  for (const [path, text] of Object.entries(inventoryFiles({ alpha: host }))) project.write(path, text);
  await until('interrupted');
}

async function expectNothingLeft(): Promise<void> {
  expect(await resume()).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/no run to resume/) });
  expect(await host.sh('ls /var/lib/lab/lock* 2>/dev/null || true')).toBe('');
}

/** As a shell leaves it that dies with its host while it looks whether somebody is behind the lock. */
async function leaveBreaking(): Promise<void> {
  await host.sh("printf 'run=x\\nwho=anna\\npid=1\\nborn=1\\nboot=before\\n' >/var/lib/lab/lock.breaking");
}

describe('a controller that was killed', () => {
  it('leaves the host to its plan; lab resume follows it to the end and shows what nobody saw', async () => {
    // It has told the host how far it saw.
    await startAndKill(() => host.sh('until grep -qx 1 /var/lib/lab/runs/*/heartbeat; do sleep 0.1; done'));
    const refused = await project.lab(run);
    expect(refused).toMatchObject({ exitCode: 1, stdout: expect.stringContaining('HOST_LOCKED') });
    expect(refused.stdout).toMatch(/found \| run \S+ of \S+@\S+, since /);
    const following = project.start(['resume', '--verbose']);
    await following.says('under way; following it');
    await go();
    const { exitCode, stdout } = await following.ended;
    expect({ exitCode, stdout }).toMatchObject({ exitCode: 0 });
    expect(stdout).toMatch(/output \| over/);
    expect(stdout).toMatch(/\/srv\/last/);
    expect(stdout).not.toMatch(/(started|changed|finished).*\/srv\/first/);
    expect(stdout).toContain('lab run slow.ts --limit alpha');
    expect(await files()).toBe(complete);
    await expectNothingLeft();
    const again = await project.lab(run);
    expect(again).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('0 changed') });
  });

  it('is told once what the host did alone', async () => {
    await startAndKill();
    await go();
    await until('unattended');
    const check = await project.lab([...run, '--check']);
    expect(check).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('"lab resume" tells') });
    const { exitCode, stdout } = await resume();
    expect({ exitCode, stdout }).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('/srv/last') });
    expect(await files()).toBe(complete);
    expect(await runsOf(project, 'alpha')).toMatchObject([{ state: 'complete' }]);
    await expectNothingLeft();
  });

  it('that had not begun gives its lock back', async () => {
    const begun = [
      'LAB_N=mark',
      readOwnFile('remote/prelude.sh'),
      controlScript,
      'lab_lock 20260102T030405Z-abcdef anna@laptop "" ""',
      'lab_stage 1',
      "printf 'cGxhbg==' | lab_put plan",
    ];
    await host.sh(begun.join('\n'));
    expect(await host.sh('ls /var/lib/lab/lock /var/lib/lab/runs')).toContain('20260102T030405Z-abcdef');
    await expectNothingLeft();
    expect(await host.sh('ls /var/lib/lab/runs')).toBe('');
  });

  it('is told of a failure, too', async () => {
    await startAndKill();
    await host.sh('touch /run/broken /run/go');
    await until('failed');
    const { exitCode, stdout } = await resume();
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/failure \| STEP_FAILED: /);
    expect(await files()).toBe('first first\nwas-here before\n');
    await expectNothingLeft();
  });

  it('makes the host take back what it did when the playbook says so, and it has had time to come back', async () => {
    project.write('playbooks/slow.ts', slow.replace('inventory,\n', "inventory,\n  onDisconnect: 'revert',\n"));
    await startAndKill();
    await go();
    await until('reverted');
    expect(await files()).toBe('was-here before\n');
    const told = await resume();
    expect(told.stdout).toContain('it took back what it had done when its controller was gone');
    await expectNothingLeft();
  });
});

describe('a host that went down', () => {
  it('takes the half-done step back when it boots; lab resume does the rest, with the playbook gone', async () => {
    await loseThePower();
    expect(await files()).toBe('first first\nwas-here before\n');
    expect(await host.sh('find /etc -name "*lab-recover*"')).toBe('');
    project.write('playbooks/slow.ts', 'gone');
    await leaveBreaking();
    await go();
    const { exitCode, stdout } = await resume();
    expect({ exitCode, stdout }).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('doing the rest') });
    expect(await files()).toBe(complete);
    await expectNothingLeft();
  });

  it('is brought to the declared state by lab run as well', async () => {
    await loseThePower();
    await leaveBreaking();
    await go();
    const { exitCode, stdout } = await project.lab(run);
    expect({ exitCode, stdout }).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('was cut short') });
    expect(await files()).toBe(complete);
    await expectNothingLeft();
  });

  it('is resumed by one of two at once', async () => {
    await loseThePower();
    const both = [1, 2].map(() => project.start(['resume', '--verbose']));
    await Promise.any(both.map((lab) => lab.says('output | begun')));
    // The other one is refused, while this one is in the slow step.
    await Promise.race(both.map((lab) => lab.ended));
    await go();
    const outcomes = await Promise.all(both.map((lab) => lab.ended));
    const codes = outcomes.map(({ exitCode }) => exitCode).sort();
    expect({ codes, outcomes }).toMatchObject({ codes: [0, 1] });
    const loser = outcomes.find(({ exitCode }) => exitCode === 1);
    expect(loser?.stdout).toMatch(/HOST_LOCKED: [\s\S]*found \| run \S+ of \S+@\S+, since /);
    expect(await files()).toBe(complete);
    expect((await runsOf(project, 'alpha')).at(-1)?.state).toBe('complete');
  });
});

it('takes no run from a controller that is there', async () => {
  const first = project.start(run);
  await first.says('output | begun');
  const { exitCode, stdout } = await resume();
  expect(exitCode).toBe(1);
  expect(stdout).toMatch(/HOST_LOCKED: the controller of this run is connected/);
  await go();
  expect((await first.ended).exitCode).toBe(0);
  expect(await files()).toBe(complete);
});
