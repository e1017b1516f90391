import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as lab from '../../../src/index.ts';
import type { ResourceTree } from '../../../src/resources/contract.ts';
import { type StartedHost, startHost } from '../../support/host.ts';
import { runOn } from '../../support/run-on.ts';

// A plan is held against what a real host then does: what it called a change is changed, and nothing else.

describe('a plan knows what its own changes make of other resources', () => {
  let host: StartedHost;
  beforeAll(async () => {
    host = await startHost();
  });
  afterAll(() => host?.remove());

  /** Resource → outcome of the first plan. What a plan does not know yet may turn out either way. */
  async function converge(resources: () => ResourceTree): Promise<Record<string, string>> {
    const check = await runOn(host, resources, { mode: 'check' });
    expect(check.finished.failure).toBeUndefined();
    const done = await runOn(host, resources);
    expect(done.finished.failure).toBeUndefined();
    expect(done.finished.counts.differences).toBe(0);
    expect((await runOn(host, resources)).finished).toMatchObject({ status: 'ok', counts: { changed: 0 } });
    return Object.fromEntries(check.planned.map(({ resource, outcome }) => [resource, outcome]));
  }

  it('of the owner of files, when a user and a group get other numbers', async () => {
    await host.sh(`groupadd --gid 1500 media; useradd --create-home --uid 1400 --user-group ada
      echo x >/srv/of-ada; chown ada:media /srv/of-ada; echo x >/home/ada/note; chown ada:media /home/ada/note
      echo x >/srv/of-nobody; chown 1401:1501 /srv/of-nobody`);
    const outcomes = await converge(() => [
      lab.group({ name: 'media', gid: 1501 }),
      lab.user({ name: 'ada', uid: 1401 }),
      lab.file({ path: '/srv/of-ada', content: 'x\n', owner: 'ada', group: 'media' }),
      lab.file({ path: '/home/ada/note', content: 'x\n', owner: 'ada', group: 'ada' }),
      lab.directory({ path: '/home/ada', owner: 'ada', group: 'ada', mode: '0700' }),
      lab.file({ path: '/srv/of-nobody', content: 'x\n', owner: 'ada', group: 'media' }),
    ]);
    expect(outcomes).toMatchObject({ 'file:/srv/of-ada': 'change', 'file:/srv/of-nobody': 'in-sync' });
    expect(await host.sh('stat -c %U:%G:%u:%g /srv/of-ada /home/ada/note /home/ada')).toMatch(
      /^ada:media:1401:1501\nada:ada:1401:\d+\nada:ada:1401:\d+\n$/,
    );
  });

  it('of the group of files in a home, when the user gets another', async () => {
    await host.sh(
      'groupadd staff2; useradd --create-home --user-group bob; echo x >/home/bob/note; chown bob:bob /home/bob/note',
    );
    const outcomes = await converge(() => [
      lab.user({ name: 'bob', primaryGroup: 'staff2' }),
      lab.file({ path: '/home/bob/note', content: 'x\n', owner: 'bob', group: 'staff2' }),
    ]);
    expect(outcomes).toMatchObject({ 'user:bob': 'change', 'file:/home/bob/note': 'known-after-apply' });
    expect(await host.sh('stat -c %U:%G /home/bob/note')).toBe('bob:staff2\n');
  });

  it('of what is below a directory that goes, and below a link that is turned', async () => {
    await host.sh(`mkdir -p /srv/old/a /srv/r1 /srv/r2; echo x >/srv/old/a/conf; ln -s r1 /srv/current
      echo x | tee /srv/r1/same /srv/r2/same >/srv/r1/conf; echo y >/srv/r2/conf`);
    const outcomes = await converge(() => [
      lab.mount({ path: '/mnt/scratch', source: 'tmpfs', type: 'tmpfs', options: ['mode=0711'] }),
      lab.absent({ path: '/srv/old', recursive: true }),
      lab.file({ path: '/srv/old/a/conf', state: 'absent' }),
      lab.symlink({ path: '/srv/current', target: 'r2' }),
      lab.file({ path: '/srv/current/same', content: 'x\n' }),
      lab.file({ path: '/srv/current/conf', content: 'x\n' }),
      lab.directory({ path: '/mnt/scratch', mode: '0755' }),
    ]);
    expect(outcomes).toEqual({
      'absent:/srv/old': 'change',
      'file:/srv/old/a/conf': 'in-sync',
      'symlink:/srv/current': 'change',
      'file:/srv/current/same': 'known-after-apply',
      'file:/srv/current/conf': 'known-after-apply',
      'mount:/mnt/scratch': 'change',
      'directory:/mnt/scratch': 'known-after-apply',
    });
    expect(await host.sh('cat /srv/r2/conf; stat -c %a /mnt/scratch')).toBe('x\n755\n');
  });
});
