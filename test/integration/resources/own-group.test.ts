import { expect, it } from 'vitest';
import { user } from '../../../src/resources/user.ts';
import { startHost } from '../../support/host.ts';
import { runOn } from '../../support/run-on.ts';

it('a user may name the group that comes along with it', async () => {
  await using host = await startHost();
  const resources = () => [
    user({ name: 'primary', primaryGroup: 'primary' }),
    user({ name: 'member', groups: ['member', 'users'] }),
  ];
  const first = await runOn(host, resources);
  expect(first.finished.failure).toBeUndefined();
  expect(await host.sh('id -gn primary; id -Gn member')).toBe('primary\nmember users\n');
  expect((await runOn(host, resources)).finished).toMatchObject({ status: 'ok', counts: { changed: 0 } });
});
