import { setTimeout } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Session } from '../../src/remote/session.ts';
import { file } from '../../src/resources/file.ts';
import { unit } from '../../src/resources/unit.ts';
import { controlScript } from '../../src/runner/apply/control-script.ts';
import { connect } from '../../src/transport/index.ts';
import { expectAtRest, lastRunState, stateOf } from '../support/guarded.ts';
import { type StartedHost, startHost } from '../support/host.ts';
import { runOn } from '../support/run-on.ts';

// A confirmation that comes at the very moment of expiry: it stays or it is taken back, never half, and the controller
// tells which.

const rounds = 24;
const guardSeconds = 3;

function someChange(round: number) {
  const conf = file({ path: '/etc/ssh/sshd_config.d/10-lab.conf', content: `MaxAuthTries ${round + 3}\n` });
  const banner = file({ path: '/etc/ssh/banner', content: `${round}\n` });
  return [conf, banner, unit({ name: 'ssh', state: 'running' }, { reloadOn: [conf] })];
}

async function openSession(host: StartedHost): Promise<Session> {
  const hostKeys = { pinned: () => host.hostKeys, firstContact: async () => false };
  return Session.open(await connect('target', host.connection, { hostKeys }), host.connection);
}

it(`is decided once, ${rounds} times`, async () => {
  await using host = await startHost();
  const seen = { stayed: 0, takenBack: 0 };
  for (let round = 0; round < rounds; round++) {
    const before = await stateOf(host);
    await using session = await openSession(host);
    let run = '';
    let ended = 0;
    // Nobody answers at the declared port, so only this test confirms.
    const connection = { port: 2223, fallback: [{ port: 22 }] };
    const running = runOn(host, () => someChange(round), {
      connection,
      guardSeconds,
      onEvent: (event) => {
        if (event.event === 'run-started') run = event.run;
        if (event.event === 'resource-finished') ended = Date.now();
      },
    });
    while (ended === 0 || !(await stageIsOver(host, run))) await setTimeout(20);
    // The guardian counts whole seconds and looks once in each: it decides within the last second before the end.
    const moment = ended + (guardSeconds - 1) * 1000 + (1300 * round) / rounds;
    await setTimeout(Math.max(0, moment - Date.now()));
    const answer = await session.request(`${controlScript}\nlab_confirm ${run} 1`);
    const confirmed = answer.get('confirm')?.status === 0;
    const { finished } = await running;
    seen[confirmed ? 'stayed' : 'takenBack']++;
    expect(finished.status).toBe(confirmed ? 'changed' : 'reverted');
    expect(await lastRunState(host)).toBe(confirmed ? 'complete' : 'guard-reverted');
    await expectAtRest(host);
    const after = await stateOf(host);
    if (!confirmed) expect(after).toBe(before);
    else expect(after).toContain(`maxauthtries ${round + 3}\n`);
  }
  expect(Math.min(seen.stayed, seen.takenBack)).toBeGreaterThan(0);
});

async function stageIsOver(host: StartedHost, run: string): Promise<boolean> {
  return (await host.exec(['grep', '-q', '^end complete', `/var/lib/lab/runs/${run}/stage-1/journal`])).exitCode === 0;
}
