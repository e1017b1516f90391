import { FactLoader } from '../remote/facts/loader.ts';
import type { Session } from '../remote/session.ts';
import { isJobName, type Job, type JobResult, jobsFolder, parseManifest, parseResult, placesOf } from './job.ts';

/** A job as it is on its control host. */
export interface JobStatus {
  readonly job: Job;
  readonly state: 'never-run' | 'running' | 'succeeded' | 'failed';
  /** ISO 8601, UTC; null for a timer that waits for nothing. */
  readonly nextRun: string | null;
  readonly last: {
    readonly startedAt: string | null;
    readonly endedAt: string | null;
    readonly exitCode: number | null;
    readonly summary: string;
  } | null;
}

/** The jobs of a host, by name. Two round trips. */
export async function readJobs(session: Session): Promise<JobStatus[]> {
  const found = await new FactLoader(session).run(['sh', '-c', 'cd "$1" 2>/dev/null && ls', 'lab', jobsFolder]);
  const names = found.stdout.split('\n').filter(isJobName);
  const facts = new FactLoader(session);
  const jobs = await Promise.all(
    names.map(async (name) => {
      const { manifest, result, timer, service } = placesOf(name);
      const [manifestText, resultText, waiting, work] = await Promise.all([
        facts.content(manifest),
        facts.content(result),
        facts.run(show(timer, 'NextElapseUSecRealtime')),
        facts.run(show(service, 'ActiveState,Result,ExecMainStatus')),
      ]);
      const job = manifestText === null ? undefined : parseManifest(Buffer.from(manifestText).toString());
      const written = resultText === null ? undefined : parseResult(Buffer.from(resultText).toString());
      return job === undefined ? [] : [statusOf(job, written, properties(waiting.stdout), properties(work.stdout))];
    }),
  );
  return jobs.flat();
}

/** Times in UTC, whatever the host's zone and language. */
function show(unit: string, names: string): string[] {
  return ['env', 'TZ=UTC', 'LC_ALL=C', 'systemctl', 'show', '-p', names, '--', unit];
}

function properties(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split('\n').flatMap((line): [string, string][] => {
      const at = line.indexOf('=');
      return at > 0 ? [[line.slice(0, at), line.slice(at + 1)]] : [];
    }),
  );
}

type Properties = ReadonlyMap<string, string>;

/** What the job wrote down, and what systemd says of it: a job that was killed, or never began, writes nothing. */
export function statusOf(job: Job, written: JobResult | undefined, timer: Properties, service: Properties): JobStatus {
  const active = service.get('ActiveState');
  const nextRun = isoTime(timer.get('NextElapseUSecRealtime'));
  const { startedAt = null, endedAt = null, exitCode = null, summary = '' } = written ?? {};
  const last = { startedAt, endedAt, exitCode, summary };
  if (active === 'activating' || active === 'active')
    return { job, state: 'running', nextRun, last: written === undefined ? null : last };
  const unfinished = written !== undefined && written.endedAt === null;
  if (unfinished || (active === 'failed' && (exitCode === null || exitCode === 0))) {
    const result = service.get('Result');
    const status = Number(service.get('ExecMainStatus') ?? '');
    const why =
      active === 'failed' ? `systemd: ${result} ${status || ''}`.trimEnd() : 'it was ended before it was done';
    const code = Number.isInteger(status) && status !== 0 ? status : null;
    return { job, state: 'failed', nextRun, last: { startedAt, endedAt: null, exitCode: code, summary: why } };
  }
  if (written === undefined) return { job, state: 'never-run', nextRun, last: null };
  return { job, state: exitCode === 0 ? 'succeeded' : 'failed', nextRun, last };
}

/** `Mon 2026-11-30 00:00:00 UTC` */
function isoTime(text: string | undefined): string | null {
  const [, day, time] = /(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) UTC/.exec(text ?? '') ?? [];
  return day === undefined ? null : `${day}T${time}Z`;
}
