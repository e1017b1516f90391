import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { file } from '../../../src/resources/file.ts';
import { packages } from '../../../src/resources/package.ts';
import { unit } from '../../../src/resources/unit.ts';
import { Secret } from '../../../src/shared/secret.ts';
import { type StartedHost, startHost } from '../../support/host.ts';
import { runOn } from '../../support/run-on.ts';
import { fileSystemOf } from '../../support/snapshot.ts';

/** A small package that brings a unit, a system user and a configuration file, and starts at once. */
const tinyproxy = () => {
  const installed = packages({ name: 'tinyproxy' });
  const configuration = file({
    path: '/etc/tinyproxy/tinyproxy.conf',
    content:
      'User tinyproxy\nGroup tinyproxy\nPort 9999\nTimeout 600\nAllow 127.0.0.1\nPidFile "/run/tinyproxy/tinyproxy.pid"\n',
  });
  return [
    installed,
    configuration,
    unit({ name: 'tinyproxy.service', state: 'running', enabled: true }, { restartOn: [configuration] }),
  ];
};

describe('a bare host where package, file and unit depend on each other', () => {
  let host: StartedHost;
  beforeAll(async () => {
    host = await startHost();
  });
  afterAll(() => host?.remove());

  it('is only read by a check, which says what the run then does', async () => {
    const before = await fileSystemOf(host);
    const check = await runOn(host, tinyproxy, { mode: 'check' });
    expect(check.finished.failure).toBeUndefined();
    expect(check.result.exitCode).toBe(2);
    expect(check.finished.roundTrips).toBeLessThanOrEqual(2);
    expect(await fileSystemOf(host)).toBe(before);
    expect(check.planned.map(({ resource, outcome }) => [resource, outcome])).toEqual([
      ['package:tinyproxy', 'change'],
      // Its folder comes with the package, and perhaps the file too.
      ['file:/etc/tinyproxy/tinyproxy.conf', 'known-after-apply'],
      ['unit:tinyproxy.service', 'known-after-apply'],
    ]);

    const done = await runOn(host, tinyproxy);
    expect(done.finished.failure).toBeUndefined();
    expect(done.finished).toMatchObject({ status: 'changed', counts: { differences: 0, total: 3 } });
    expect(done.changed).toContain('unit:tinyproxy.service');
    // The restart took place: the port is that of our file, seen from the host's own socket table (9999 is 0x270F).
    await expect.poll(() => host.sh('cat /proc/net/tcp /proc/net/tcp6')).toContain(':270F');
    expect(await host.sh('ls -A /var/lib/lab/pending')).toBe('');

    const again = await runOn(host, tinyproxy);
    expect(again.finished).toMatchObject({ status: 'ok', roundTrips: 1, counts: { changed: 0, inSync: 3 } });
  });

  it('keeps a restart that was not reached for the next run', async () => {
    const changed = (broken: boolean) => () => {
      const [installed] = tinyproxy();
      const configuration = file({
        path: '/etc/tinyproxy/tinyproxy.conf',
        content:
          'User tinyproxy\nGroup tinyproxy\nPort 9998\nTimeout 600\nAllow 127.0.0.1\nPidFile "/run/tinyproxy/tinyproxy.pid"\n',
      });
      return [
        installed,
        configuration,
        broken && file({ path: '/srv/broken', content: 'x', validate: ['false', '%s'] }),
        unit({ name: 'tinyproxy.service', state: 'running', enabled: true }, { restartOn: [configuration] }),
      ];
    };
    const failed = await runOn(host, changed(true));
    expect(failed.finished.failure).toMatchObject({ code: 'STEP_FAILED' });
    expect(failed.finished).toMatchObject({ status: 'failed', counts: { changed: 1, failed: 1, notReached: 1 } });
    expect(await host.sh('cat /proc/net/tcp /proc/net/tcp6')).not.toContain(':270E');

    const next = await runOn(host, changed(false));
    expect(next.changed).toEqual(['unit:tinyproxy.service']);
    await expect.poll(() => host.sh('cat /proc/net/tcp /proc/net/tcp6')).toContain(':270E');
    expect((await runOn(host, changed(false))).finished.status).toBe('ok');
  });

  it('ends after the step under way when it is asked to stop, and says what was not reached', async () => {
    const stop = new AbortController();
    // The step under way goes on until the host has been asked.
    const asked = 'until [ -e "$LAB_ACTION_DIR/../stop" ]; do sleep 0.1; done';
    const files = (validate?: string[]) => () =>
      ['a', 'b', 'c'].map((name) => file({ path: `/srv/${name}`, content: name, validate }));
    const outcome = await runOn(host, files(['sh', '-c', asked, '%s']), {
      stop: stop.signal,
      onEvent: (event) => {
        if (event.event === 'resource-started') stop.abort();
      },
    });
    expect(outcome.finished.status).toBe('interrupted');
    expect(outcome.result.exitCode).toBe(130);
    expect(outcome.changed).toEqual(['file:/srv/a']);
    expect(outcome.finished.counts.notReached).toBe(2);
    expect((await runOn(host, files())).changed).toEqual(['file:/srv/b', 'file:/srv/c']);
  });

  it('lets one of two runs at once through, and names the other', async () => {
    const untilTold = 'until [ -e /run/go ]; do sleep 0.1; done';
    const slow = () =>
      file({ path: '/srv/slow', content: `${Math.random()}`, validate: ['sh', '-c', untilTold, '%s'] });
    let begun = () => {};
    const underWay = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const first = runOn(host, slow, { onEvent: ({ event }) => event === 'resource-started' && begun() });
    await Promise.race([underWay, first]);
    const second = await runOn(host, slow);
    await host.sh('touch /run/go');
    expect(second.finished.failure).toMatchObject({
      code: 'HOST_LOCKED',
      found: expect.stringContaining((await first).result.run),
    });
    expect((await first).finished.status).toBe('changed');
  });
});

describe('a secret', () => {
  it('shows nowhere: not in arguments, events, errors, nor in files that others can read', async () => {
    await using host = await startHost();
    const canary = 'c4n4ry-9b1f77';
    await host.sh(`cat >/usr/local/bin/watch-arguments <<'EOF'
while :; do cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | grep -a 'c4n4r[y]-9b' >>/run/seen; done
EOF
setsid sh /usr/local/bin/watch-arguments >/dev/null 2>&1 </dev/null &`);
    const resources = (validate: string[]) => () => [
      file({ path: '/etc/first.secret', content: new Secret(`password=${canary}\n`, 'first') }),
      file({ path: '/etc/second.secret', content: new Secret(`${canary}\n`, 'second'), validate }),
    ];
    const failed = await runOn(host, resources(['sh', '-c', 'cat "$0"; exit 1', '%s']));
    const good = await runOn(host, resources(['test', '-s', '%s']));
    expect(good.finished.failure).toBeUndefined();
    expect(good.finished.status).toBe('changed');
    const changed = await runOn(host, () =>
      file({ path: '/etc/first.secret', content: new Secret(`${canary}-new\n`, 'first') }),
    );

    for (const { events } of [failed, good, changed]) expect(JSON.stringify(events)).not.toContain(canary);
    expect(failed.finished.failure?.output).toContain('‹secret›');
    expect(await host.sh('cat /run/seen 2>/dev/null || true')).toBe('');
    await host.sh(`pkill -f 'watch-argument[s]'; rm -f /run/seen`);
    expect(await host.sh(`cat /etc/first.secret; stat -c %a /etc/first.secret`)).toBe(`${canary}-new\n600\n`);
    const readable = await host.sh(
      `runuser -u nobody -- sh -c 'grep -rlsa ${canary} / --exclude-dir=proc --exclude-dir=sys 2>/dev/null' || true`,
    );
    expect(readable).toBe('');
    expect(await host.sh('stat -c %a /var/lib/lab')).toBe('700\n');
  });
});
