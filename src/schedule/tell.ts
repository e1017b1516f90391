import { existsSync, readFileSync } from 'node:fs';
import { type Notification, notifyAll } from '../notify/notification.ts';
import { notifyCommand } from '../notify/notify-command.ts';
import { notifyUrl } from '../notify/notify-url.ts';
import { notifyToken } from '../notify/token.ts';
import { failedDriftReport } from '../report/drift-report.ts';
import type { ExitCode } from '../shared/errors.ts';
import { type Job, type JobResult, parseResult, placesOf } from './job.ts';
import { readOwnJob } from './work.ts';

/** Tells of a job that failed, on its control host: what `OnFailure` starts. */
export async function tellOf(name: string): Promise<readonly string[]> {
  const job = readOwnJob(name);
  const { result: file, token } = placesOf(name);
  const result = existsSync(file) ? parseResult(readFileSync(file, 'utf8')) : undefined;
  const { url, command } = job.notify ?? {};
  const notifiers = [
    ...(url === undefined
      ? []
      : [notifyUrl(url, { token: await notifyToken(existsSync(token) ? token : undefined, {}), option: '--notify' })]),
    ...(command === undefined ? [] : [notifyCommand(command)]),
  ];
  return notifyAll(notifiers, notificationOf(job, result, process.env));
}

/** @param environment systemd says in it why the job failed, systemd.exec(5), `MONITOR_SERVICE_RESULT` */
export function notificationOf(
  job: Job,
  result: JobResult | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): Notification {
  const ended = result?.endedAt != null && result.exitCode !== null && result.exitCode !== 0 ? result : undefined;
  const exitCode = (ended?.exitCode ?? 1) as ExitCode;
  const { MONITOR_SERVICE_RESULT: why, MONITOR_EXIT_STATUS: status } = environment;
  const reason = why === undefined ? 'it was ended before it was done' : `systemd: ${why}${status ? ` ${status}` : ''}`;
  const summary = ended?.summary ?? reason;
  const startedAt = result === undefined ? new Date() : new Date(result.startedAt);
  const durationMs = Math.max(0, Date.parse(ended?.endedAt ?? new Date().toISOString()) - startedAt.getTime());
  const text = [summary, '', result?.output ?? '', '', `journalctl -u ${placesOf(job.name).service} tells more.`];
  const failure = { code: 'SCHEDULE_JOB' as const, message: summary };
  return {
    title: `scheduled job ${job.name} failed on ${job.control}`,
    text: text.join('\n').replaceAll(/\n{3,}/g, '\n\n'),
    report: {
      ...failedDriftReport({ playbook: job.playbook, startedAt, durationMs }, exitCode, failure),
      status: 'failed',
      summary,
    },
    environment: {
      LAB_JOB: job.name,
      LAB_JOB_HOST: job.control,
      LAB_JOB_SUMMARY: summary,
      LAB_JOB_EXIT_CODE: String(exitCode),
    },
  };
}
