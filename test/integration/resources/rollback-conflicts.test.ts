import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ResourceTree } from '../../../src/resources/contract.ts';
import { directory } from '../../../src/resources/directory.ts';
import { file } from '../../../src/resources/file.ts';
import { line } from '../../../src/resources/line.ts';
import { unit } from '../../../src/resources/unit.ts';
import { user } from '../../../src/resources/user.ts';
import { readOwnFile } from '../../../src/shared/own-package.ts';
import { functionsOf } from '../../../src/shared/shell-functions.ts';
import { type StartedHost, startHost } from '../../support/host.ts';
import { rollBackOn, rolledBack } from '../../support/revert.ts';
import { runOn } from '../../support/run-on.ts';

vi.setConfig({ testTimeout: 120_000 });

let host: StartedHost;
beforeAll(async () => {
  host = await startHost({ packages: ['acl', 'attr'] });
});
afterAll(() => host?.remove());
beforeEach(async () => {
  await host.sh(`rm -rf /var/lib/lab /srv/* && printf 'before\\n' >/srv/was && mkdir /srv/kept && echo mine >/srv/kept/mine
    userdel -f guest 2>/dev/null; useradd -s /bin/sh guest`);
});

const apply = async (role: string, resources: () => ResourceTree, options: { prune?: boolean } = {}) => {
  const outcome = await runOn(host, resources, { role, ...options });
  expect(outcome.finished.failure).toBeUndefined();
  return outcome.result.run;
};
const refused = async (selection: { role?: string; run?: string } = {}) => {
  const outcome = await rollBackOn(host, selection);
  expect(outcome.finished).toMatchObject({ status: 'failed', failure: { code: 'ROLLBACK_REFUSED' } });
  return outcome.finished.failure?.found;
};
const look = (command: string) => host.sh(command);

describe('what was changed since', () => {
  test('by hand: content', async () => {
    await apply('web', () => file({ path: '/srv/was', content: 'ours\n' }));
    await look('echo by hand >/srv/was');
    expect(await refused()).toBe('/srv/was: changed by hand');
    expect(await look('cat /srv/was')).toBe('by hand\n');
    const { notices } = await rolledBack(host, {}, { force: true });
    expect(notices.join()).toContain('/srv/was: changed by hand since; it is overwritten');
    expect(await look('cat /srv/was')).toBe('before\n');
  });

  test('by hand: the mode that was set; another content is no reason then', async () => {
    await apply('web', () => file({ path: '/srv/was', content: 'before\n', mode: '0600' }));
    await look('chmod 640 /srv/was');
    expect(await refused()).toBe('/srv/was: changed by hand');
    await look('chmod 600 /srv/was && echo more >>/srv/was');
    await rolledBack(host);
    expect(await look('stat -c %a /srv/was; cat /srv/was')).toBe('644\nbefore\nmore\n');
  });

  test('by hand: removed, and a folder that was made anew', async () => {
    await apply('web', () => [
      file({ path: '/srv/new', content: 'x\n' }),
      directory({ path: '/srv/kept', mode: '0700' }),
    ]);
    await look('rm /srv/new; rm -r /srv/kept; mkdir -m 750 /srv/kept');
    expect(await refused()).toBe('/srv/new: changed by hand; /srv/kept: changed by hand');
  });

  test('after a rollback: the rollback of the rollback is refused as well', async () => {
    await apply('web', () => file({ path: '/srv/was', content: 'ours\n' }));
    const { run } = await rolledBack(host);
    await look('echo by hand >/srv/was');
    expect(await refused({ run })).toBe('/srv/was: changed by hand');
    await rolledBack(host, { run }, { force: true });
    expect(await look('cat /srv/was')).toBe('ours\n');
  });

  test('by another role, which is named', async () => {
    await apply('web', () => file({ path: '/srv/was', content: 'ours\n' }));
    const later = await apply('logs', () => line({ path: '/srv/was', line: 'more' }));
    expect(await refused({ role: 'web' })).toBe(`/srv/was: changed by run ${later} (role logs)`);
    await rolledBack(host, { role: 'logs' });
    await rolledBack(host, { role: 'web' });
    expect(await look('cat /srv/was')).toBe('before\n');
  });

  test('by another role, where there is no file to look at', async () => {
    const first = await apply('people', () => user({ name: 'guest', shell: '/bin/bash' }));
    const later = await apply('games', () => user({ name: 'guest', shell: '/usr/sbin/nologin' }));
    expect(await refused({ run: first })).toBe(`user guest: changed by run ${later} (role games)`);
    await rolledBack(host, { run: later });
    await rolledBack(host, { run: first });
    expect(await look('getent passwd guest | cut -d: -f7')).toBe('/bin/sh\n');
  });

  test('by nobody: the next rollback goes on to the run before, past restarts', async () => {
    await apply('web', () => file({ path: '/srv/one', content: '1\n' }));
    await apply('web', () => {
      const conf = file({ path: '/srv/two', content: '2\n' });
      return [conf, unit({ name: 'cron' }, { restartOn: [conf] })];
    });
    await rolledBack(host, { role: 'web' });
    expect(await look('ls /srv')).toBe('kept\none\nwas\n');
    await rolledBack(host, { role: 'web' });
    expect(await look('ls /srv')).toBe('kept\nwas\n');
  });
});

describe('what is no longer declared', () => {
  const none = () => [];

  const forgetRuns = async () => {
    const functions = [
      functionsOf(readOwnFile('remote/prelude.sh'), ['lab_line_of']),
      functionsOf(readOwnFile('remote/control.sh'), ['lab_runs_in_order', 'lab_prune']),
    ];
    const { stdout } = await host.exec(['sh', '-s'], `${functions.join('\n')}\nLAB_STATE=/var/lib/lab\nlab_prune 1`);
    return stdout.trim().split('\n');
  };

  test('goes, or is as before the first run, after several of them and when runs were forgotten', async () => {
    await look('chmod 604 /srv/was');
    let third = '';
    for (const [content, mode] of [
      ['one\n', '0604'],
      ['two\n', '0600'],
      ['three\n', '0640'],
    ] as const)
      third = await apply('web', () => [
        file({ path: '/srv/was', content, mode }),
        directory({ path: '/srv/new', mode: '0755' }),
        ...(content === 'one\n' ? [] : [file({ path: '/srv/new/file', content })]),
        directory({ path: '/srv/kept', mode: content === 'one\n' ? '0755' : '0700' }),
      ]);
    await apply('other', () => file({ path: '/srv/other', content: 'x\n' }), { prune: false });
    // The third only changed again what earlier ones had changed.
    expect(await forgetRuns()).toEqual([third]);
    await apply('web', none, { prune: true });
    expect(await look('ls /srv; stat -c %a /srv/was /srv/kept; cat /srv/was /srv/kept/mine')).toBe(
      'kept\nwas\n604\n755\nbefore\nmine\n',
    );
  });

  test('of several runs, whatever the order in which it is declared', async () => {
    const made = () => directory({ path: '/srv/a-folder' });
    await apply('web', made);
    await apply('web', () => [
      file({ path: '/srv/0', content: '0\n' }),
      made(),
      file({ path: '/srv/a-folder/f', content: 'f\n' }),
    ]);
    await apply('web', () => [file({ path: '/srv/a-folder/f', content: 'f\n' }), made()].reverse());
    await apply('web', none, { prune: true });
    expect(await look('ls /srv')).toBe('kept\nwas\n');
  });

  test('what lab never changed stays, also when it was declared', async () => {
    await look('echo same >/srv/same');
    await apply('web', () => [
      file({ path: '/srv/same', content: 'same\n' }),
      file({ path: '/srv/x', content: 'x\n' }),
    ]);
    await look('echo stranger >/srv/stranger');
    await apply('web', none, { prune: true });
    expect(await look('ls /srv; cat /srv/same')).toBe('kept\nsame\nstranger\nwas\nsame\n');
  });
});

test('ACLs and extended attributes stay with a file that gets another content', async () => {
  await look('setfacl -m u:games:r /srv/was && setfattr -n user.note -v kept /srv/was');
  const before = await look('getfacl -p /srv/was; getfattr -d /srv/was 2>/dev/null');
  await apply('web', () => file({ path: '/srv/was', content: 'ours\n', mode: '0644' }));
  expect(await look('getfacl -p /srv/was; getfattr -d /srv/was 2>/dev/null')).toBe(before);
});
