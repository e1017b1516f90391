import { describe, expect, it } from 'vitest';
import { command } from '../../../src/resources/command.ts';
import type { ResourceTree } from '../../../src/resources/contract.ts';
import { file } from '../../../src/resources/file.ts';
import { expectAtRest, expectTakenBack, lastRunState, stateOf } from '../../support/guarded.ts';
import { type StartedHost, startHost } from '../../support/host.ts';
import { runOn } from '../../support/run-on.ts';

// A host without systemd: the guardian is a process in a session of its own.

const guardSeconds = 6;
/** Where something must happen in time, however busy the machine is. */
const longGuard = 60;

/** init starts sshd again. */
const killSshd = ['sh', '-c', 'kill $(cat /run/sshd.pid); sleep 1'];

function sshd(content: string): ResourceTree {
  const conf = file({ path: '/etc/ssh/sshd_config.d/10-lab.conf', content });
  const restart = { argv: killSshd, revert: killSshd, onlyWhenTriggered: true, risk: 'connectivity' } as const;
  return [conf, command(restart, { runOn: [conf] })];
}

async function start(): Promise<StartedHost> {
  const host = await startHost({ variant: 'busybox' });
  await host.sh('mkdir -p /etc/ssh/sshd_config.d');
  return host;
}

describe.concurrent('on a host with nothing but busybox', { timeout: 90_000 }, () => {
  it('sshd on another port is taken back', async () => {
    await using host = await start();
    const before = await stateOf(host);
    const outcome = await runOn(host, () => sshd('Port 2222\n'), { guardSeconds });
    await expectTakenBack(host, before, outcome);
  });

  it('a route into nothing is taken back', async () => {
    await using host = await start();
    const before = await stateOf(host);
    const route = [host.address.replace(/\d+$/, '1/32')];
    const cut = command({
      argv: ['ip', 'route', 'add', 'blackhole', ...route],
      revert: ['sh', '-c', 'ip route del blackhole "$1" 2>/dev/null; :', 'route', ...route],
      unless: ['sh', '-c', 'ip route show table all | grep -q blackhole'],
      risk: 'connectivity',
    });
    await expectTakenBack(host, before, await runOn(host, () => cut, { guardSeconds }));
  });

  it('what a fresh login confirms stays, and nothing of the guard does', async () => {
    await using host = await start();
    const outcome = await runOn(host, () => sshd('MaxAuthTries 4\n'), { guardSeconds: longGuard });
    expect(outcome.finished.failure).toBeUndefined();
    expect(await lastRunState(host)).toBe('complete');
    await expectAtRest(host);
    expect(await host.sh('/usr/sbin/sshd -T | grep maxauthtries')).toBe('maxauthtries 4\n');
  });

  it('a guardian that is killed is replaced by the controller', async () => {
    await using host = await start();
    const before = await stateOf(host);
    const running = runOn(host, () => sshd('Port 2222\n'), {
      // The guardian must still be there when it is killed.
      guardSeconds: 15,
      onEvent: (event) => {
        if (event.event === 'resource-finished' && event.resource.startsWith('command:'))
          void host.sh('kill -KILL $(cut -d " " -f 1 /var/lib/lab/runs/*/guardian)');
      },
    });
    await expectTakenBack(host, before, await running);
  });
});
