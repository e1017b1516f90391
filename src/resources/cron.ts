import { z } from 'zod';
import type { FileFact } from '../remote/facts/contract.ts';
import { LabError } from '../shared/errors.ts';
import type { Change } from './contract.ts';
import { defineResource } from './define-resource.ts';
import { isCronSchedule } from './shared/cron-schedule.ts';
import { type CurrentFile, diffManagedFile, type ManagedFile, readManagedFile } from './shared/managed-file.ts';
import { claimOwnPath } from './shared/path-claims.ts';
import { removalOf } from './shared/removal.ts';
import { accountName, plainText } from './shared/schemas.ts';

const oneLine = plainText.min(1).refine((text) => !/[\r\n\0]/.test(text), { error: 'one line' });

const props = z
  .strictObject({
    /** File name in `/etc/cron.d`; cron ignores names with other characters, such as a dot. */
    name: z.string().regex(/^[A-Za-z0-9_-]+$/, { error: 'cron reads only names of letters, digits, "_" and "-"' }),
    state: z.enum(['present', 'absent']).default('present'),
    /** Five fields of crontab(5) or `@daily` and the like. */
    schedule: z
      .string()
      .refine(isCronSchedule, { error: 'a schedule has five fields (minute hour day month weekday), or is @daily …' })
      .optional(),
    /** For `sh`, as one line; a percent sign is escaped for cron. */
    command: oneLine.optional(),
    user: accountName.default('root'),
    /** Variables for the command, e.g. `MAILTO`. */
    env: z
      .record(
        z.string().regex(/^[A-Za-z_]\w*$/),
        z.string().refine((value) => !/[\r\n\0]/.test(value)),
      )
      .default({}),
  })
  .refine((job) => job.state === 'absent' || (job.schedule !== undefined && job.command !== undefined), {
    error: 'a job needs schedule and command',
  });
type Props = z.output<typeof props>;

type Current =
  | { readonly state: 'present'; readonly current: CurrentFile; readonly userExists: boolean }
  | { readonly state: 'absent'; readonly fact: FileFact };

/**
 * A job in `/etc/cron.d`. Needs a cron daemon on the host; for systemd alone use a timer.
 *
 * @throws LabError RESOURCE_PROPS when props do not fit
 * @example
 * cron({ name: 'backup', schedule: '30 3 * * *', command: '/usr/local/bin/backup --quiet', user: 'backup' });
 */
export const cron = defineResource({
  type: 'cron',
  props,
  id: ({ name }) => name,
  paths: (props) => claimOwnPath({ path: pathOf(props), state: props.state }),
  async read(host, props): Promise<Current> {
    if (props.state === 'absent') return { state: 'absent', fact: await host.file(pathOf(props)) };
    const [current, user] = await Promise.all([
      readManagedFile(host, fileOf(props)),
      props.user === 'root' || host.user(props.user, { packagesMayCreate: true }),
    ]);
    return { state: 'present', current, userExists: user !== null };
  },
  diff(props, current): readonly Change[] {
    if (current.state === 'absent') return removalOf(current.fact);
    if (current.current.parent?.kind === 'absent') {
      throw new LabError('PLAN_IMPOSSIBLE', 'the host has no cron: /etc/cron.d does not exist', {
        hint: `declare packages({ names: ['cron'] }) before it, or use a timer`,
      });
    }
    if (!current.userExists) {
      throw new LabError('PLAN_IMPOSSIBLE', `the job "${props.name}" runs as "${props.user}", who does not exist`, {
        hint: `declare user({ name: '${props.user}' }) before it`,
      });
    }
    return diffManagedFile(fileOf(props), current.current);
  },
});

function pathOf({ name }: Props): string {
  return `/etc/cron.d/${name}`;
}

function fileOf(props: Props): ManagedFile {
  const { schedule = '', command = '', user, env } = props;
  const variables = Object.entries(env).map(([name, value]) => `${name}="${value}"\n`);
  const job = `${schedule.trim()} ${user} ${command.replaceAll('%', '\\%')}\n`;
  const content = ['# Written by lab; changes made here are lost.\n', ...variables, job].join('');
  return { path: pathOf(props), content, mode: '0644', owner: 'root', group: 'root' };
}
