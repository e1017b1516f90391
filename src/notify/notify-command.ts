import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { jsonLine } from '../report/json-renderer.ts';
import { LabError } from '../shared/errors.ts';
import type { Notification, Notifier } from './notification.ts';

const option = '--notify-command';

/**
 * A program of the user's that gets the report as JSON on its standard input. No shell reads its path, and it takes no
 * arguments. What it prints goes to standard error.
 *
 * @param file absolute, or from this folder
 * @throws LabError USAGE when there is no such program
 */
export function notifyCommand(file: string, { deadlineSeconds = 60 } = {}): Notifier {
  const program = resolve(file);
  requireProgram(program);
  return { option, send: (notification) => run(program, notification, deadlineSeconds) };
}

/** On the day of the drift it would be too late to learn that it is missing. */
function requireProgram(file: string): void {
  try {
    if (!statSync(file).isFile()) throw new Error('no file');
    accessSync(file, constants.X_OK);
  } catch (cause) {
    throw new LabError('USAGE', `${option} names no program`, {
      expected: 'the path of an executable file; it is called without a shell and without arguments',
      found: file,
      cause,
    });
  }
}

async function run(program: string, notification: Notification, deadlineSeconds: number): Promise<void> {
  const child = spawn(program, [], {
    // A session of its own, so that its children can be ended with it.
    detached: true,
    stdio: ['pipe', process.stderr, process.stderr],
    env: { ...process.env, LAB_NOTIFY_TOKEN: undefined, ...environmentOf(notification), ...notification.environment },
  });
  const ended = endOf(child);
  child.stdin?.on('error', () => {}); // one that does not read its input; its exit code tells how it fared
  child.stdin?.end(`${jsonLine(notification.report)}\n`);
  let timedOut = false;
  const deadline = setTimeout(() => {
    timedOut = true;
    killGroup(child);
  }, deadlineSeconds * 1000);
  try {
    const { code, signal } = await ended;
    if (timedOut) throw new Error(`no end within ${deadlineSeconds} s`);
    if (code !== 0) throw new Error(signal === null ? `exit code ${code}` : `ended by ${signal}`);
  } finally {
    clearTimeout(deadline);
  }
}

function environmentOf({ report }: Notification): Readonly<Record<string, string>> {
  const { counts } = report;
  return {
    LAB_DRIFT_PLAYBOOK: report.playbook,
    LAB_DRIFT_STATUS: report.status,
    LAB_DRIFT_EXIT_CODE: String(report.exitCode),
    LAB_DRIFT_SUMMARY: report.summary,
    LAB_DRIFT_HOSTS: String(counts.drifted),
    LAB_DRIFT_UNREACHABLE: String(counts.unreachable),
    LAB_DRIFT_FAILED: String(counts.failed),
  };
}

function endOf(child: ChildProcess): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  return new Promise((settle, reject) => {
    child.once('error', (error) => reject(new Error(`cannot be started: ${error.message}`)));
    child.once('exit', (code, signal) => settle({ code, signal }));
  });
}

function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It ended at this very moment.
  }
}
