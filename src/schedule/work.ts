import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeWhole } from '../secrets/write-whole.ts';
import { LabError } from '../shared/errors.ts';
import { packageRoot } from '../shared/own-package.ts';
import { type Job, type JobResult, parseManifest, placesOf } from './job.ts';
import { jobVariable } from './logins.ts';

const outputKept = 3000;

/** @throws LabError SCHEDULE_JOB for a name that is no job of this machine */
export function readOwnJob(name: string): Job {
  const { manifest } = placesOf(name);
  const job = existsSync(manifest) ? parseManifest(readFileSync(manifest, 'utf8')) : undefined;
  if (job !== undefined) return job;
  throw new LabError('SCHEDULE_JOB', `this machine has no scheduled job "${name}"`, {
    found: `nothing in ${manifest}`,
  });
}

/** Words of `lab` that the job is. Its own come before those of the user, who may choose another output. */
export function jobCommand({ playbook, options }: Pick<Job, 'playbook' | 'options'>, check: boolean): string[] {
  // The types were checked where it was scheduled; after the options, as `--` may be among them.
  return ['run', '--no-type-check', '--output', 'plain', ...(check ? ['--check'] : []), ...options, '--', playbook];
}

/**
 * The job itself, on its control host: `lab run` as a process of its own, what it prints passed on, and in the end written
 * down what became of it.
 *
 * @param check only looks, and writes nothing down
 * @returns its exit code
 */
export async function workOn(name: string, check: boolean): Promise<number> {
  const job = readOwnJob(name);
  const places = placesOf(name);
  const startedAt = new Date().toISOString();
  const record = (result: Pick<JobResult, 'endedAt' | 'exitCode' | 'summary' | 'output'>) =>
    check
      ? Promise.resolve()
      : writeWhole(places.result, `${JSON.stringify({ version: 1, startedAt, ...result }, null, 2)}\n`, 0o600);
  await record({ endedAt: null, exitCode: null, summary: '', output: '' });
  const child = spawn(process.execPath, [join(packageRoot, 'bin', 'lab.js'), ...jobCommand(job, check)], {
    cwd: places.repository,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      [jobVariable]: places.manifest,
      ...(existsSync(places.identity) && { LAB_AGE_IDENTITY_FILE: places.identity }),
    },
  });
  const heard = { stdout: '', stderr: '', all: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      process[stream].write(text);
      heard[stream] = (heard[stream] + text).slice(-outputKept);
      heard.all = (heard.all + text).slice(-outputKept);
    });
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => child.kill(signal));
  const exitCode = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 130));
  });
  const summary = summaryOf(heard.stdout, heard.stderr);
  await record({ endedAt: new Date().toISOString(), exitCode, summary, output: heard.all.trimEnd() });
  return exitCode;
}

/** The sentence that a run ends with; what went wrong when it did not come that far. */
export function summaryOf(stdout: string, stderr: string): string {
  const lines = (text: string) => text.split('\n').filter((line) => line.trim() !== '');
  const error = lines(stderr).find((line) => /^[A-Z][A-Z_]+: /.test(line));
  return (lines(stdout).at(-1) ?? error ?? lines(stderr).at(-1) ?? 'it said nothing').trim();
}
