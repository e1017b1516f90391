import { expect, it } from 'vitest';
import { file } from '../../../src/resources/file.ts';
import { rebootIfRequired } from '../../../src/resources/reboot.ts';
import { startHost } from '../../support/host.ts';
import { runOn } from '../../support/run-on.ts';

it('reboots when an update asks for it, waits, and goes on with the rest', async () => {
  await using host = await startHost({ restart: true });
  await host.sh('touch /run/reboot-required; echo before >/run/volatile');
  // Past SSH: the engine may give a container that starts again another address.
  const connection = { transport: 'docker', address: host.container } as const;
  const resources = () => [
    file({ path: '/srv/first', content: 'first\n' }),
    rebootIfRequired({}),
    file({ path: '/srv/after', content: 'after\n' }),
  ];
  const check = await runOn(host, resources, { mode: 'check', connection });
  expect(check.planned.map(({ outcome }) => outcome)).toEqual(['change', 'change', 'change']);

  const outcome = await runOn(host, resources, { connection });
  expect(outcome.finished.failure).toBeUndefined();
  expect(outcome.finished).toMatchObject({ status: 'changed', counts: { changed: 3, differences: 0 } });
  // /run is new at every boot.
  expect((await host.exec(['test', '-e', '/run/volatile'])).exitCode).toBe(1);
  expect(await host.sh('cat /srv/first /srv/after')).toBe('first\nafter\n');
  expect((await runOn(host, resources, { connection })).finished.status).toBe('ok');
}, 120_000);
