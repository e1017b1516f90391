import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type StartedHost, startHost } from '../../support/host.ts';
import { inventoryFiles, type LabProject, labProject, playbook } from '../../support/lab-project.ts';

// Ctrl-C, a killed controller and two controllers at once: the state is known, and the next run completes it.

let alpha: StartedHost;
let beta: StartedHost;
let project: LabProject;

beforeAll(async () => {
  [alpha, beta] = await Promise.all([startHost(), startHost()]);
  const slow = playbook(`
        lab.file({ path: '/srv/first', content: 'first\\n' }),
        lab.command({ argv: ['sh', '-c', 'echo begun; n=0; until [ -e /run/go ] || [ $n -gt 300 ]; do n=$((n + 1)); sleep 0.1; done; : >/srv/slow'], creates: '/srv/slow' }),
        lab.file({ path: '/srv/last', content: 'last\\n' }),
  `);
  project = labProject({ ...inventoryFiles({ alpha, beta }), 'playbooks/slow.ts': slow });
});
afterAll(async () => {
  project?.remove();
  await Promise.all([alpha?.remove(), beta?.remove()]);
});
beforeEach(() => Promise.all([alpha, beta].map((host) => host.sh('rm -f /srv/* /run/go'))));

const argv = ['run', 'slow', '--no-type-check', '--output', 'plain', '--verbose'];
const files = (host: StartedHost) => host.sh('cd /srv; echo *');
/** Lets the slow commands end. */
const go = () => Promise.all([alpha, beta].map((host) => host.sh('touch /run/go')));
const lockOf = (host: StartedHost) => host.sh('ls /var/lib/lab/lock 2>/dev/null || true');

/** A run on both hosts that has got into the slow command. */
async function startSlow(...options: readonly string[]) {
  const lab = project.start([...argv, ...options]);
  await lab.says('alpha | output | begun');
  if (options.length === 0) await lab.says('beta | output | begun');
  return lab;
}

async function expectComplete(): Promise<void> {
  await go();
  const { exitCode, stdout } = await project.lab(argv);
  expect({ exitCode, stdout }).toMatchObject({ exitCode: 0 });
  for (const host of [alpha, beta]) {
    expect(await files(host)).toBe('first last slow\n');
    expect(await lockOf(host)).toBe('');
  }
  const again = await project.lab(argv);
  expect(again).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(' 0 changed') });
}

/** Until the hosts have ended their stages on their own. */
async function untilHostsFinish(expected: RegExp): Promise<void> {
  expect(await files(alpha)).toBe('first\n');
  await go();
  for (const host of [alpha, beta]) await expect.poll(() => files(host)).toMatch(expected);
}

describe('Ctrl-C', () => {
  it('once: every host stops after its step, the recap says what was not reached, and the next run completes it', async () => {
    const lab = await startSlow();
    lab.process.kill('SIGINT');
    await lab.says('Ctrl-C again stops at once');
    await go();
    const { exitCode, stdout } = await lab.ended;
    expect(exitCode).toBe(130);
    for (const host of ['alpha', 'beta'])
      expect(stdout).toMatch(new RegExp(`^${host} \\| recap \\| interrupted \\| .*1 not reached`, 'm'));
    expect(await files(alpha)).toBe('first slow\n');
    expect(await lockOf(alpha)).toBe('');
    await expectComplete();
  });

  it('once, with hosts that have not begun: they are left alone', async () => {
    const lab = await startSlow('--serial', '1');
    lab.process.kill('SIGINT');
    await lab.says('Ctrl-C again stops at once');
    await go();
    const { exitCode, stdout } = await lab.ended;
    expect(exitCode).toBe(130);
    expect(stdout).toMatch(/^beta \| recap \| skipped/m);
    expect(await files(beta)).toBe('*\n');
    await expectComplete();
  });

  it('twice: the controller stops at once, and the hosts finish by themselves', async () => {
    const lab = await startSlow();
    lab.process.kill('SIGINT');
    await lab.says('Ctrl-C again stops at once');
    lab.process.kill('SIGINT');
    const { exitCode, stdout } = await lab.ended;
    expect(exitCode).toBe(130);
    expect(stdout).toMatch(/^alpha \| /m);
    // They are still in the slow step. The word to stop may not have reached them any more.
    await untilHostsFinish(/^first (last )?slow\n$/);
    await expectComplete();
  });

  it('at a terminal gives the cursor back', async () => {
    const lab = project.labAtTerminal(['run', 'slow', '--no-type-check']);
    await lab.says('begun');
    lab.process.stdin?.write('\u0003');
    await lab.says('Ctrl-C again');
    await go();
    const { exitCode, stdout } = await lab.ended;
    expect(exitCode).toBe(130);
    expect(stdout.lastIndexOf('\u001b[?25h')).toBeGreaterThan(stdout.lastIndexOf('\u001b[?25l'));
    expect(stdout).toContain('not reached');
    await expectComplete();
  });

  it('while connecting ends soon', async () => {
    const inventory = project.read('inventory/index.ts');
    // An address of documentation (RFC 5737) that nobody answers.
    project.write('inventory/index.ts', inventory.replace(beta.address, '192.0.2.1'));
    const lab = project.start([...argv, '--limit', 'beta']);
    await lab.says('beta | connecting');
    lab.process.kill('SIGINT');
    await lab.says('Ctrl-C again stops at once');
    lab.process.kill('SIGINT');
    const { exitCode } = await lab.ended;
    project.write('inventory/index.ts', inventory);
    expect(exitCode).toBe(130);
  });
});

describe('a killed controller', () => {
  it('leaves hosts that finish by themselves, and a run afterwards finds it done', async () => {
    const lab = await startSlow();
    lab.process.kill('SIGKILL');
    await lab.ended;
    await untilHostsFinish(/^first last slow\n$/);
    // The last file is there before the run has ended.
    for (const host of [alpha, beta]) await expect.poll(() => lockOf(host)).toBe('');
    const { exitCode, stdout } = await project.lab(argv);
    expect({ exitCode, stdout }).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(' 0 changed') });
    await alpha.sh('rm /srv/last');
    await beta.sh('rm /srv/last');
    await expectComplete();
  });

  it('does not let another one in before the host has finished', async () => {
    const lab = await startSlow();
    lab.process.kill('SIGKILL');
    await lab.ended;
    const { exitCode, stdout } = await project.lab(argv);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^alpha \| failure \| HOST_LOCKED: /m);
    expect(stdout).toMatch(/^alpha \| failure \| found \| run \S+ of \S+@\S+, since /m);
    await untilHostsFinish(/^first last slow\n$/);
  });
});

it('a second controller is refused while the first is at work, which is not disturbed', async () => {
  const first = await startSlow();
  const second = await project.lab(argv);
  expect(second.exitCode).toBe(1);
  expect(second.stdout).toMatch(/^beta \| failure \| HOST_LOCKED: /m);
  await go();
  expect((await first.ended).exitCode).toBe(0);
  await expectComplete();
});

it('a reader of the output that goes away stops no run', async () => {
  const lab = await startSlow();
  lab.process.stdout?.destroy();
  await go();
  const { exitCode } = await lab.ended;
  expect(exitCode).toBe(0);
  await expectComplete();
});
