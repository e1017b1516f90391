import { jsonLine } from '../../report/json-renderer.ts';
import { tableLines } from '../../report/table.ts';
import { visible } from '../../report/visible.ts';
import { placesOf } from '../../schedule/job.ts';
import { readJobs } from '../../schedule/jobs.ts';
import { type ExitCode, exitCodes, LabError } from '../../shared/errors.ts';
import { quoteAll } from '../../shared/quote.ts';
import { printError } from '../print-error.ts';
import type { JobOptions } from '../schedule.ts';
import { onHost } from './control.ts';
import { allJobs, type FoundJob, fieldOf, findJob } from './find-job.ts';

/** Longer than a job may run. */
const followSeconds = 7 * 3600;

/** `lab schedule list` */
export async function listJobs(options: JobOptions): Promise<ExitCode> {
  const { jobs, errors } = await allJobs(await fieldOf(options), options.forks);
  if (options.output === 'json') process.stdout.write(`${jsonLine({ version: 1, jobs: jobs.map(record) })}\n`);
  else process.stdout.write(jobs.length === 0 ? 'nothing is scheduled\n' : `${table(jobs).join('\n')}\n`);
  for (const error of errors) printError(error);
  if (jobs.some(({ status }) => status.state === 'failed')) return exitCodes.hostFailed;
  return errors[0]?.exitCode ?? exitCodes.asDeclared;
}

/** As `--output json` has it; `docs/schedule.md` describes it. */
function record({ control, status: { job, state, nextRun, last } }: FoundJob) {
  const { name, playbook, options, calendar, delay, logins } = job;
  return {
    host: control.name,
    name,
    playbook,
    options,
    calendar,
    delay,
    hosts: Object.keys(logins),
    state,
    nextRun,
    last,
  };
}

function table(jobs: readonly FoundJob[]): string[] {
  const rows = jobs.map(({ control, status: { job, state, nextRun, last } }) => [
    job.name,
    control.name,
    quoteAll([job.playbook, ...job.options]),
    job.calendar,
    nextRun ?? '',
    last?.endedAt ?? last?.startedAt ?? '',
    [state.replace('-', ' '), state === 'failed' && last?.exitCode != null ? ` (${last.exitCode})` : ''].join(''),
    state === 'running' ? '' : (last?.summary ?? ''),
  ]);
  return tableLines(['job', 'on', 'lab run', 'calendar', 'next', 'last', 'result', ''], rows);
}

/** `lab schedule run NAME`: what it prints is passed on as it comes. */
export async function runJob(name: string, options: JobOptions): Promise<ExitCode> {
  const field = await fieldOf(options);
  const { control } = await findJob(name, field, options.forks);
  const { service } = placesOf(name);
  return await onHost(control.host, field.reach, async (session) => {
    await session.exchange(
      `{ ${quoteAll(['sh', '-c', follow, 'lab', service])} 2>&1; } </dev/null`,
      (token) => void (token.kind === 'data' && process.stdout.write(visible(token.bytes.toString()))),
      followSeconds,
    );
    const status = (await readJobs(session)).find(({ job }) => job.name === name);
    if (status?.state === 'succeeded') return exitCodes.asDeclared;
    const { exitCode = null, summary = '' } = status?.last ?? {};
    // A job that was killed, or never began, has said nothing about it.
    if (status?.last?.endedAt == null)
      throw new LabError('SCHEDULE_JOB', `the job ${name} failed: ${summary}`, {
        host: control.name,
        hint: `journalctl -u ${service}`,
      });
    return (exitCode ?? exitCodes.hostFailed) as ExitCode;
  });
}

/** The unit is of type oneshot, so that its start ends when the job does. */
const follow = [
  'since=@$(date +%s)',
  'journalctl --quiet --follow --output=cat --since="$since" _SYSTEMD_UNIT="$1" & reader=$!',
  'systemctl start -- "$1" >/dev/null 2>&1',
  'journalctl --sync 2>/dev/null',
  'sleep 0.5',
  'kill "$reader" 2>/dev/null',
  'wait "$reader" 2>/dev/null',
  ':',
].join('\n');
