import { jobName } from '../../schedule/job.ts';
import { removalRole } from '../../schedule/role.ts';
import { type ExitCode, LabError } from '../../shared/errors.ts';
import { resolveEndpoint } from '../../transport/ssh-config.ts';
import type { JobOptions } from '../schedule.ts';
import { controlOf } from './control.ts';
import { type Field, type FoundJob, fieldOf, findJob } from './find-job.ts';
import { runRole } from './run-role.ts';

/** `lab schedule remove NAME` */
export async function removeJob(name: string, options: JobOptions): Promise<ExitCode> {
  jobName('', name);
  const field = await fieldOf(options);
  const found = await findIfThere(name, field, options);
  const control = found?.control ?? controlOf(field.inventory, options.on);
  const users = await usersOf(found, field);
  const others = [...users.keys()].flatMap((host) => field.inventory.hosts.get(host) ?? []);
  const hosts = [control.host, ...others.filter((host) => host.name !== control.host.name)];
  const role = removalRole({ name, control: found?.status.job.control ?? control.name }, control.host.name, users);
  // A playbook of its own: what the other one declared is not orphaned, but removed here.
  const { exitCode } = await runRole(`remove schedule ${name}`, role, hosts, field.inventory, field.reach, options);
  return exitCode;
}

/** With `--on` a job that is gone is no mistake: what is left of it elsewhere is looked for. */
async function findIfThere(name: string, field: Field, options: JobOptions): Promise<FoundJob | undefined> {
  try {
    return await findJob(name, field, options.forks);
  } catch (thrown) {
    if (options.on !== undefined && thrown instanceof LabError && thrown.code === 'SCHEDULE_JOB') return undefined;
    throw thrown;
  }
}

/** As whom the job logged in, where; for a job that is gone, to every host that it could have. */
async function usersOf(found: FoundJob | undefined, { inventory }: Field): Promise<ReadonlyMap<string, string>> {
  const logins = found?.status.job.logins;
  if (logins !== undefined) {
    const gone = Object.keys(logins).filter((host) => !inventory.hosts.has(host));
    if (gone.length > 0)
      process.stderr.write(`no longer in the inventory, so the key of the job stays there: ${gone.join(', ')}\n`);
    return new Map(Object.entries(logins).map(([host, { user }]) => [host, user]));
  }
  const reachable = [...inventory.hosts.values()].filter(
    ({ connection }) => connection.transport === 'ssh' || connection.transport === 'openssh',
  );
  return new Map(
    await Promise.all(
      reachable.map(async ({ name, connection }): Promise<[string, string]> => {
        const { user } = await resolveEndpoint({ ...connection, name });
        return [name, user];
      }),
    ),
  );
}
