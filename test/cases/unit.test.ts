import { describe, expect, test } from 'vitest';
import type { UnitFact } from '../../src/remote/facts/contract.ts';
import type { Step } from '../../src/resources/contract.ts';
import { unit } from '../../src/resources/unit.ts';
import { unitFile } from '../../src/resources/unit-file.ts';
import { changesInOrder, changesOf, FakeFacts, triggeredBy } from '../support/fake-facts.ts';

type Props = Omit<Parameters<typeof unit>[0], 'name'>;
const name = 'app.service';

/** `start`, `enable`, …; a plain command as its words. */
function verbs(steps: readonly Step[]): string[] {
  return steps.map((step) =>
    step.do !== 'run' ? step.do : step.argv[1] === '-c' ? (step.argv[4] ?? '') : step.argv.join(' '),
  );
}

describe('what systemctl is asked', () => {
  const cases: [string, Props, Partial<UnitFact>, string[]][] = [
    ['runs and is enabled', { state: 'running', enabled: true }, {}, []],
    ['nothing declared', {}, { active: 'failed', enablement: 'disabled' }, []],
    ['stopped', { state: 'running' }, { active: 'inactive' }, ['start']],
    ['failed', { state: 'running' }, { active: 'failed' }, ['start']],
    ['starting', { state: 'running' }, { active: 'activating' }, []],
    ['shall stop', { state: 'stopped' }, {}, ['stop']],
    ['failed is stopped', { state: 'stopped' }, { active: 'failed' }, []],
    ['disabled', { enabled: true }, { enablement: 'disabled' }, ['enable']],
    ['enabled until the next boot', { enabled: true }, { enablement: 'enabled-runtime' }, ['enable']],
    ['an alias', { enabled: true }, { enablement: 'alias' }, []],
    ['shall not start at boot', { enabled: false }, {}, ['disable']],
    ['static is not enabled', { enabled: false }, { enablement: 'static' }, []],
    [
      'enable comes before start',
      { state: 'running', enabled: true },
      { active: 'inactive', enablement: 'disabled' },
      ['enable', 'start'],
    ],
    [
      'stop comes before disable and mask',
      { state: 'stopped', enabled: false, masked: true },
      {},
      ['stop', 'disable', 'mask'],
    ],
    ['masked', { masked: true }, { load: 'masked', enablement: 'masked', active: 'inactive' }, []],
    [
      'unmask comes first',
      { masked: false, enabled: true, state: 'running' },
      { load: 'masked', enablement: 'masked', active: 'inactive' },
      ['unmask', 'enable', 'start'],
    ],
    ['file changed since', { state: 'running' }, { needsReload: true }, ['systemctl daemon-reload']],
    [
      'absent is stopped',
      { state: 'stopped', enabled: false },
      { load: 'not-found', enablement: '', active: 'inactive' },
      [],
    ],
  ];
  test.each(cases)('%s', async (_, props, fact, expected) => {
    const changes = await changesOf(unit({ name, ...props }), { units: { [name]: fact } });
    expect(verbs(changes.flatMap(({ apply }) => apply))).toEqual(expected);
  });
});

test('the inverse goes back the same way', async () => {
  const changes = await changesOf(unit({ name, state: 'running', enabled: true }), {
    units: { [name]: { active: 'inactive', enablement: 'disabled' } },
  });
  expect(verbs([...changes].reverse().flatMap(({ revert }) => revert))).toEqual(['stop', 'disable']);
});

const impossible: [string, Props, Partial<UnitFact>][] = [
  ['no such unit', { state: 'running' }, { load: 'not-found', enablement: '', active: 'inactive' }],
  ['masked by somebody', { state: 'running' }, { load: 'masked', active: 'inactive' }],
  ['static cannot be enabled', { enabled: true }, { enablement: 'static' }],
  ['systemd cannot load it', { state: 'running' }, { load: 'error' }],
];
test.each(impossible)('%s is an error', async (_, props, fact) => {
  const changes = changesOf(unit({ name, ...props }), { units: { [name]: fact } });
  await expect(changes).rejects.toMatchObject({ code: 'PLAN_IMPOSSIBLE' });
});

test('a host without systemd is an error that says so', async () => {
  const changes = changesOf(unit({ name, state: 'running' }), { system: { init: 'openrc' } });
  await expect(changes).rejects.toMatchObject({ code: 'PLAN_IMPOSSIBLE', details: { expected: 'systemd' } });
});

test('a name without a type is a service', () => {
  expect(unit({ name: 'nginx' }).id).toBe('nginx.service');
  expect(unit({ name: 'backup.timer' }).id).toBe('backup.timer');
});

describe('when a watched resource changes', () => {
  const cases: [string, 'restart' | 'reload', Props, Partial<UnitFact>, string[]][] = [
    ['restart', 'restart', { state: 'running' }, {}, ['try-restart']],
    ['reload', 'reload', { state: 'running' }, {}, ['try-reload-or-restart']],
    ['started by the plan anyway', 'restart', { state: 'running' }, { active: 'inactive' }, []],
    ['stopped by the plan', 'restart', { state: 'stopped' }, {}, []],
    ['not running, and nobody said it should', 'restart', {}, { active: 'inactive' }, []],
    ['enabled by the plan, runs already', 'restart', { enabled: true }, { enablement: 'disabled' }, ['try-restart']],
  ];
  test.each(cases)('%s', async (_, action, props, fact, expected) => {
    const changes = await triggeredBy(action, unit({ name, ...props }), { units: { [name]: fact } });
    expect(verbs(changes.flatMap(({ apply }) => apply))).toEqual(expected);
  });
});

test('the way to the host is at risk with sshd and firewall, not with others', async () => {
  const risk = async (unitName: string) =>
    (await changesOf(unit({ name: unitName, state: 'stopped' }), { units: { [unitName]: {} } }))[0]?.risk;
  expect(await risk('ssh.service')).toBe('connectivity');
  expect(await risk('wg-quick@wg0.service')).toBe('connectivity');
  expect(await risk('nginx.service')).toBeUndefined();
});

describe('unit files', () => {
  const path = '/etc/systemd/system/app.service';
  const parents = { '/etc/systemd/system': { kind: 'directory' as const } };
  const sections = {
    Unit: { Description: 'An app' },
    Service: { ExecStart: ['', '/bin/app --x="$(id)"'], Restart: 'on-failure', RestartSec: 5, NoNewPrivileges: true },
    Install: { WantedBy: 'multi-user.target' },
  };
  const text = `[Unit]\nDescription=An app\n\n[Service]\nExecStart=\nExecStart=/bin/app --x="$(id)"\nRestart=on-failure\nRestartSec=5\nNoNewPrivileges=true\n\n[Install]\nWantedBy=multi-user.target\n`;

  test('sections become text, and systemd reads it again, also when it is undone', async () => {
    const [change] = await changesOf(unitFile({ name: 'app.service', sections }), { files: parents });
    expect(change).toMatchObject({
      before: null,
      after: text,
      apply: [{ do: 'write', path, content: text }, { argv: ['systemctl', 'daemon-reload'] }],
    });
    expect(change?.revert).toMatchObject([{ do: 'restore', path }, { argv: ['systemctl', 'daemon-reload'] }]);
  });
  test('in sync', async () => {
    expect(await changesOf(unitFile({ name: 'app.service', sections }), { files: { [path]: text } })).toEqual([]);
  });
  test('the unit is known to what follows', async () => {
    const plan = await changesInOrder(
      [unitFile({ name: 'app.service', sections }), unit({ name: 'app', state: 'running', enabled: true })],
      { files: parents },
    );
    expect(verbs(plan[1]?.flatMap(({ apply }) => apply) ?? [])).toEqual(['enable', 'start']);
  });
  test('one without [Install] cannot be enabled', async () => {
    const plan = changesInOrder(
      [
        unitFile({ name: 'app.service', sections: { Service: sections.Service } }),
        unit({ name: 'app', enabled: true }),
      ],
      { files: parents },
    );
    await expect(plan).rejects.toMatchObject({ code: 'PLAN_IMPOSSIBLE' });
  });
  test('a drop-in brings its folder and takes it away', async () => {
    const resource = unitFile({ name: 'ssh.service', dropIn: 'limits', sections: { Service: { LimitNOFILE: 4096 } } });
    const [change] = await changesOf(resource, { files: parents });
    expect(change?.apply.map((step) => [step.do, 'path' in step ? step.path : ''])).toEqual([
      ['directory', '/etc/systemd/system/ssh.service.d'],
      ['write', '/etc/systemd/system/ssh.service.d/limits.conf'],
      ['run', ''],
    ]);
    expect(change?.revert.at(-1)).toEqual({ do: 'restore', path: '/etc/systemd/system/ssh.service.d' });
    expect(change?.risk).toBe('connectivity');
  });
  test('removing stops and disables first, undoing starts again', async () => {
    const host = { files: { [path]: text }, units: { 'app.service': {} } };
    const [change] = await changesOf(unitFile({ name: 'app.service', state: 'absent' }), host);
    expect(verbs(change?.apply ?? [])).toEqual(['stop', 'disable', 'remove', 'systemctl daemon-reload']);
    expect(verbs(change?.revert ?? [])).toEqual(['restore', 'systemctl daemon-reload', 'enable', 'start']);
  });
  test('while an installation is planned a unit of our own is no mystery', async () => {
    const facts = new FakeFacts({ files: parents, unsettledBy: 'package x' });
    expect(await changesOf(unitFile({ name: 'app.service', sections }), facts)).toHaveLength(1);
  });
});
