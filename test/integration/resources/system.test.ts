import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { authorizedKeys } from '../../../src/resources/authorized-keys.ts';
import { command } from '../../../src/resources/command.ts';
import type { ResourceTree } from '../../../src/resources/contract.ts';
import { file } from '../../../src/resources/file.ts';
import { group } from '../../../src/resources/group.ts';
import { sysctl } from '../../../src/resources/sysctl.ts';
import { timer } from '../../../src/resources/timer.ts';
import { unit } from '../../../src/resources/unit.ts';
import { unitFile } from '../../../src/resources/unit-file.ts';
import { user } from '../../../src/resources/user.ts';
import { Secret } from '../../../src/shared/secret.ts';
import { type StartedHost, startHost } from '../../support/host.ts';
import { revertLastRun } from '../../support/revert.ts';
import { runOn } from '../../support/run-on.ts';
import { fileSystemOf } from '../../support/snapshot.ts';

// Each looks several times at the whole host, and other hosts may be at work beside it.
vi.setConfig({ testTimeout: 180_000 });

let host: StartedHost;
beforeAll(async () => {
  host = await startHost();
});
afterAll(() => host?.remove());

const accounts = ['/etc/passwd', '/etc/group', '/etc/shadow', '/etc/gshadow'];

/** What of a host these types change, read by other tools than the product's. Logs in backup files of accounts aside. */
const state = async () =>
  [
    await fileSystemOf(host, [
      '/var/lib/lab',
      // Programs, which none of these types changes, are most of the bytes.
      '/usr/bin',
      '/usr/lib',
      '/usr/sbin',
      '/usr/share',
      ...accounts,
      ...accounts.map((path) => `${path}-`),
      '/etc/subuid-',
      '/etc/subgid-',
    ]),
    // An account that comes back stands at the end.
    await host.sh(`for file in ${accounts.join(' ')}; do stat -c '%a %U %G' $file; sort $file; done`),
    // The guardian of a run before ends within a second of its confirmation.
    await host.sh(
      'for try in $(seq 50); do systemctl list-units --all --no-legend "lab-guard-*" | grep -q . || break; sleep 0.1; done',
    ),
    await host.sh(
      // What nothing mentions any more is forgotten.
      'systemctl daemon-reload; systemctl list-unit-files --no-legend; systemctl list-units --all --no-legend --plain --type=service,timer | cut -c1-100',
    ),
    await host.sh('cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/ip_local_port_range'),
  ].join('\n');

/** Applies, expects the second run to change nothing in one round trip, and that the way back leads to where it was. */
async function thereAndBack(resources: () => ResourceTree, check: () => Promise<void>): Promise<void> {
  const before = await state();
  const checked = await runOn(host, resources, { mode: 'check' });
  expect(await state()).toBe(before);
  const first = await runOn(host, resources);
  expect(first.finished.failure).toBeUndefined();
  expect(first.finished.status).toBe('changed');
  expect(first.planned).toEqual(checked.planned);
  await check();
  const second = await runOn(host, resources);
  expect(second.finished).toMatchObject({ status: 'ok', roundTrips: 1 });
  // The second run changed nothing, so the first is still the last.
  await revertLastRun(host);
  expect(await state()).toBe(before);
}

const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINsV7EonJxuCoArRaZocj1Hw227hjLlsJzmLxbifDEKa';
const hash = '$6$salt$canary-of-the-password-hash';

test('users, groups and keys', async () => {
  await thereAndBack(
    () => [
      group({ name: 'media', gid: 4500 }),
      user({
        name: 'ada',
        uid: 4501,
        comment: "Ada O'Hara $(id)",
        shell: '/bin/bash',
        groups: ['media', 'sudo'],
        passwordHash: new Secret(hash),
      }),
      authorizedKeys({ user: 'ada', keys: [`restrict,pty ${key} ada@laptop`] }),
      user({ name: 'worker', system: true, home: '/var/lib/worker', locked: true }),
      file({ path: '/srv/of-ada', content: 'x\n', owner: 'ada', group: 'media' }),
    ],
    async () => {
      expect(await host.sh('getent passwd ada')).toBe("ada:x:4501:4501:Ada O'Hara $(id):/home/ada:/bin/bash\n");
      expect(await host.sh('id -Gn ada')).toBe('ada sudo media\n');
      expect(await host.sh('getent shadow ada | cut -d: -f2')).toBe(`${hash}\n`);
      expect(await host.sh('stat -c "%a %U %G" /home/ada /home/ada/.ssh /home/ada/.ssh/authorized_keys')).toBe(
        '700 ada ada\n700 ada ada\n600 ada ada\n',
      );
      expect(await host.sh('ssh-keygen -lf /home/ada/.ssh/authorized_keys')).toContain('ada@laptop');
      expect(await host.sh('stat -c "%U %G" /srv/of-ada')).toBe('ada media\n');
      expect((await host.exec(['test', '-e', '/var/lib/worker'])).exitCode).not.toBe(0);
      // The hash is in shadow and in the journal's own folder, where only root looks.
      const seen = await host.sh(
        'grep -rl canary-of-the-password-hash /etc /var /home /root /run /tmp 2>/dev/null || true',
      );
      expect(seen.split('\n').filter((path) => path !== '' && !/^\/etc\/shadow|^\/var\/lib\/lab\//.test(path))).toEqual(
        [],
      );
      expect(await host.sh('stat -c %a /var/lib/lab')).toBe('700\n');
    },
  );
});

test('an account that changes goes back to what it was', async () => {
  await host.sh(
    `useradd -m -s /bin/sh -G video,games old && printf 'old:%s' '$6$x$y' | chpasswd -e && mkdir /home/old/.ssh && printf '# mine\\n${key} here' >/home/old/.ssh/authorized_keys && chown -R old:old /home/old/.ssh && chmod 770 /home/old/.ssh`,
  );
  await thereAndBack(
    () => [
      user({
        name: 'old',
        shell: '/bin/bash',
        groups: ['video', 'audio'],
        exclusiveGroups: true,
        locked: true,
        comment: 'x',
      }),
      authorizedKeys({ user: 'old', keys: [], revoked: [key] }),
    ],
    async () => {
      expect(await host.sh('id -Gn old | tr " " "\\n" | sort | xargs')).toBe('audio old video\n');
      expect(await host.sh('getent shadow old | cut -d: -f2')).toBe('!$6$x$y\n');
      expect(await host.sh('cat /home/old/.ssh/authorized_keys; stat -c %a /home/old/.ssh')).toBe('# mine\n700\n');
    },
  );
});

test('an account that goes comes back the same', async () => {
  await host.sh(
    'id old >/dev/null 2>&1 || useradd -m old; useradd -m -u 4600 leaver; echo data >/home/leaver/data; chown leaver: /home/leaver/data; groupadd -g 4601 leaving; gpasswd -M old,games leaving',
  );
  await thereAndBack(
    () => [user({ name: 'leaver', state: 'absent', removeHome: true }), group({ name: 'leaving', state: 'absent' })],
    async () => {
      expect((await host.exec(['id', 'leaver'])).exitCode).not.toBe(0);
      expect((await host.exec(['test', '-e', '/home/leaver'])).exitCode).not.toBe(0);
    },
  );
});

test('units and their files', async () => {
  const sections = (text: string) => ({
    Unit: { Description: 'An app' },
    Service: { ExecStart: `/bin/sh -c "echo ${text} >/run/app-says; exec sleep infinity"` },
    Install: { WantedBy: 'multi-user.target' },
  });
  const resources = (text: string) => () => {
    const service = unitFile({ name: 'app.service', sections: sections(text) });
    const limits = unitFile({ name: 'app.service', dropIn: 'limits', sections: { Service: { LimitNOFILE: 4096 } } });
    return [service, limits, unit({ name: 'app', state: 'running', enabled: true }, { restartOn: [service, limits] })];
  };
  await thereAndBack(resources('hello'), async () => {
    expect(await host.sh('systemctl is-active app; systemctl is-enabled app; cat /run/app-says')).toBe(
      'active\nenabled\nhello\n',
    );
    expect(await host.sh('systemctl show -p LimitNOFILE --value app')).toBe('4096\n');
  });

  await runOn(host, resources('hello'));
  const again = await runOn(host, resources('bonjour'));
  expect(again.changed).toEqual(['unit-file:app.service', 'unit:app.service']);
  expect(await host.sh('cat /run/app-says')).toBe('bonjour\n');

  await host.sh('systemctl kill --signal=KILL app; while systemctl is-active -q app; do sleep 0.1; done');
  expect((await runOn(host, resources('bonjour'))).changed).toEqual(['unit:app.service']);

  const broken = await runOn(host, () => [
    unitFile({
      name: 'app.service',
      sections: { ...sections('x'), Service: { ExecStart: '/bin/true', Restrat: 'always' } },
    }),
  ]);
  expect(broken.finished).toMatchObject({
    status: 'failed',
    failure: { code: 'STEP_FAILED', output: expect.stringContaining('Restrat') },
  });
  expect(await host.sh('grep -c bonjour /etc/systemd/system/app.service')).toBe('1\n');

  const failing = await runOn(host, () => {
    const service = unitFile({
      name: 'bad.service',
      sections: { Service: { Type: 'oneshot', ExecStart: '/bin/sh -c "echo why it failed; exit 3"' } },
    });
    return [service, unit({ name: 'bad', state: 'running' })];
  });
  expect(failing.finished.failure).toMatchObject({
    code: 'STEP_FAILED',
    output: expect.stringContaining('why it failed'),
  });

  const gone = () => [
    unitFile({ name: 'app.service', state: 'absent' }),
    unitFile({ name: 'app.service', dropIn: 'limits', state: 'absent' }),
  ];
  await thereAndBack(gone, async () => {
    expect((await host.exec(['systemctl', 'cat', 'app'])).exitCode).not.toBe(0);
    expect((await host.exec(['systemctl', 'is-active', 'app'])).stdout).toBe('inactive\n');
  });
});

test('a unit that is stopped, disabled and masked', async () => {
  await host.sh(
    'printf "[Service]\\nExecStart=/bin/sleep infinity\\n[Install]\\nWantedBy=multi-user.target\\n" >/run/systemd/system/x.service; mkdir -p /usr/local/lib/systemd/system; mv /run/systemd/system/x.service /usr/local/lib/systemd/system; systemctl daemon-reload; systemctl enable --now x',
  );
  await thereAndBack(
    () => unit({ name: 'x', state: 'stopped', enabled: false, masked: true }),
    async () => {
      expect(await host.sh('systemctl is-active x; systemctl is-enabled x; true')).toBe('inactive\nmasked\n');
    },
  );
});

test('a timer runs its command, every word as it is, as its user', async () => {
  const words = ["it's", '$HOME', '100%n', 'a "b" \\', 'x\ny', 'ü', ''];
  const resources = () =>
    timer({
      name: 'tick',
      schedule: '*-*-* 04:30',
      argv: ['/bin/sh', '-c', 'printf "%s|" "$@" >/tmp/tick; id -un >>/tmp/tick', 'sh', ...words],
      runAs: 'games',
      persistent: false,
    });
  await thereAndBack(resources, async () => {
    expect(await host.sh('systemctl is-enabled tick.timer; systemctl is-active tick.timer')).toBe('enabled\nactive\n');
    await host.sh('systemctl start tick.service');
    expect(await host.sh('cat /tmp/tick')).toBe(`${words.join('|')}|games\n`);
  });
  const broken = await runOn(host, () => timer({ name: 'tick', schedule: '25:99', argv: ['/bin/true'] }));
  expect(broken.finished).toMatchObject({ status: 'failed', failure: { resource: 'unit-file:tick.timer' } });
});

test('kernel parameters', async () => {
  await host.sh('echo 0 >/proc/sys/net/ipv4/ip_forward');
  await thereAndBack(
    () => [
      sysctl({ key: 'net.ipv4.ip_forward', value: true }),
      sysctl({ key: 'net.ipv4.ip_local_port_range', value: '20000\t 60000' }),
    ],
    async () => {
      expect(await host.sh('sysctl -n net.ipv4.ip_forward net.ipv4.ip_local_port_range')).toBe('1\n20000\t60000\n');
      await host.sh(
        'echo 0 >/proc/sys/net/ipv4/ip_forward && sysctl --system >/dev/null 2>&1; test "$(cat /proc/sys/net/ipv4/ip_forward)" = 1',
      );
    },
  );
  const refused = await runOn(host, () => sysctl({ key: 'net.ipv4.ip_forward', value: 'nonsense' }));
  expect(refused.finished).toMatchObject({ status: 'failed', failure: { code: 'STEP_FAILED' } });
  expect(await host.sh('cat /proc/sys/net/ipv4/ip_forward')).toBe('0\n');
});

describe('commands', () => {
  test('words are data, the secret arrives through stdin, and it is not repeated', async () => {
    const words = ["it's", '$(touch /srv/pwned)', '', '-n', 'a\nb', 'ü', '*'];
    await thereAndBack(
      () =>
        command({
          argv: [
            'sh',
            '-c',
            'printf "%s|" "$@" >/srv/words; cat >>/srv/words; env >>/srv/words; id -un >>/srv/words; pwd >>/srv/words',
            'sh',
            ...words,
          ],
          env: { LAB_TEST: "a 'b' $c" },
          stdin: new Secret('canary-stdin\n'),
          creates: '/srv/words',
          cwd: '/tmp',
          revert: ['rm', '-f', '/srv/words'],
        }),
      async () => {
        const text = await host.sh('cat /srv/words');
        expect(text.startsWith(`${words.join('|')}|canary-stdin\n`)).toBe(true);
        expect(text).toContain("LAB_TEST=a 'b' $c\n");
        expect(text.endsWith('root\n/tmp\n')).toBe(true);
        expect((await host.exec(['test', '-e', '/srv/pwned'])).exitCode).not.toBe(0);
      },
    );
  });

  test('a deadline ends it and its children', async () => {
    const slow = await runOn(host, () => command({ argv: ['sh', '-c', 'sleep 987 & wait'], timeoutSeconds: 1 }));
    expect(slow.finished.failure?.code).toBe('STEP_TIMEOUT');
    expect((await host.exec(['pgrep', '-f', 'sleep 987'])).stdout).toBe('');
  });

  test('another user, unless, and a trigger', async () => {
    const resources = () => {
      const watched = file({ path: '/srv/watched', content: 'x\n' });
      return [
        watched,
        command({ argv: ['sh', '-c', 'id -un >/tmp/who'], runAs: 'games', unless: ['test', '-e', '/tmp/who'] }),
        command({ argv: ['sh', '-c', 'echo ran >>/srv/ran'], onlyWhenTriggered: true }, { runOn: [watched] }),
      ];
    };
    expect((await runOn(host, resources)).finished.status).toBe('changed');
    expect(await host.sh('cat /tmp/who /srv/ran')).toBe('games\nran\n');
    expect((await runOn(host, resources)).finished.status).toBe('ok');
  });
});
