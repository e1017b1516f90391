import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type StartedHost, startHost } from '../../support/host.ts';
import { forget } from '../../support/journaled.ts';
import { inventoryFiles, type LabProject, labProject, playbook } from '../../support/lab-project.ts';

let host: StartedHost;
let project: LabProject;

beforeAll(async () => {
  host = await startHost();
  const slow = playbook(`
        lab.command({ argv: ['sh', '-c', 'echo begun; until [ -e /run/go ]; do sleep 0.1; done; : >/srv/slow'], creates: '/srv/slow', revert: ['rm', '-f', '/srv/slow'] }),
        lab.file({ path: '/srv/next-stage', content: 'next\\n', risk: 'connectivity' }),
  `);
  project = labProject({ ...inventoryFiles({ alpha: host }), 'playbooks/slow.ts': slow });
});
afterAll(async () => {
  project?.remove();
  await host?.remove();
});
beforeEach(() => forget(host));

const run = ['run', 'slow', '--no-type-check', '--output', 'plain', '--verbose'];
const unlock = (...options: readonly string[]) => project.lab(['unlock', 'all', ...options]);
const lock = () => host.sh('cat /var/lib/lab/lock 2>/dev/null || true');

async function start() {
  const lab = project.start(run);
  await lab.says('output | begun');
  return lab;
}

/** Nothing of the run is left but its lock. */
async function leaveTheLock(): Promise<void> {
  const lab = await start();
  lab.process.kill('SIGKILL');
  await lab.ended;
  await host.sh('pkill -KILL -f "/var/lib/lab/[r]uns" ; pkill -KILL -f "/run/[g]o"; true');
  expect(await lock()).toContain('run=');
}

describe('lab unlock', () => {
  it('has nothing to do on a host that is not locked', async () => {
    expect(await unlock()).toEqual({ exitCode: 0, stdout: 'alpha: not locked\n', stderr: '' });
  });

  it('never takes the lock of a plan that the host is working on', async () => {
    const lab = await start();
    const { exitCode, stdout } = await unlock('--yes');
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^alpha: locked by run \S+ of \S+@\S+, since \S+Z$/m);
    expect(stdout).toContain('alpha: the host is working on its plan\n');
    expect(await lock()).toContain('run=');
    await host.sh('touch /run/go');
    expect((await lab.ended).exitCode).toBe(0);
  });

  it('frees a lock whose run is dead, and puts in order what that had half done', async () => {
    await leaveTheLock();
    expect(await unlock()).toMatchObject({
      exitCode: 1,
      stdout: expect.stringMatching(/nobody is behind it[\s\S]*--yes says yes/),
    });
    expect(await lock()).toContain('run=');
    const { exitCode, stdout } = await unlock('--yes');
    expect({ exitCode, stdout }).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/interrupted\nalpha: unlocked\n$/),
    });
    expect(await lock()).toBe('');
    expect((await unlock()).stdout).toBe('alpha: not locked\n');
  });

  it('sees that the host has booted since', async () => {
    await leaveTheLock();
    await host.sh("sed -i 's/^boot=.*/boot=another/' /var/lib/lab/lock");
    const { exitCode, stdout } = await unlock('--yes');
    expect({ exitCode, stdout }).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('has booted since') });
    expect(await lock()).toBe('');
  });

  it('asks before it takes the lock of a controller that is connected, which then goes no further', async () => {
    const lab = await start();
    // It hangs, with its connection open, when the host has done all it was told.
    lab.process.kill('SIGSTOP');
    await host.sh(
      "touch /run/go; until grep -q '^end ' /var/lib/lab/runs/*/stage-1/journal && ! pgrep -f '[p]rogram apply'; do sleep 0.1; done",
    );
    const asked = project.labAtTerminal(['unlock', 'alpha']);
    await asked.says('Take the lock of alpha away?');
    asked.process.stdin?.write('n\r');
    expect((await asked.ended).stdout).toContain('its controller is connected');
    expect(await lock()).toContain('run=');
    expect((await unlock('--yes')).exitCode).toBe(0);
    expect(await lock()).toBe('');
    lab.process.kill('SIGCONT');
    const { exitCode, stdout } = await lab.ended;
    expect({ exitCode, stdout }).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining('took the lock of this run away'),
    });
    expect(await host.sh('cd /srv; echo *')).toBe('slow was-here\n');
    expect(await lock()).toBe('');
  });
});

it('of two controllers that begin at once one wins, and the other says who has the lock', async () => {
  const both = [project.start(run), project.start(run)];
  await Promise.any(both.map((lab) => lab.says('output | begun')));
  const first = await Promise.race(both.map((lab) => lab.ended));
  expect(first.exitCode).toBe(1);
  expect(first.stdout).toMatch(/HOST_LOCKED: [\s\S]*found \| run \S+ of \S+@\S+, since /);
  await setTimeout(100);
  await host.sh('touch /run/go');
  const outcomes = await Promise.all(both.map((lab) => lab.ended));
  expect(outcomes.map(({ exitCode }) => exitCode).sort()).toEqual([0, 1]);
});
