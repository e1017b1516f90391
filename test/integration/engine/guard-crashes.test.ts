import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { command } from '../../../src/resources/command.ts';
import { file } from '../../../src/resources/file.ts';
import { unit } from '../../../src/resources/unit.ts';
import { expectAtRest, expectTakenBack, lastRunState, logInAnew, stateOf } from '../../support/guarded.ts';
import { type StartedHost, startHost } from '../../support/host.ts';
import { runOn } from '../../support/run-on.ts';

const controller = fileURLToPath(new URL('../../support/guarded-controller.ts', import.meta.url));

function wrongPort() {
  const conf = file({ path: '/etc/ssh/sshd_config.d/10-lab.conf', content: 'Port 2222\n' });
  return [conf, unit({ name: 'ssh', state: 'running' }, { restartOn: [conf] })];
}

/** Waits until the host says yes. */
async function until(host: StartedHost, test: string): Promise<void> {
  const deadline = Date.now() + 60_000;
  while ((await host.exec(['sh', '-c', test])).exitCode !== 0)
    if (Date.now() > deadline) throw new Error(`not in time: ${test}`);
}

const sshdMoved = 'grep -q :08AE /proc/net/tcp';

describe.concurrent('a guarded stage that nobody sees to its end is taken back', { timeout: 120_000 }, () => {
  for (const how of ['powerCycle', 'reboot'] as const) {
    it(`by the boot after a ${how === 'reboot' ? 'reboot' : 'power cut'} inside the window`, async () => {
      await using host = await startHost();
      const before = await stateOf(host);
      let now = host;
      // The guard is far too long to be what takes it back.
      const running = runOn(host, wrongPort, { guardSeconds: 600, address: () => now.address });
      await until(host, sshdMoved);
      now = await host[how]();
      await expectTakenBack(now, before, await running);
    });
  }

  it('when the controller is killed', async () => {
    await using host = await startHost();
    const before = await stateOf(host);
    const task = JSON.stringify({ host, guardSeconds: 6 });
    const child = spawn('npx', ['jiti', controller, task], { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    process.kill(-(child.pid as number), 'SIGKILL');
    await until(host, 'test -e "/var/lib/lab/runs/$(cat /var/lib/lab/last-run)/state"');
    await logInAnew(host);
    expect(await lastRunState(host)).toBe('guard-reverted');
    await expectAtRest(host);
    expect(await stateOf(host)).toBe(before);
  });

  it('when its guardian is killed', async () => {
    await using host = await startHost();
    const before = await stateOf(host);
    const running = runOn(host, wrongPort, { guardSeconds: 15 });
    await until(host, sshdMoved);
    // Before the guard ends, and with it its guardian.
    const guardian = (await host.sh('cut -d " " -f 1 /var/lib/lab/runs/*/guardian')).trim();
    await host.sh(`kill -KILL ${guardian}`);
    const outcome = await running;
    await expectTakenBack(host, before, outcome);
  });

  it('when somebody presses Ctrl-C while the login is tried', async () => {
    await using host = await startHost();
    const before = await stateOf(host);
    const stop = new AbortController();
    const running = runOn(host, wrongPort, { guardSeconds: 6, stop: stop.signal });
    await until(host, sshdMoved);
    stop.abort();
    await expectTakenBack(host, before, await running);
  });

  it('when a step hangs longer than the guard lasts; the step is killed', async () => {
    await using host = await startHost();
    const before = await stateOf(host);
    const hangs = command({
      argv: ['sh', '-c', 'echo begun >/etc/begun; sleep 500'],
      revert: ['rm', '-f', '/etc/begun'],
      risk: 'connectivity',
    });
    const outcome = await runOn(host, () => [wrongPort(), hangs], { guardSeconds: 6 });
    await expectTakenBack(host, before, outcome);
    expect(await host.sh('ps -eo args | grep -c "[s]leep 500" || true')).toBe('0\n');
    expect(outcome.events).toContainEqual(
      expect.objectContaining({ event: 'resource-undone', resource: expect.stringMatching(/^command:/) }),
    );
  });
});
