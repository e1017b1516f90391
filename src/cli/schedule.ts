import { type Command, Option } from 'commander';
import { exitCodes, LabError } from '../shared/errors.ts';
import { suggestion } from '../shared/suggest.ts';
import {
  addConnectOptions,
  addGuardOption,
  addLoadOptions,
  addShowOptions,
  type ConnectOptions,
  type GuardOption,
  type LoadOptions,
  type ShowOptions,
} from './run-options.ts';
import type { DeliverOptions } from './schedule/deliver.ts';

export type ScheduleOptions = ConnectOptions &
  ShowOptions &
  LoadOptions &
  GuardOption &
  DeliverOptions & {
    readonly on?: string;
    readonly name?: string;
    readonly calendar: string;
    readonly delay: string;
    readonly check?: boolean;
  };

export type JobOptions = ConnectOptions &
  GuardOption & {
    readonly on?: string;
    readonly inventory?: string;
    readonly check?: boolean;
    readonly diff?: boolean;
    readonly verbose?: boolean;
    readonly output: 'pretty' | 'plain' | 'json';
  };

export function register(program: Command): void {
  const schedule = program
    .command('schedule <playbook> [run-options...]')
    // They are those of lab run, which are checked there.
    .allowUnknownOption()
    .description('let a host, or this machine, run a playbook at certain times')
    .option('--on <host>', 'the control host, which runs it; default: this machine')
    .option('--calendar <when>', 'when, as systemd.time(7) writes it', 'weekly')
    .option('--delay <span>', 'begin up to this much later, by chance', '1h')
    .option('--name <name>', "of the job; default: the playbook's")
    .option('--notify <url>', 'POST there when it fails, as ntfy takes it')
    .option('--notify-command <file>', 'run this program of the control host when it fails')
    .option('--notify-token-file <file>', 'bearer token for --notify')
    .option('--from <addresses>', 'further addresses that its connections come from', addresses, [])
    .option(
      '--secrets-identity <file>',
      'age identity that opens the secrets of the project, copied to the control host',
    )
    .option('-c, --check', 'only say what would change; exit code 2 when something would');
  addLoadOptions(addGuardOption(addShowOptions(addConnectOptions(schedule))))
    .addHelpText(
      'after',
      `
Options that are not of this list, and all after --, are options of "lab run". The project is copied as it is now: schedule again after a change. The job gets a
user and an SSH key of its own on the control host; the key is authorised on the hosts that the playbook is for.
Exit codes: as "lab run"; 1 also when the job, tried with --check, does not get through.

Examples:
  lab schedule site.ts --on nas --calendar 'Sun 04:30'
  lab schedule rotate-keys.ts --on nas --calendar weekly --max-age 30d --notify https://ntfy.sh/my-topic
  lab schedule site.ts --on nas --name site-vps --check -- --limit vps
  lab schedule list                      what is scheduled, when it ran last and how that ended
  lab schedule run rotate-keys           now
  lab schedule remove rotate-keys        takes it back, its keys on other hosts included`,
    )
    .action(async (playbook: string, words: string[], options: ScheduleOptions) => {
      refuseOption(playbook, schedule);
      const { schedulePlaybook } = await import('./schedule/set-up.ts');
      process.exitCode = await schedulePlaybook(playbook, words, options);
    });
  registerJobCommands(schedule);
  registerOwnCommands(schedule);
}

/** What is not known goes on to `lab run`, but for the first word, which is the playbook. */
function refuseOption(playbook: string, { options }: Command): void {
  if (!playbook.startsWith('-')) return;
  throw new LabError('USAGE', `a playbook is expected before the option "${playbook}"`, {
    expected: 'lab schedule PLAYBOOK …',
    found: playbook,
    hint: suggestion(
      playbook,
      options.flatMap(({ long }) => long ?? []),
    ),
  });
}

function registerJobCommands(schedule: Command): void {
  const withOptions = (command: Command) =>
    addConnectOptions(
      command
        .option('--on <host>', 'the control host; default: wherever the job is')
        .option('-i, --inventory <file>', 'the inventory; default: that of this folder'),
    );
  withOptions(schedule.command('list').description('jobs with their next run and how the last one ended'))
    .addOption(new Option('--output <form>', 'how to show it').choices(['plain', 'json']).default('plain'))
    .addHelpText(
      'after',
      `
Exit codes: 0 all well, 1 the last run of a job failed, 3 a host was unreachable.

Examples:
  lab schedule list
  lab schedule list --on nas --output json`,
    )
    .action(async (_: unknown, command: Command) => {
      const { listJobs } = await import('./schedule/jobs.ts');
      process.exitCode = await listJobs(optionsOf(command));
    });
  withOptions(schedule.command('run <name>').description('start a job now, follow it, and end with its exit code'))
    .addHelpText('after', '\nCtrl-C stops following; the job goes on.\n\nExample:\n  lab schedule run rotate-keys')
    .action(async (name: string, _: unknown, command: Command) => {
      const { runJob } = await import('./schedule/jobs.ts');
      process.exitCode = await runJob(name, optionsOf(command));
    });
  addGuardOption(
    addShowOptions(
      withOptions(schedule.command('remove <name>').description('take a job back: units, files, user, and its keys')),
    ),
  )
    .option('-c, --check', 'only say what would change; exit code 2 when something would')
    .addHelpText(
      'after',
      `
The key is taken off every host that the job logged in to. One that is out of reach keeps a line that opens nothing any more,
as the private key is gone; call it again later.

Example:
  lab schedule remove rotate-keys --on nas`,
    )
    .action(async (name: string, _: unknown, command: Command) => {
      const { removeJob } = await import('./schedule/remove.ts');
      process.exitCode = await removeJob(name, optionsOf(command));
    });
}

/** What the units of a job call on its control host. */
function registerOwnCommands(schedule: Command): void {
  schedule
    .command('work <name>', { hidden: true })
    .description('is the job: its service calls it')
    .option('-c, --check', 'only say what would change')
    .addHelpText('after', '\nExample:\n  lab schedule work rotate-keys')
    .action(async (name: string, _: unknown, command: Command) => {
      const { workOn } = await import('../schedule/work.ts');
      process.exitCode = await workOn(name, optionsOf(command).check === true);
    });
  schedule
    .command('tell <name>', { hidden: true })
    .description('tells that the job failed: its service calls it')
    .addHelpText('after', '\nExample:\n  lab schedule tell rotate-keys')
    .action(async (name: string) => {
      const { tellOf } = await import('../schedule/tell.ts');
      const failures = await tellOf(name);
      for (const failure of failures) process.stderr.write(`lab schedule: could not notify: ${failure}\n`);
      process.exitCode = failures.length > 0 ? exitCodes.hostFailed : exitCodes.asDeclared;
    });
}

/** What was said wins over what is the default, whether it stands before or after the name of the subcommand. */
function optionsOf(command: Command): JobOptions {
  const said = Object.entries(command.opts()).filter(([name]) => command.getOptionValueSource(name) !== 'default');
  return { ...command.opts(), ...command.parent?.opts(), ...Object.fromEntries(said) } as JobOptions;
}

function addresses(value: string, before: readonly string[]): string[] {
  return [...before, ...value.split(',').map((part) => part.trim())];
}
