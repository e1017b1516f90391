import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import type { Notification } from '../../../src/notify/notification.ts';
import { notifyCommand } from '../../../src/notify/notify-command.ts';
import type { DriftReport } from '../../../src/report/drift-report.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lab-notify-'));
});
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.unstubAllEnvs());

const report = {
  version: 1,
  playbook: "site $(touch /tmp/bad) 'x'.ts",
  status: 'drifted',
  exitCode: 2,
  summary: '1 resource drifted on 1 host',
  counts: { hosts: 3, asDeclared: 1, drifted: 1, unreachable: 1, failed: 0, resources: 1 },
} as unknown as DriftReport;
const notification: Notification = { title: 'title', text: 'text', report };

function program(script: string, { mode = 0o755, name = 'tell me' } = {}): string {
  const file = join(folder, name);
  rmSync(file, { force: true });
  writeFileSync(file, `#!/bin/sh\ncd '${folder}'\n${script}\n`, { mode });
  return file;
}

it('gives the report on standard input, its heads in the environment, and no token', async () => {
  vi.stubEnv('LAB_NOTIFY_TOKEN', 'tk_canary');
  await notifyCommand(program('cat >input; env >environment; echo $# >arguments')).send(notification);
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  expect(JSON.parse(read('input'))).toEqual(report);
  expect(read('environment').split('\n')).toEqual(
    expect.arrayContaining([
      `LAB_DRIFT_PLAYBOOK=${report.playbook}`,
      'LAB_DRIFT_STATUS=drifted',
      'LAB_DRIFT_EXIT_CODE=2',
      'LAB_DRIFT_HOSTS=1',
      'LAB_DRIFT_UNREACHABLE=1',
      'LAB_DRIFT_FAILED=0',
      'LAB_DRIFT_SUMMARY=1 resource drifted on 1 host',
    ]),
  );
  expect(read('environment')).not.toContain('tk_canary');
  expect(read('arguments')).toBe('0\n');
});

it('does not mind a program that leaves a large input unread', async () => {
  const hosts = {
    nas: { status: 'failed', drifted: [], unknown: [], failure: { code: 'INTERNAL', message: 'x'.repeat(1_000_000) } },
  };
  await notifyCommand(program('exit 0')).send({ ...notification, report: { ...report, hosts } as DriftReport });
});

it('says how it failed', async () => {
  await expect(notifyCommand(program('exit 7')).send(notification)).rejects.toThrow('exit code 7');
  await expect(notifyCommand(program('kill -TERM $$')).send(notification)).rejects.toThrow('ended by SIGTERM');
  const later = notifyCommand(program('', { name: 'later' }));
  rmSync(join(folder, 'later'));
  await expect(later.send(notification)).rejects.toThrow(/cannot be started: .*ENOENT/);
});

it('ends it with its children when it takes too long', async () => {
  const slow = notifyCommand(program('sh -c "sleep 1; touch outlived" & wait'), { deadlineSeconds: 0.3 });
  await expect(slow.send(notification)).rejects.toThrow('no end within 0.3 s');
  await setTimeout(1200);
  expect(() => readFileSync(join(folder, 'outlived'))).toThrow('ENOENT');
});

it('does not wait for what it leaves behind', async () => {
  const began = Date.now();
  await notifyCommand(program('sleep 5 &')).send(notification);
  expect(Date.now() - began).toBeLessThan(3000);
});

it.each([
  ['nothing of the name', () => join(folder, 'nothing')],
  ['a folder', () => folder],
  ['arguments', () => `${program('exit 0', { name: 'tell' })} --loud`],
  ['a file that is not executable', () => program('exit 0', { mode: 0o644, name: 'text' })],
])('refuses %s at once', (_, file) => {
  expect(() => notifyCommand(file())).toThrow('--notify-command names no program');
});
