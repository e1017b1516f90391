import { existsSync } from 'node:fs';
import pLimit from 'p-limit';
import type { Host, Inventory } from '../../model/types.ts';
import { jobsFolder } from '../../schedule/job.ts';
import { type JobStatus, readJobs } from '../../schedule/jobs.ts';
import { asLabError, LabError } from '../../shared/errors.ts';
import { suggestion } from '../../shared/suggest.ts';
import { type Reach, reachHosts } from '../endpoints.ts';
import { inventoryOf } from '../open-hosts.ts';
import { withPasswords } from '../passwords.ts';
import { printError } from '../print-error.ts';
import type { JobOptions } from '../schedule.ts';
import { type Control, controlOf, onHost } from './control.ts';

/** Where jobs may be, and how to get there. */
export interface Field {
  readonly inventory: Inventory;
  readonly reach: Reach;
  readonly controls: readonly Control[];
}

export interface FoundJob {
  readonly control: Control;
  readonly status: JobStatus;
}

/** The host of `--on`; else all of the inventory that are machines of their own, and this one when it has jobs. */
export async function fieldOf(options: JobOptions): Promise<Field> {
  const known = await inventoryOf(options.inventory).catch((thrown: unknown) => {
    if (asLabError(thrown).code === 'INVENTORY_NOT_FOUND' && options.on === undefined) return undefined;
    throw thrown;
  });
  const inventory = known?.inventory ?? emptyInventory;
  const reach = await reachHosts(inventory, known?.file ?? 'inventory.ts', {
    accept: options.acceptNewHostKeys === true,
  });
  const declared = options.on === undefined ? [...inventory.hosts.values()] : [controlOf(inventory, options.on).host];
  const hosts = await withPasswords(declared, options);
  const here = options.on === undefined && (existsSync(jobsFolder) || known === undefined);
  const own = here && hasJobsToSee(known === undefined) ? [controlOf(undefined, undefined)] : [];
  return { inventory, reach, controls: [...own, ...hosts.map((host: Host) => ({ host, name: host.name }))] };
}

/** Without root, jobs of this machine are left out, unless there is nothing else to look at. */
function hasJobsToSee(onlyHere: boolean): boolean {
  if (onlyHere || process.getuid?.() === 0) return true;
  process.stderr.write('the jobs of this machine are for root to see: they are left out\n');
  return false;
}

const emptyInventory: Inventory = {
  source: undefined,
  hosts: new Map(),
  groups: new Map(),
  devices: new Map(),
  networks: new Map(),
  services: new Map(),
  flows: [],
};

/** All jobs, and the hosts that could not say whether they have some. */
export async function allJobs(
  { controls, reach }: Field,
  forks: number,
): Promise<{ readonly jobs: readonly FoundJob[]; readonly errors: readonly LabError[] }> {
  const limit = pLimit(forks);
  const outcomes = await Promise.all(
    controls.map((control) =>
      limit(async () => {
        try {
          const jobs = await onHost(control.host, reach, readJobs);
          return jobs.map((status): FoundJob => ({ control, status }));
        } catch (thrown) {
          return asLabError(thrown).with({ host: control.name });
        }
      }),
    ),
  );
  const jobs = outcomes.flatMap((outcome) => (outcome instanceof LabError ? [] : outcome));
  // This machine can be a host of the inventory as well.
  const unique = new Map(jobs.map((found) => [`${found.status.job.name}@${found.status.job.control}`, found]));
  return { jobs: [...unique.values()], errors: outcomes.filter((outcome) => outcome instanceof LabError) };
}

/**
 * The job of a name, wherever it is.
 *
 * @throws LabError SCHEDULE_JOB when there is none, or more than one
 */
export async function findJob(name: string, field: Field, forks: number): Promise<FoundJob> {
  const { jobs, errors } = await allJobs(field, forks);
  const found = jobs.filter(({ status }) => status.job.name === name);
  const [first, second] = found;
  if (first !== undefined && second === undefined) return first;
  for (const error of errors) printError(error);
  if (second !== undefined) {
    throw new LabError('SCHEDULE_JOB', `several hosts have a job "${name}"`, {
      found: found.map(({ control }) => control.name).join(', '),
      hint: 'say which: --on HOST',
    });
  }
  throw new LabError('SCHEDULE_JOB', `there is no scheduled job "${name}"`, {
    found: `looked on ${field.controls.map((control) => control.name).join(', ')}`,
    hint: `${suggestion(
      name,
      jobs.map(({ status }) => status.job.name),
    )}; what an interrupted set-up left goes with: lab schedule remove ${name} --on HOST`,
  });
}
