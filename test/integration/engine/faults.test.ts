import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineResource } from '../../../src/resources/define-resource.ts';
import { file } from '../../../src/resources/file.ts';
import type { RunEvent } from '../../../src/runner/events.ts';
import { Secret } from '../../../src/shared/secret.ts';
import { type StartedHost, startHost } from '../../support/host.ts';
import { outcomeOf, runOn, runOnAll } from '../../support/run-on.ts';

/** Runs a command that may hang, with a deadline. */
const slowCommand = defineResource({
  type: 'slow-command',
  props: z.strictObject({ seconds: z.number(), deadline: z.number() }),
  id: () => 'once',
  read: (host) => host.file('/srv/slow-done'),
  diff: ({ seconds, deadline }, done) =>
    done.kind === 'file'
      ? []
      : [
          {
            attribute: 'state',
            before: 'not run',
            after: 'run',
            apply: [
              {
                do: 'run',
                argv: ['sh', '-c', 'echo begun; sleep "$1"; : >/srv/slow-done', 'sh', `${seconds}`],
                timeoutSeconds: deadline,
              },
            ],
            revert: [{ do: 'restore', path: '/srv/slow-done' }],
          },
        ],
});

const marker = () => file({ path: '/srv/marker', content: 'here\n' });

describe('one host in trouble, the other goes on', () => {
  let good: StartedHost;
  let bad: StartedHost;
  beforeAll(async () => {
    [good, bad] = await Promise.all([
      startHost(),
      startHost({ user: { name: 'ada', password: 'tr0ub4dor', sudo: 'password' } }),
    ]);
  });
  afterAll(async () => {
    await Promise.all([good?.remove(), bad?.remove()]);
  });

  const cases = {
    unreachable: { options: { connection: { port: 4 } }, code: 'UNREACHABLE', exit: 3 },
    'a key it does not know': {
      options: { connection: { user: 'nobody', become: 'none' } },
      code: 'AUTH_FAILED',
      exit: 3,
    },
    'another host key than the pinned one': {
      options: {
        hostKeys: [
          { type: 'ssh-ed25519', base64: 'AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ' },
        ],
      },
      code: 'HOST_KEY_CHANGED',
      exit: 3,
    },
    'a host key never seen': { options: { hostKeys: [] }, code: 'HOST_KEY_UNKNOWN', exit: 3 },
    'sudo that wants a password': { options: {}, code: 'BECOME_REFUSED', exit: 3 },
    'sudo with a wrong password': {
      options: { connection: { becomePassword: new Secret('wr0ng-pass', 'sudo') } },
      code: 'BECOME_REFUSED',
      exit: 3,
    },
    'a login that is not root': { options: { connection: { become: 'none' } }, code: 'BECOME_REFUSED', exit: 3 },
  } as const;

  for (const [name, { options, code, exit }] of Object.entries(cases)) {
    it(`${name}: ${code}`, async () => {
      await good.sh('rm -f /srv/marker');
      const { result, events } = await runOnAll({ good, bad }, marker, { bad: options });
      expect(outcomeOf('good', result, events).finished.status).toBe('changed');
      const outcome = outcomeOf('bad', result, events);
      expect(outcome.finished.failure).toMatchObject({ code, hint: expect.any(String) });
      expect(JSON.stringify(events)).not.toContain('wr0ng-pass');
      expect(result.exitCode).toBe(exit);
      expect(await good.sh('cat /srv/marker')).toBe('here\n');
      expect((await bad.exec(['test', '-e', '/srv/marker'])).exitCode).toBe(1);
    });
  }

  it('becomes root with the right password', async () => {
    const options = { connection: { becomePassword: new Secret('tr0ub4dor', 'sudo') } };
    const outcome = await runOn(bad, marker, options);
    expect(outcome.finished).toMatchObject({ status: 'changed' });
    expect(JSON.stringify(outcome.events)).not.toContain('tr0ub4dor');
    expect(await bad.sh('stat -c %U /srv/marker')).toBe('root\n');
  });
});

describe('a host that cannot do what it should', () => {
  it('has a full disk: nothing is changed, and it says so', async () => {
    await using host = await startHost({ tmpfs: { '/var/lib/lab': 'size=1m,mode=700' } });
    await host.sh('head -c 2000000 /dev/zero >/var/lib/lab/filler 2>/dev/null || true');
    const outcome = await runOn(host, marker);
    expect(outcome.finished.failure).toMatchObject({ code: 'JOURNAL' });
    expect(outcome.result.exitCode).toBe(1);
    expect((await host.exec(['test', '-e', '/srv/marker'])).exitCode).toBe(1);
    await host.sh('rm /var/lib/lab/filler');
    expect((await runOn(host, marker)).finished.status).toBe('changed');
  });

  it('has a full target: the file is as before, and the next run goes on', async () => {
    await using host = await startHost({ tmpfs: { '/srv': 'size=1m' } });
    await host.sh('echo before >/srv/marker');
    const large = () => file({ path: '/srv/marker', content: 'x'.repeat(3_000_000) });
    const outcome = await runOn(host, large);
    expect(outcome.finished.failure).toMatchObject({
      code: 'STEP_FAILED',
      hint: expect.stringContaining('disk is full'),
    });
    expect(await host.sh('cat /srv/marker; ls -A /srv')).toBe('before\nmarker\n');
    expect((await runOn(host, marker)).finished.status).toBe('changed');
  });

  it('has a read-only target', async () => {
    await using host = await startHost({ readOnlyMounts: { '/srv': new URL('.', import.meta.url).pathname } });
    const outcome = await runOn(host, marker);
    expect(outcome.finished.failure).toMatchObject({ code: 'STEP_FAILED', hint: expect.stringContaining('read-only') });
    expect(outcome.result.exitCode).toBe(1);
  });

  it('has a command that hangs: it is killed at its deadline', async () => {
    await using host = await startHost();
    const outcome = await runOn(host, () => [slowCommand({ seconds: 600, deadline: 1 }), marker()]);
    expect(outcome.finished.failure).toMatchObject({ code: 'STEP_TIMEOUT', output: expect.stringContaining('begun') });
    expect(outcome.finished.counts).toMatchObject({ failed: 1, notReached: 1 });
    expect(await host.sh('ps -eo args | grep -c "[s]leep 600" || true')).toBe('0\n');
  });
});

describe('a connection lost in the middle', () => {
  it('is made anew, and the run reads on where it was', async () => {
    await using host = await startHost();
    const resources = () => [slowCommand({ seconds: 3, deadline: 60 }), marker()];
    let killed = false;
    const outcome = await runOn(host, resources, {
      onEvent: (event) => {
        if (event.event !== 'resource-output' || killed) return;
        killed = true;
        void host.sh('pkill -f "[s]shd: root" || true');
      },
    });
    expect(outcome.finished.failure).toBeUndefined();
    expect(killed).toBe(true);
    expect(outcome.finished).toMatchObject({ status: 'changed', counts: { changed: 2 } });
    const told = outcome.events.filter(({ event }) => event === 'resource-started' || event === 'resource-finished');
    expect(told.map((event) => [event.event, 'resource' in event && event.resource])).toEqual([
      ['resource-started', expect.stringMatching(/^slow-command:/)],
      ['resource-finished', expect.stringMatching(/^slow-command:/)],
      ['resource-started', 'file:/srv/marker'],
      ['resource-finished', 'file:/srv/marker'],
    ]);
    expect(await host.sh('cat /srv/marker')).toBe('here\n');
    const next = await runOn(host, resources);
    expect(next.finished).toMatchObject({ status: 'ok', counts: { changed: 0 } });
    expect(await host.sh('ls /var/lib/lab/lock 2>&1 || true')).toContain('No such file');
  });
});

it('does not wait for a host that does not answer when it is asked to stop', async () => {
  await using host = await startHost();
  const stop = new AbortController();
  await host.sh(
    'nft add table inet t; nft "add chain inet t i { type filter hook input priority 0; }"; nft add rule inet t i tcp dport 2222 drop',
  );
  // Longer than this test may take.
  const connection = { port: 2222, connectTimeoutSeconds: 600 };
  const onEvent = (event: RunEvent) => void (event.event === 'host-connecting' && stop.abort());
  const outcome = await runOn(host, marker, { stop: stop.signal, connection, onEvent });
  expect(outcome.finished).toMatchObject({ status: 'interrupted', counts: { changed: 0 } });
  expect(outcome.finished.failure).toBeUndefined();
});
