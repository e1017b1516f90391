import { z } from 'zod';
import { callSite } from '../shared/call-site.ts';
import { LabError } from '../shared/errors.ts';
import { problemsOf } from '../shared/schema-problems.ts';
import type { Resource, ResourceOptions } from './contract.ts';
import { absolutePath, accountName, argv } from './shared/schemas.ts';
import { execLine } from './systemd/exec-line.ts';
import { unit } from './unit.ts';
import { unitFile } from './unit-file.ts';

const calendar = z
  .string()
  .regex(/^[A-Za-z0-9*:.,/~ +_-]+$/, { error: 'a time as in systemd.time(7): "daily", "Mon *-*-* 04:30"' });

const props = z
  .strictObject({
    /** Of the units `NAME.timer` and `NAME.service`. */
    name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9:_.-]{0,200}$/, { error: 'a unit name without its type' }),
    state: z.enum(['present', 'absent']).default('present'),
    /** When it runs, as systemd.time(7) writes it; several are fine. `systemd-analyze calendar` explains one. */
    schedule: z.union([calendar, z.array(calendar).min(1)]).optional(),
    /** The program (absolute path) and its arguments; no shell is between. */
    argv: argv
      .refine((words) => words[0]?.startsWith('/') === true, { error: 'the program is an absolute path' })
      .optional(),
    runAs: accountName.optional(),
    cwd: absolutePath.optional(),
    description: z
      .string()
      .regex(/^[^\n\0]*$/, { error: 'one line' })
      .optional(),
    /** Runs at once after the host was off when it was due. Default true. */
    persistent: z.boolean().default(true),
    /** Spreads the start over this many seconds, so that not all hosts begin together. Default 0. */
    randomizedDelaySeconds: z.int().min(0).max(86_400).default(0),
    /** Further settings of the service, systemd.exec(5). */
    service: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}),
  })
  .refine(({ state, schedule, argv }) => (state === 'present') === (schedule !== undefined && argv !== undefined), {
    error: 'schedule and argv, and neither when it is to be absent',
  });

/**
 * A command at certain times: a systemd timer with its service, enabled and waiting. What it prints is in the journal,
 * `journalctl -u NAME`.
 *
 * @throws LabError RESOURCE_PROPS when props do not fit
 * @example
 * timer({ name: 'backup', schedule: '*-*-* 03:00', argv: ['/usr/local/bin/backup', '/srv'], randomizedDelaySeconds: 600 });
 * timer({ name: 'backup', state: 'absent' });
 */
export function timer(input: z.input<typeof props>, options: ResourceOptions = {}): readonly Resource[] {
  const at = callSite(timer);
  const parsed = props.safeParse(input);
  if (!parsed.success) {
    const errors = problemsOf(parsed.error, input).map(
      (problem) => new LabError('RESOURCE_PROPS', `timer: ${problem.message}`, { at, ...problem.details }),
    );
    throw (
      errors[0]?.with({ others: errors.slice(1) }) ?? new LabError('RESOURCE_PROPS', 'timer: props do not fit', { at })
    );
  }
  return (parsed.data.state === 'absent' ? removal(parsed.data.name, options) : declaration(parsed.data, options)).map(
    (resource) => ({ ...resource, at }),
  );
}

function declaration(given: z.output<typeof props>, options: ResourceOptions): readonly Resource[] {
  const { name, schedule = [], argv = [], runAs, cwd, description = name, persistent, randomizedDelaySeconds } = given;
  const service = unitFile(
    {
      name: `${name}.service`,
      sections: {
        Unit: { Description: description.replaceAll('%', '%%') },
        Service: {
          Type: 'oneshot',
          ...(runAs !== undefined && { User: runAs }),
          ...(cwd !== undefined && { WorkingDirectory: cwd.replaceAll('%', '%%') }),
          ...given.service,
          ExecStart: execLine(argv),
        },
      },
    },
    options,
  );
  const schedules = unitFile(
    {
      name: `${name}.timer`,
      sections: {
        Unit: { Description: description.replaceAll('%', '%%') },
        Timer: {
          OnCalendar: schedule,
          Persistent: persistent,
          ...(randomizedDelaySeconds > 0 && { RandomizedDelaySec: randomizedDelaySeconds }),
        },
        Install: { WantedBy: 'timers.target' },
      },
    },
    options,
  );
  const state = unit(
    { name: `${name}.timer`, state: 'running', enabled: true },
    { ...options, restartOn: [schedules] },
  );
  return [service, schedules, state];
}

/** The timer goes first: a service that is not there any more must not be due. */
function removal(name: string, options: ResourceOptions): readonly Resource[] {
  return [
    unitFile({ name: `${name}.timer`, state: 'absent' }, options),
    unitFile({ name: `${name}.service`, state: 'absent' }, options),
  ];
}
