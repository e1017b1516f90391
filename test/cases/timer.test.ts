import { expect, test } from 'vitest';
import { execLine } from '../../src/resources/systemd/exec-line.ts';
import { timer } from '../../src/resources/timer.ts';
import { changesInOrder } from '../support/fake-facts.ts';

const files = { '/etc/systemd/system': { kind: 'directory' as const } };

test('a timer, its service, and its state', async () => {
  const resources = timer({
    name: 'backup',
    schedule: ['daily', 'Mon *-*-* 04:30'],
    argv: ['/bin/backup', 'a b'],
    runAs: 'ada',
    randomizedDelaySeconds: 60,
  });
  expect(resources.map(({ type, id }) => `${type}:${id}`)).toEqual([
    'unit-file:backup.service',
    'unit-file:backup.timer',
    'unit:backup.timer',
  ]);
  const plan = await changesInOrder(resources, { files });
  expect(plan[0]?.[0]?.after).toBe(
    '[Unit]\nDescription=backup\n\n[Service]\nType=oneshot\nUser=ada\nExecStart="/bin/backup" "a b"\n',
  );
  expect(plan[1]?.[0]?.after).toBe(
    '[Unit]\nDescription=backup\n\n[Timer]\nOnCalendar=daily\nOnCalendar=Mon *-*-* 04:30\nPersistent=true\nRandomizedDelaySec=60\n\n[Install]\nWantedBy=timers.target\n',
  );
  expect(plan[2]?.map(({ attribute }) => attribute)).toEqual(['enabled', 'state']);
});

test('it knows where it was declared', () => {
  expect(
    timer({ name: 'x', schedule: 'daily', argv: ['/bin/true'] }).every(({ at }) => at?.file.endsWith('timer.test.ts')),
  ).toBe(true);
});

test('absent: the timer goes before its service', () => {
  expect(timer({ name: 'x', state: 'absent' }).map(({ id }) => id)).toEqual(['x.timer', 'x.service']);
});

const words: [string, string][] = [
  ['plain', '"plain"'],
  ['a "b" \\c', '"a \\"b\\" \\\\c"'],
  ['$HOME 100% %n', '"$$HOME 100%% %%n"'],
  ['a\nb\tc\u0001', '"a\\nb\\tc\\x01"'],
  ['', '""'],
  ["it's ü", `"it's ü"`],
];
test.each(words)('%j is written as %s', (word, expected) => {
  expect(execLine([word])).toBe(expected);
});

test.each([
  { name: 'x', schedule: 'daily', argv: ['backup'] },
  { name: 'x', schedule: 'daily\nUser=root', argv: ['/bin/x'] },
  { name: 'x', argv: ['/bin/x'] },
  { name: 'x/y', schedule: 'daily', argv: ['/bin/x'] },
])('refused: %o', (props) => {
  expect(() => timer(props)).toThrow(expect.objectContaining({ code: 'RESOURCE_PROPS' }));
});
