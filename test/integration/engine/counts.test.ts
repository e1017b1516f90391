import { expect, it } from 'vitest';
import { file } from '../../../src/resources/file.ts';
import { unit } from '../../../src/resources/unit.ts';
import { startHost } from '../../support/host.ts';
import { runOn } from '../../support/run-on.ts';

it('counts what a guard took back as not reached, and what was changed before it once', async () => {
  await using host = await startHost();
  const resources = () => {
    const conf = file({ path: '/etc/ssh/sshd_config.d/10-lab.conf', content: 'Port 2222\n' });
    return [
      file({ path: '/srv/before', content: 'before\n' }),
      conf,
      unit({ name: 'ssh', state: 'running' }, { restartOn: [conf] }),
      file({ path: '/srv/after', content: 'after\n' }),
    ];
  };
  const { finished, events } = await runOn(host, resources, { guardSeconds: 5 });
  expect(finished).toMatchObject({
    status: 'reverted',
    counts: { total: 4, changed: 1, inSync: 0, failed: 0, notReached: 3 },
    failure: { code: 'GUARD_REVERTED', message: 'no fresh login within 5 s: everything was taken back' },
  });
  const undone = events.flatMap((event) => (event.event === 'resource-undone' ? [event] : []));
  expect(undone.map(({ resource, complete }) => [resource, complete])).toEqual([
    ['unit:ssh.service', true],
    ['file:/etc/ssh/sshd_config.d/10-lab.conf', true],
  ]);
}, 60_000);

it('counts what is no longer declared as a change when it is pruned, and as left when it is not', async () => {
  await using host = await startHost();
  await host.sh('echo found >/srv/found');
  const kept = file({ path: '/srv/kept', content: 'kept\n' });
  const all = () => [
    kept,
    file({ path: '/srv/made', content: 'made\n' }),
    file({ path: '/srv/found', content: 'lab\n' }),
  ];
  await runOn(host, all);
  const run = (mode: 'run' | 'check', prune: boolean) => runOn(host, () => [kept], { mode, prune });

  const orphans = [
    { resource: 'file:/srv/found', role: null },
    { resource: 'file:/srv/made', role: null },
  ];
  const left = await run('check', false);
  expect(left.finished).toMatchObject({ status: 'ok', counts: { inSync: 1, changed: 0, orphans: 2 } });
  expect(left.events).toContainEqual(expect.objectContaining({ event: 'host-planned', stage: 1, orphans }));
  expect(left.events[0]).not.toHaveProperty('prune');

  const would = await run('check', true);
  expect(would.events[0]).toMatchObject({ event: 'run-started', prune: true });
  expect(would.finished).toMatchObject({ status: 'would-change', counts: { inSync: 1, changed: 2, orphans: 0 } });

  const pruned = await run('run', true);
  expect(pruned.finished).toMatchObject({ status: 'changed', counts: { total: 1, inSync: 1, changed: 2, orphans: 0 } });
  expect(await host.sh('ls /srv; cat /srv/found')).toBe('found\nkept\nfound\n');
  expect((await run('run', false)).finished).toMatchObject({ status: 'ok', counts: { inSync: 1, orphans: 0 } });
}, 60_000);
