import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type StartedHost, startHost } from '../../support/host.ts';
import { eventsOf, inventoryFiles, type LabProject, labProject, playbook } from '../../support/lab-project.ts';

// Every kind of resource that needs no network, and more files as COUNT asks for.
const everything = `declare const process: { env: Record<string, string | undefined> };
${playbook(`
        lab.directory({ path: '/srv/app', mode: '0750' }),
        lab.directory({ path: '/srv/app/log' }),
        lab.group({ name: 'media', gid: 1500 }),
        lab.user({ name: 'ada', comment: "Ada's account", shell: '/bin/bash', groups: ['media'] }),
        lab.authorizedKeys({ user: 'ada', keys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ ada@laptop'] }),
        lab.file({ path: '/etc/motd', content: \`Welcome to \${host.name}\\n\` }, { name: 'message of the day', tags: ['text'] }),
        lab.file({ path: '/srv/app/config', content: 'one\\ntwo\\nthree\\n', owner: 'ada', group: 'media', mode: '0640' }),
        lab.file({ path: '/srv/app/bin', source: './files/bytes.bin', mode: '0755' }),
        lab.symlink({ path: '/srv/app/current', target: 'config' }),
        lab.line({ path: '/etc/hosts', line: '192.0.2.7 printer' }, { tags: ['text', 'printer'] }),
        lab.block({ path: '/etc/profile', name: 'lab', content: 'LAB=1\\nexport LAB' }, { tags: ['text'] }),
        lab.absent({ path: '/srv/old' }),
        lab.packages({ names: ['sudo', 'openssh-server'] }),
        lab.packages({ name: 'telnet', state: 'absent' }),
        lab.sysctl({ key: 'net.ipv4.ip_forward', value: true }),
        lab.hostname({ name: host.name }),
        lab.timezone({ name: 'Etc/UTC' }),
        lab.cron({ name: 'backup', schedule: '30 3 * * *', command: '/bin/true 100%' }),
        lab.mount({ path: '/mnt/scratch', source: 'tmpfs', type: 'tmpfs', options: ['size=1m'] }),
        lab.archive({ path: '/opt/site', source: './files/site.tar' }),
        lab.unitFile({ name: 'hello.service', sections: { Service: { ExecStart: '/bin/sleep infinity' }, Install: { WantedBy: 'multi-user.target' } } }),
        lab.unit({ name: 'hello.service', state: 'running', enabled: true }),
        lab.command({ argv: ['touch', '/srv/once'], creates: '/srv/once' }),
        lab.command({ argv: ['sh', '-c', 'echo 1 >/srv/tested'], unless: ['grep', '-qx', '1', '/srv/tested'] }),
        lab.rebootIfRequired({}),
        ...Array.from({ length: Number(process.env.COUNT ?? 15) }, (_, number) =>
          lab.file({ path: \`/srv/app/file\${number}\`, content: \`\${number}\\n\` })),
`)}`;

let alpha: StartedHost;
let beta: StartedHost;
let project: LabProject;

beforeAll(async () => {
  [alpha, beta] = await Promise.all([startHost(), startHost()]);
  project = labProject({ ...inventoryFiles({ alpha, beta }), 'playbooks/everything.ts': everything });
  project.write('playbooks/files/bytes.bin', '\0\u0001$(id) ü\n');
  await alpha.sh('mkdir /tmp/site; echo hello >/tmp/site/index.html; tar -C /tmp -cf /tmp/site.tar site');
  project.write('playbooks/files/site.tar', await alpha.sh('cat /tmp/site.tar'));
});
afterAll(async () => {
  project?.remove();
  await Promise.all([alpha?.remove(), beta?.remove()]);
});

const run = (name: string, ...options: readonly string[]) => project.lab(['run', name, '--no-type-check', ...options]);

async function events(...argv: readonly string[]) {
  const { exitCode, stdout, stderr } = await run(argv[0] ?? '', ...argv.slice(1), '--output', 'json');
  expect(stderr).toBe('');
  const all = eventsOf(stdout);
  const finished = Object.fromEntries(
    all.filter(({ event }) => event === 'host-finished').map((event) => [event.host, event]),
  ) as Record<string, { status: string; roundTrips: number; counts: Record<string, number> }>;
  const changed = all.filter(({ event }) => event === 'resource-finished').map(({ resource }) => resource);
  return { exitCode, all, finished, changed };
}

describe('forty resources of all kinds', () => {
  it('with --check says what would change, changes nothing and exits with 2', async () => {
    const { exitCode, stdout, stderr } = await project.lab(['run', 'everything', '--check', '--diff']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: '' });
    expect(stdout).toMatch(/^alpha \| would change \| .*file:\/etc\/motd/m);
    expect(stdout).toMatch(/^alpha \| diff \| \+two$/m);
    expect(await alpha.sh('cat /etc/motd /etc/hosts; ls /srv /var/lib/lab 2>&1 || true')).not.toMatch(
      /Welcome|printer|^app|runs/m,
    );
  });

  it('changes them, and the second run is one round trip with nothing to do', async () => {
    const first = await run('everything');
    expect(first).toMatchObject({ exitCode: 0, stderr: '' });
    expect(first.stdout).toMatch(/^beta \| changed \| message of the day \(file:\/etc\/motd\) \| /m);
    expect(await alpha.sh('cat /etc/motd')).toBe('Welcome to alpha\n');
    expect(await beta.sh('cat /etc/motd')).toBe('Welcome to beta\n');
    expect(await beta.sh('stat -c "%a %U %G" /srv/app/config; cat /srv/app/current /opt/site/site/index.html')).toBe(
      '640 ada media\none\ntwo\nthree\nhello\n',
    );
    expect(await beta.sh('systemctl is-active hello; findmnt -n -o FSTYPE /mnt/scratch; id -nG ada')).toBe(
      'active\ntmpfs\nada media\n',
    );
    expect(readFileSync(`${project.root}/playbooks/files/bytes.bin`)).toEqual(
      Buffer.from(await beta.sh('cat /srv/app/bin')),
    );

    const second = await events('everything');
    expect(second.exitCode).toBe(0);
    for (const host of ['alpha', 'beta']) {
      expect(second.finished[host]).toMatchObject({ status: 'ok', roundTrips: 1, counts: { changed: 0 } });
      expect(second.finished[host]?.counts.total).toBeGreaterThanOrEqual(40);
    }
    expect((await run('everything', '--check')).exitCode).toBe(0);
  });

  it('costs no more round trips for more resources', async () => {
    for (const count of ['1', '400']) {
      const argv = ['run', 'everything', '--no-type-check', '--limit', 'alpha', '--output', 'json'];
      const first = await project.lab(argv, { env: { COUNT: count } });
      expect(first.exitCode).toBe(0);
      const again = eventsOf((await project.lab(argv, { env: { COUNT: count } })).stdout);
      expect(again.find(({ event }) => event === 'host-finished')).toMatchObject({
        roundTrips: 1,
        counts: { total: 25 + Number(count), changed: 0 },
      });
    }
  });

  it('says plainly what changes, and shows it with --diff', async () => {
    await alpha.sh("printf 'one\\n2\\nthree\\n' >/srv/app/config; chmod 600 /srv/app/config; rm /srv/app/file3");
    const { exitCode, stdout } = await run('everything', '--diff', '--limit', 'alpha');
    expect(exitCode).toBe(0);
    expect(stdout).toContain('alpha | diff | -2\nalpha | diff | +two\n');
    const lines = stdout.split('\n').filter((line) => line.startsWith('alpha | changed | '));
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/file:\/srv\/app\/config.*mode 0600 → 0640/);
    expect(stdout).toMatch(
      /^alpha \| recap \| changed \| 38 ok, 2 changed, 385 no longer declared \| \d+ round trips, /m,
    );
    expect(stdout).not.toContain('\u001b');
  });
});

describe('--output json', () => {
  it('has one event a line, each as the schema says', async () => {
    const schema = z.fromJSONSchema(
      JSON.parse(readFileSync(new URL('../../../schema/events.v1.json', import.meta.url), 'utf8')),
    );
    expect(schema.safeParse({ event: 'host-finished' }).success).toBe(false);
    await beta.sh('rm -r /srv/once; echo x >/etc/motd');
    const { all } = await events('everything', '--diff');
    for (const event of all) expect(schema.safeParse(event)).toMatchObject({ success: true });
    expect(new Set(all.map(({ event }) => event))).toEqual(
      new Set([
        'run-started',
        'host-connecting',
        'host-connected',
        'host-planned',
        'resource-started',
        'resource-finished',
        'host-finished',
        'run-finished',
      ]),
    );
  });
});

describe('which hosts and resources', () => {
  const hostsOf = async (limit: string) =>
    Object.keys((await events('everything', '--check', '--limit', limit)).finished).sort();

  it.each([
    ['alpha', ['alpha']],
    ['al*', ['alpha']],
    ['*a', ['alpha', 'beta']],
    ['lab:!alpha', ['beta']],
    ['!beta', ['alpha']],
    ['lab:&beta', ['beta']],
    ['alpha,beta', ['alpha', 'beta']],
  ])('--limit %s', async (limit, expected) => {
    expect(await hostsOf(limit)).toEqual(expected);
  });

  it('--limit with a host that is not there names the one that was meant', async () => {
    const { exitCode, stdout, stderr } = await run('everything', '--limit', 'alhpa');
    expect({ exitCode, stdout }).toEqual({ exitCode: 4, stdout: '' });
    expect(stderr).toContain('did you mean "alpha"?');
  });

  it('--tags, --skip-tags and --start-at choose resources', async () => {
    const upset = async () => {
      await alpha.sh('echo x >/etc/motd; rm /srv/once; sed -i "/printer/d" /etc/hosts');
    };
    await upset();
    const limit = ['--limit', 'alpha'];
    expect((await events('everything', ...limit, '--tags', 'text')).changed).toEqual([
      'file:/etc/motd',
      'line:/etc/hosts 192.0.2.7 printer',
    ]);
    expect((await events('everything', ...limit, '--skip-tags', 'printer')).changed).toEqual([
      'command:touch /srv/once',
    ]);
    await upset();
    expect((await events('everything', ...limit, '--skip-tags', 'text')).changed).toEqual(['command:touch /srv/once']);
    expect((await events('everything', ...limit, '--start-at', 'message of the day', '--check')).all).toContainEqual(
      expect.objectContaining({ event: 'host-finished', status: 'would-change' }),
    );
    const later = await events('everything', ...limit, '--start-at', 'line:/etc/hosts 192.0.2.7 printer');
    expect(later.changed).toEqual(['line:/etc/hosts 192.0.2.7 printer']);
    expect(await alpha.sh('cat /etc/motd')).toBe('x\n');
    await run('everything', ...limit);
  });

  it('a tag or start that is not there is a mistake, not a run of nothing', async () => {
    const { exitCode, stdout, stderr } = await run('everything', '--start-at', 'file:/etc/mtod');
    expect({ exitCode, stdout }).toEqual({ exitCode: 4, stdout: '' });
    expect(stderr).toContain('did you mean "file:/etc/motd"?');
    for (const option of ['--tags', '--skip-tags']) {
      const typo = await run('everything', option, 'txet');
      expect(typo).toMatchObject({ exitCode: 4, stdout: '', stderr: expect.stringContaining('did you mean "text"?') });
    }
  });
});

describe('hosts in trouble', () => {
  beforeAll(() => {
    const inventory = project.read('inventory/index.ts');
    project.write(
      'inventory/index.ts',
      inventory.replace(
        '  },\n});',
        "    gone: { address: '127.0.0.1', ssh: { port: 9 }, groups: ['lab'] },\n  },\n});",
      ),
    );
    project.write(
      'playbooks/fails.ts',
      playbook(`
        lab.file({ path: '/srv/before', content: 'before\\n' }),
        lab.command({ argv: ['sh', '-c', 'echo "about to fail"; echo broken >&2; exit 7'], creates: '/srv/never' }),
        lab.file({ path: '/srv/after', content: 'after\\n' }),
      `),
    );
  });

  it('one out of reach: the others finish, and the exit code is 3', async () => {
    await alpha.sh('rm /srv/once');
    const { exitCode, stdout } = await run('everything');
    expect(exitCode).toBe(3);
    expect(stdout).toMatch(/^alpha \| recap \| changed \| /m);
    expect(stdout).toMatch(/^beta \| recap \| ok \| /m);
    expect(stdout).toMatch(/^gone \| recap \| unreachable \| /m);
    expect(stdout).toMatch(/^gone \| failure \| UNREACHABLE: .*127\.0\.0\.1/m);
    expect(stdout).toMatch(/^gone \| failure \| hint \| /m);
    expect(await alpha.sh('ls /srv/once')).toBe('/srv/once\n');
  });

  it('--limit @failed takes those of the last run, also after a --check', async () => {
    const failed = ['run', 'everything', '--no-type-check', '--limit', '@failed', '--output', 'json'];
    const { exitCode, stdout } = await project.lab([...failed, '--check']);
    expect(exitCode).toBe(3);
    expect(eventsOf(stdout)[0]).toMatchObject({ hosts: ['gone'] });
    expect((await run('everything', '--check', '--limit', 'alpha')).exitCode).toBe(0);
    expect(eventsOf((await project.lab(failed)).stdout)[0]).toMatchObject({ hosts: ['gone'] });
    expect((await run('everything', '--limit', '!gone')).exitCode).toBe(0);
    expect(await run('everything', '--limit', '@failed')).toMatchObject({
      exitCode: 4,
      stderr: expect.stringContaining('@failed'),
    });
  });

  it('a command that fails: exit code 1, with the line of the playbook, the command and what it said', async () => {
    const { exitCode, stdout } = await run('fails', '--limit', '!gone');
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^alpha \| failed \| .* \| STEP_FAILED: /m);
    expect(stdout).toMatch(/^alpha \| failure \| at \| playbooks\/fails\.ts:14$/m);
    // As a person would paste it into a shell.
    expect(stdout).toContain(`alpha | failure | command | sh -c 'echo "about to fail"; echo broken >&2; exit 7'\n`);
    expect(stdout).toContain('alpha | failure | output | about to fail\nalpha | failure | output | broken\n');
    expect(stdout).toMatch(/^alpha \| failure \| hint \| .*stays$/m);
    expect(stdout).toMatch(/^alpha \| recap \| failed \| 1 changed, 1 failed, 1 not reached/m);
    expect(await alpha.sh('ls /srv')).toMatch(/before/);
    expect(await alpha.sh('ls /srv')).not.toMatch(/after/);
  });

  it('--serial 1 with --max-fail 0 leaves the rest alone', async () => {
    const { exitCode, finished } = await events('fails', '--limit', '!gone', '--serial', '1', '--max-fail', '0');
    expect(exitCode).toBe(1);
    expect(finished).toMatchObject({ alpha: { status: 'failed' }, beta: { status: 'skipped' } });
    const both = await events('fails', '--limit', '!gone', '--serial', '1', '--max-fail', '1');
    expect(both.finished).toMatchObject({ alpha: { status: 'failed' }, beta: { status: 'failed' } });
    const order = both.all.filter(({ event }) => event === 'host-connecting' || event === 'host-finished');
    expect(order.map(({ event, host }) => `${event} ${host}`)).toEqual([
      'host-connecting alpha',
      'host-finished alpha',
      'host-connecting beta',
      'host-finished beta',
    ]);
  });
});

describe('at a terminal', () => {
  it('shows a live view and a recap, also of failures', async () => {
    await alpha.sh('rm -f /srv/once');
    const good = await project.labAtTerminal(['run', 'everything', '--no-type-check', '--limit', '!gone', '--diff'])
      .ended;
    expect(good.exitCode).toBe(0);
    expect(good.stdout).toContain('\u001b[');
    expect(good.stdout).toMatch(/alpha.*1 changed/);
    const bad = await project.labAtTerminal(['run', 'fails', '--no-type-check']).ended;
    expect(bad.exitCode).toBe(1);
    expect(bad.stdout).toContain('about to fail');
    expect(bad.stdout).toContain('playbooks/fails.ts:14');
  });

  it('without colours where NO_COLOR says so', async () => {
    const argv = ['run', 'everything', '--no-type-check', '--limit', 'alpha', '--output', 'plain'];
    const { stdout } = await project.labAtTerminal(argv, { env: { NO_COLOR: '1' } }).ended;
    expect(stdout).toContain('alpha | recap | ok |');
    expect(stdout).not.toContain('\u001b[');
  });
});
