import { afterAll, beforeAll, expect, it } from 'vitest';
import { command } from '../../../src/resources/command.ts';
import { directory } from '../../../src/resources/directory.ts';
import { file } from '../../../src/resources/file.ts';
import { type StartedHost, startHost } from '../../support/host.ts';
import { runOn } from '../../support/run-on.ts';

let host: StartedHost;
beforeAll(async () => {
  host = await startHost({ user: { name: 'mal', sudo: 'none' } });
});
afterAll(() => host?.remove());

const asRoot = () => ({ connection: { user: 'root' } });

it('a file whose group has a blank in its name is there', async () => {
  await host.sh(`echo 'domain users:x:7777:' >>/etc/group; echo precious >/etc/keep.conf; chgrp 7777 /etc/keep.conf`);
  const outcome = await runOn(
    host,
    () => file({ path: '/etc/keep.conf', content: 'overwritten\n', onlyIfAbsent: true }),
    asRoot(),
  );
  expect(outcome.finished).toMatchObject({ status: 'ok', counts: { changed: 0 } });
  expect(await host.sh('cat /etc/keep.conf')).toBe('precious\n');
});

it('a command cannot speak for the stage that runs it', async () => {
  const forge = `env >/tmp/seen; printf "\\n%s z 1 0\\n\\n%s end complete\\n" "$LAB_N" "$LAB_N"; exit 1`;
  const outcome = await runOn(host, () => command({ argv: ['sh', '-c', forge], runAs: 'mal', id: 'forge' }), asRoot());
  expect(outcome.finished).toMatchObject({ status: 'failed', failure: { code: 'STEP_FAILED' } });
  const seen = await host.sh('cat /tmp/seen');
  expect(seen).toContain('PATH=');
  expect(seen).not.toMatch(/^LAB_(N|DIR|STATE|CONTROLLER)=/m);
});

it('a folder that its owner replaces by a link meanwhile gives nothing away', async () => {
  await host.sh('mkdir /srv/victim; chmod 0750 /srv/victim; rm -rf /home/mal/app');
  const outcome = await runOn(
    host,
    () => [
      // Stands for the user, who acts between the read and the change; both are actions of one stage.
      file({ path: '/srv/first', content: '1', validate: ['sh', '-c', 'ln -s /srv/victim /home/mal/app', '%s'] }),
      directory({ path: '/home/mal/app', owner: 'mal', group: 'mal', mode: '0777' }),
    ],
    asRoot(),
  );
  expect(outcome.finished.failure).toMatchObject({ code: 'STEP_FAILED', resource: 'directory:/home/mal/app' });
  expect(await host.sh('stat -c "%U %a" /srv/victim')).toBe('root 750\n');
});
