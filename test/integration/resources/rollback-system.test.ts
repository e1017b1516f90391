import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { authorizedKeys } from '../../../src/resources/authorized-keys.ts';
import { command } from '../../../src/resources/command.ts';
import type { ResourceTree } from '../../../src/resources/contract.ts';
import { file } from '../../../src/resources/file.ts';
import { group } from '../../../src/resources/group.ts';
import { hostname } from '../../../src/resources/hostname.ts';
import { sysctl } from '../../../src/resources/sysctl.ts';
import { timer } from '../../../src/resources/timer.ts';
import { timezone } from '../../../src/resources/timezone.ts';
import { unit } from '../../../src/resources/unit.ts';
import { unitFile } from '../../../src/resources/unit-file.ts';
import { user } from '../../../src/resources/user.ts';
import { Secret } from '../../../src/shared/secret.ts';
import { type StartedHost, startHost } from '../../support/host.ts';
import { thereAndBackTwice } from '../../support/revert.ts';
import { WholeState } from '../../support/snapshot.ts';

vi.setConfig({ testTimeout: 120_000 });

let host: StartedHost;
let state: WholeState;
const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINsV7EonJxuCoArRaZocj1Hw227hjLlsJzmLxbifDEKa';
const hash = '$6$salt$new-hash-canary';

beforeAll(async () => {
  host = await startHost();
  await host.sh(`useradd -m -s /bin/sh -u 3001 -G video,games -c Old old && printf 'old:%s' '$6$x$old-hash-canary' | chpasswd -e
    chage -d 19000 -m 1 -M 99 -W 5 -I 3 -E 30000 old
    usermod --add-subuids 700000-700999 --add-subgids 800000-800999 old
    useradd -m -s /bin/sh -u 3005 second && echo 'second:$6$x$old-hash-canary' | chpasswd -e && chage -d 18000 second
    mkdir -m 770 /home/second/.ssh && printf '# mine\\n${key} here' >/home/second/.ssh/authorized_keys && chown -R second:games /home/second/.ssh
    useradd -m -s /bin/sh -u 3006 third
    echo precious >/home/old/precious && chown old: /home/old/precious
    groupadd -g 3100 crew && gpasswd -M old,games crew && groupadd -g 3101 lonely
    printf '[Service]\\nExecStart=/bin/sleep infinity\\n[Install]\\nWantedBy=multi-user.target\\nAlias=sleeper-alias.service\\n' >/etc/systemd/system/sleeper.service
    printf '[Service]\\nExecStart=/bin/sleep infinity\\n[Install]\\nWantedBy=multi-user.target\\n' >/usr/lib/systemd/system/packaged.service
    printf '[Service]\\nExecStart=/bin/true\\n' >/etc/systemd/system/tock.service
    printf '[Timer]\\nOnCalendar=yearly\\n[Install]\\nWantedBy=timers.target\\n' >/etc/systemd/system/tock.timer
    systemctl daemon-reload && systemctl enable --now sleeper tock.timer
    echo UTC >/etc/timezone && printf 'kept without a newline' >>/etc/hosts`);
  state = new WholeState(host);
});
afterAll(() => host?.remove());

/** Several at once, as each look at the whole host takes its time; what went wrong shows by its name. */
const cases: readonly (readonly [string, () => ResourceTree])[] = [
  [
    'new accounts, with a password and keys',
    () => [
      group({ name: 'fresh' }),
      user({ name: 'ada', shell: '/bin/bash', groups: ['crew', 'sudo', 'fresh'], passwordHash: new Secret(hash) }),
      authorizedKeys({ user: 'ada', keys: [key] }),
      user({ name: 'worker', system: true, home: '/var/lib/worker', locked: true }),
      user({ name: 'crew', primaryGroup: 'crew', createHome: false }),
    ],
  ],
  [
    'accounts that change in everything',
    () => [
      user({
        name: 'old',
        uid: 3002,
        comment: 'New',
        shell: '/bin/bash',
        home: '/home/new',
        primaryGroup: 'lonely',
        groups: ['video', 'audio'],
        exclusiveGroups: true,
        passwordHash: new Secret(hash),
      }),
      user({ name: 'second', locked: true, groups: ['audio'] }),
      authorizedKeys({ user: 'second', keys: [`restrict ${key}`], exclusive: true }),
      user({ name: 'third', passwordHash: new Secret(hash) }),
      group({ name: 'crew', gid: 3199 }),
    ],
  ],
  [
    'accounts that go',
    () => [
      user({ name: 'old', state: 'absent' }),
      user({ name: 'second', state: 'absent', removeHome: true }),
      group({ name: 'crew', state: 'absent' }),
    ],
  ],
  [
    'new units',
    () => [
      unitFile({
        name: 'hello.service',
        sections: { Service: { ExecStart: '/bin/sleep 1000' }, Install: { WantedBy: 'multi-user.target' } },
      }),
      unit({ name: 'hello', state: 'running', enabled: true }),
      unit({ name: 'packaged', state: 'running', enabled: true }),
      timer({ name: 'tick', schedule: 'daily', argv: ['/bin/true'] }),
    ],
  ],
  [
    'units that change, and restart',
    () => {
      const nice = unitFile({ name: 'sleeper.service', dropIn: 'nice', sections: { Service: { Nice: 5 } } });
      const conf = file({ path: '/etc/sleeper.conf', content: 'x\n' });
      return [
        nice,
        conf,
        unit({ name: 'sleeper' }, { restartOn: [nice, conf] }),
        unit({ name: 'packaged', masked: true }),
      ];
    },
  ],
  ['units stopped and disabled', () => unit({ name: 'sleeper', state: 'stopped', enabled: false })],
  [
    'unit files that go, and a timer with them',
    () => [unitFile({ name: 'sleeper.service', state: 'absent' }), timer({ name: 'tock', state: 'absent' })],
  ],
  [
    'kernel parameters, names, the time zone, a command with a way back',
    () => [
      sysctl({ key: 'net.ipv4.ip_local_port_range', value: '20000 30000' }),
      sysctl({ key: 'net.ipv4.ip_forward', value: true }),
      hostname({ name: 'nas.home.example' }),
      timezone({ name: 'Asia/Kathmandu' }),
      command({
        argv: ['sh', '-c', 'echo made >/srv/made'],
        creates: '/srv/made',
        revert: ['rm', '-f', '/srv/made'],
      }),
    ],
  ],
];

for (const [name, resources] of cases) test(name, () => thereAndBackTwice(host, state, resources));

test('what was uploaded holds no hash of a password any more, and never held an old one', async () => {
  const found = await host.sh('grep -rl hash-canary /var/lib/lab/runs || true');
  expect(found.split('\n').filter((path) => path !== '' && !/\/action\.\d+\/account\./.test(path))).toEqual([]);
  expect(await host.sh('find /var/lib/lab/runs -name "account.*" -prune -perm /077')).toBe('');
});
