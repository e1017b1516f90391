import { chmodSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type StartedHost, startHost } from '../../support/host.ts';
import { inventoryFiles, type LabProject, labProject, playbook } from '../../support/lab-project.ts';
import { type NotifiedServer, notifiedServer } from '../../support/notified-server.ts';

// A host that somebody changes by hand, and a schedule that finds it.

const canary = 'CANARY-7f3a-drift';

let alpha: StartedHost;
let beta: StartedHost;
let project: LabProject;
let server: NotifiedServer;

beforeAll(async () => {
  [alpha, beta] = await Promise.all([startHost(), startHost()]);
  project = labProject({
    ...inventoryFiles({ alpha, beta }),
    'playbooks/site.ts': playbook(`
        lab.file({ path: '/srv/page', content: 'one\\ntwo\\n', mode: '0644' }),
        lab.file({ path: '/srv/token', content: lab.secret('app.token') }),
        lab.file({ path: '/srv/config', content: lab.secretText\`token = \${lab.secret('app.token')}\\n\` }),
        lab.command({ argv: ['date'] }),
    `),
    tell: '#!/bin/sh\ncat >told.json\nenv | grep ^LAB_ >told.env\necho heard\n',
  });
  chmodSync(join(project.root, 'tell'), 0o755);
  expect((await project.lab(['secrets', 'init'])).exitCode).toBe(0);
  expect((await project.lab(['secrets', 'set', 'app.token'], { input: `${canary}\n` })).exitCode).toBe(0);
  expect((await project.lab(['run', 'site', '--no-type-check'])).exitCode).toBe(0);
});
afterAll(async () => {
  project?.remove();
  await Promise.all([alpha?.remove(), beta?.remove(), server?.[Symbol.asyncDispose]()]);
});
beforeEach(async () => {
  await server?.[Symbol.asyncDispose]();
  server = await notifiedServer();
});

const env = { LAB_NOTIFY_TOKEN: 'tk_CANARY_of_ntfy' };
const drift = async (...options: readonly string[]) => {
  const outcome = await project.lab(['drift', 'site', '--no-type-check', ...options], { env });
  expect(outcome.stdout + outcome.stderr).not.toContain('CANARY');
  return outcome;
};
const converge = () => project.lab(['run', 'site', '--no-type-check']);
const spoil = () => alpha.sh("printf 'one\\n2\\n' >/srv/page; chmod 666 /srv/page");
const bodies = () => server.deliveries.map(({ body }) => body);

describe('lab drift', () => {
  it('has nothing to tell while all is as declared', async () => {
    expect(await drift('--notify-url', server.url, '--notify-command', 'tell')).toEqual({
      exitCode: 0,
      stdout: '2 hosts as declared\n',
      stderr: '',
    });
    expect(bodies()).toEqual([]);
    expect(project.exists('told.json')).toBe(false);
    await drift('--notify-url', server.url, '--notify-always');
    expect(bodies()).toEqual(['2 hosts as declared']);
  });

  it('finds what was changed by hand, leaves it as it is, and tells', async () => {
    await spoil();
    const { exitCode, stdout, stderr } = await drift('--notify-url', server.url, '--notify-command', './tell');
    expect({ exitCode, stdout, stderr }).toEqual({
      exitCode: 2,
      stdout: `alpha
  ~ file /srv/page  content +1 −1 lines · mode 0666 → 0644

1 resource drifted on 1 host, 1 host as declared
`,
      stderr: 'heard\n',
    });
    expect(bodies()).toEqual([stdout.trimEnd()]);
    expect(server.deliveries[0]?.headers).toMatchObject({
      title: 'site: 1 resource drifted on 1 host, 1 host as declared',
      priority: 'default',
      authorization: `Bearer ${env.LAB_NOTIFY_TOKEN}`,
    });
    expect(await alpha.sh('cat /srv/page; stat -c %a /srv/page')).toBe('one\n2\n666\n');
    expect(JSON.parse(project.read('told.json'))).toMatchObject({
      version: 1,
      playbook: 'site',
      status: 'drifted',
      exitCode: 2,
      hosts: {
        alpha: {
          status: 'drifted',
          drifted: [
            {
              resource: 'file:/srv/page',
              changes: [
                { attribute: 'content', before: 'one\n2\n', after: 'one\ntwo\n' },
                { attribute: 'mode', before: '0666', after: '0644' },
              ],
            },
          ],
        },
        beta: { status: 'as-declared', drifted: [] },
      },
    });
    expect(project.read('told.env')).toContain('LAB_DRIFT_HOSTS=1\n');
    expect(project.read('told.env')).not.toContain('CANARY');
  });

  it('shows how contents differ with --diff, and gives one JSON document', async () => {
    expect((await drift('--diff')).stdout).toMatch(/│ -2\n.*│ \+two\n/);
    const { exitCode, stdout } = await drift('--output', 'json');
    expect(exitCode).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ version: 1, counts: { hosts: 2, drifted: 1 } });
  });

  it('takes --limit, as run does', async () => {
    expect(await drift('--limit', 'beta')).toMatchObject({ exitCode: 0, stdout: '1 host as declared\n' });
  });

  it('tells the same drift once with --notify-on-change, another again, and when it is gone', async () => {
    const hourly = () => drift('--notify-url', server.url, '--notify-on-change');
    const told = async () => {
      const before = server.deliveries.length;
      const { exitCode } = await hourly();
      return { exitCode, titles: server.deliveries.slice(before).map(({ headers }) => headers.title) };
    };
    const first = 'site: 1 resource drifted on 1 host, 1 host as declared';
    expect(await told()).toEqual({ exitCode: 2, titles: [first] });
    expect(await told()).toEqual({ exitCode: 2, titles: [] });
    await alpha.sh('chmod 600 /srv/page');
    expect(await told()).toEqual({ exitCode: 2, titles: [first] });
    expect((await converge()).exitCode).toBe(0);
    expect(await told()).toEqual({ exitCode: 0, titles: ['site: 2 hosts as declared again'] });
    expect(await told()).toEqual({ exitCode: 0, titles: [] });
  });

  it('keeps secrets out of all that it says, and out of what it remembers', async () => {
    await alpha.sh("printf 'CANARY of before' >/srv/token; echo 'token = x' >/srv/config");
    const options = ['--diff', '--notify-url', server.url, '--notify-command', 'tell', '--notify-on-change'];
    expect((await drift(...options)).exitCode).toBe(2);
    expect((await drift('--output', 'json')).exitCode).toBe(2);
    expect(bodies()).toEqual([expect.stringMatching(/file \/srv\/token .*‹secret›/)]);
    const said = bodies().join('') + project.read('told.json') + project.read('told.env');
    expect(said).not.toContain('CANARY');
    const state = join(project.root, 'home/state/lab');
    for (const name of readdirSync(state)) expect(readFileSync(join(state, name), 'utf8')).not.toContain('CANARY');
    expect((await converge()).exitCode).toBe(0);
  });
});

describe('notifiers that fail', () => {
  it('are told on stderr, leave the exit code, and are asked again the next time', async () => {
    await spoil();
    await server[Symbol.asyncDispose]();
    server = await notifiedServer(403);
    project.write('broken', '#!/bin/sh\nexit 9\n');
    chmodSync(join(project.root, 'broken'), 0o755);
    const hourly = () => drift('--notify-url', server.url, '--notify-command', 'broken', '--notify-on-change');
    const { exitCode, stderr } = await hourly();
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(
      /^lab drift: could not notify: --notify-command: exit code 9\nlab drift: could not notify: --notify-url: http:\/\/127\.0\.0\.1:\d+ answers 403 Forbidden\n$/,
    );
    project.write('broken', '#!/bin/sh\nexit 0\n');
    expect(await hourly()).toMatchObject({ exitCode: 2, stderr: '' });
    await hourly();
    expect(bodies()).toHaveLength(2);
    expect((await converge()).exitCode).toBe(0);
  });

  it('are refused before any host is asked when they could never tell', async () => {
    project.write('token', 'tk_CANARY\n');
    chmodSync(join(project.root, 'token'), 0o644);
    for (const [options, message] of [
      [['--notify-url', server.url, '--notify-token-file', 'token'], 'others on this machine can read the token'],
      [['--notify-url', 'https://ada:CANARY@127.0.0.1/'], 'holds a user name or password'],
      [['--notify-command', 'nothing'], '--notify-command names no program'],
      [['--notify-on-change'], '--notify-on-change needs --notify-url or --notify-command'],
      [['--notify-token-file', 'token'], '--notify-token-file needs --notify-url'],
      [['--notify-command', 'tell', '--notify-on-change', '--notify-always'], 'cannot be used with'],
    ] as const) {
      const { exitCode, stdout, stderr } = await drift(...options);
      expect({ exitCode, stdout }).toEqual({ exitCode: 4, stdout: '' });
      expect(stderr).toContain(message);
    }
    chmodSync(join(project.root, 'token'), 0o600);
    await drift('--notify-always', '--notify-url', server.url, '--notify-token-file', 'token');
    expect(server.deliveries[0]?.headers.authorization).toBe('Bearer tk_CANARY');
  });
});

describe('a check that cannot look', () => {
  it('tells a host that is out of reach', async () => {
    await beta.sh('systemctl stop ssh.socket ssh');
    const { exitCode, stdout } = await drift('--notify-url', server.url);
    await beta.sh('systemctl start ssh');
    expect(exitCode).toBe(3);
    expect(stdout).toMatch(/^beta\n {2}⚠ UNREACHABLE: .*\n(.*\n)*\n1 host unreachable, 1 host as declared\n$/);
    expect(bodies()).toEqual([stdout.trimEnd()]);
    expect(server.deliveries[0]?.headers.priority).toBe('high');
  });

  it.each([
    ['a mistake in the playbook', "lab.secret('app.tokne'),", 'SECRET_MISSING', 4],
    [
      'code that throws, with a secret in what it says',
      `((): never => { throw new Error('${canary}'); })(),`,
      'PLAYBOOK_LOAD',
      4,
    ],
  ])('tells of %s', async (_, resources, code, exitCode) => {
    project.write('playbooks/mistaken.ts', playbook(resources));
    const argv = ['drift', 'mistaken', '--no-type-check', '--notify-url', server.url, '--notify-command', 'tell'];
    const outcome = await project.lab([...argv, '--output', 'json'], { env });
    expect(outcome.exitCode).toBe(exitCode);
    expect(outcome.stderr).toContain(`${code}: `);
    expect(JSON.parse(outcome.stdout)).toMatchObject({
      version: 1,
      status: 'error',
      exitCode,
      hosts: {},
      error: { code },
    });
    expect(bodies()).toEqual([expect.stringMatching(new RegExp(`^${code}: [^]*playbooks/mistaken\\.ts:12`))]);
    expect(server.deliveries[0]?.headers.title).toBe(`mistaken: the check could not run (${code})`);
    expect(bodies()[0]).not.toContain('CANARY');
    expect(project.read('told.json')).toBe(outcome.stdout);
    expect(outcome.stdout).not.toContain('CANARY');
  });
});
