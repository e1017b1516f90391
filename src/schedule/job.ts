import { basename } from 'node:path';
import { z } from 'zod';
import { LabError } from '../shared/errors.ts';

/** Where everything of scheduled jobs is on a control host. */
export const jobsFolder = '/var/lib/lab-schedule';
/** Programs, as /var is mounted `noexec` on some hosts. */
export const programsFolder = '/usr/local/lib/lab-schedule';

/** With `lab-job-` before it, the longest name that useradd(8) takes. */
const namePattern = /^[a-z][a-z0-9-]{0,23}$/;

/** How a job logs in to a host, after the `~/.ssh/config` of whoever scheduled it had its say. */
const login = z.object({
  user: z.string(),
  address: z.string(),
  port: z.int(),
  /** Outermost first: names of the inventory, or as `ssh` would have them. */
  jumps: z.array(z.string()),
});
export type Login = z.output<typeof login>;

const manifest = z.object({
  version: z.literal(1),
  name: z.string().regex(namePattern),
  /** Name of the control host in the inventory; the machine's own name for one that is not in it. */
  control: z.string(),
  /** Relative to the repository. */
  playbook: z.string(),
  /** Further words of `lab run`. */
  options: z.array(z.string()),
  calendar: z.string(),
  /** A time span of systemd.time(7). */
  delay: z.string(),
  /** Hosts that the job logs in to, jump hosts among them. */
  logins: z.record(z.string(), login),
  node: z.object({ path: z.string(), from: z.enum(['host', 'package', 'copy']) }),
  notify: z.object({ url: z.string().optional(), command: z.string().optional() }).optional(),
});

/** A job as its control host keeps it, in `job.json`. */
export type Job = z.output<typeof manifest>;

/** Paths, account and units of a job. */
export interface JobPlaces {
  readonly user: string;
  /** Everything but a copied Node, root's; the job may read it. */
  readonly folder: string;
  readonly manifest: string;
  readonly program: string;
  readonly repository: string;
  /** The job's own: key, cache, last result. */
  readonly home: string;
  readonly key: string;
  readonly result: string;
  readonly token: string;
  readonly identity: string;
  /** Folder and file of a copied Node. */
  readonly nodeFolder: string;
  readonly node: string;
  readonly service: string;
  readonly timer: string;
  readonly notifyService: string;
}

/** @throws LabError USAGE for what is no name of a job, and would be part of paths */
export function placesOf(name: string): JobPlaces {
  jobName('', name);
  const folder = `${jobsFolder}/${name}`;
  const home = `${folder}/home`;
  const nodeFolder = `${programsFolder}/${name}`;
  return {
    user: `lab-job-${name}`,
    folder,
    manifest: `${folder}/job.json`,
    program: `${folder}/program`,
    repository: `${folder}/repository`,
    home,
    key: `${home}/.ssh/id_ed25519`,
    result: `${home}/result.json`,
    token: `${home}/notify.token`,
    identity: `${home}/identity.txt`,
    nodeFolder,
    node: `${nodeFolder}/node`,
    service: `lab-schedule-${name}.service`,
    timer: `lab-schedule-${name}.timer`,
    notifyService: `lab-schedule-notify@${name}.service`,
  };
}

/** Comment of the job's key wherever it is authorised: it tells people what it is, and `lab` which lines are its own. */
export function keyComment(name: string, control: string): string {
  return `lab-schedule:${name}@${control}`;
}

export function isJobName(text: string): boolean {
  return namePattern.test(text);
}

/** @throws LabError USAGE */
export function jobName(playbook: string, given: string | undefined): string {
  const name = given ?? basename(playbook).replace(/\.[cm]?[jt]s$/, '');
  if (isJobName(name)) return name;
  throw new LabError('USAGE', given === undefined ? 'the job needs a name' : 'this cannot be the name of a job', {
    expected: 'lower-case letters, digits and "-", beginning with a letter, at most 24',
    found: name,
    ...(given === undefined && { hint: 'give it one: --name NAME' }),
  });
}

export function manifestText(job: Job): string {
  return `${JSON.stringify(job, null, 2)}\n`;
}

/** Undefined for what is no manifest of this version: a job of a newer `lab`, or a damaged one. */
export function parseManifest(text: string): Job | undefined {
  try {
    return manifest.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

const result = z.object({
  version: z.literal(1),
  /** ISO 8601, UTC. */
  startedAt: z.string(),
  /** `null` while it runs, or when it was ended from outside. */
  endedAt: z.string().nullable(),
  exitCode: z.int().nullable(),
  /** One line. */
  summary: z.string(),
  /** The end of what it printed. */
  output: z.string(),
});

/** What became of the last run of a job; the job itself writes it, in `result.json`. */
export type JobResult = z.output<typeof result>;

export function parseResult(text: string): JobResult | undefined {
  try {
    return result.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
