import { type Command, Option } from 'commander';
import type { Session } from '../remote/session.ts';
import { runLines, runRecord, type ShownRun, shownLines, shownRecord } from '../report/history-table.ts';
import { controlScript } from '../runner/apply/control-script.ts';
import { JournalReader } from '../runner/journal/read.ts';
import { takenBack } from '../runner/journal/select.ts';
import { type ExitCode, exitCodes, LabError } from '../shared/errors.ts';
import { type HostOutcome, onHosts } from './open-hosts.ts';
import { printError } from './print-error.ts';
import { readRuns } from './read-runs.ts';
import { addConnectOptions, addLimitOption, type ConnectOptions, count } from './run-options.ts';

type Options = ConnectOptions & {
  readonly inventory?: string;
  readonly limit: readonly string[];
  readonly output: 'plain' | 'json';
};

export function register(program: Command): void {
  const history = withOptions(
    program.command('history [hosts]').description('what runs did on the hosts, and how they ended'),
  )
    .addHelpText(
      'after',
      `
Every host keeps the journal of its own last runs (50, or what keepRuns of a playbook says), readable for root alone.
States: complete; failed; stopped by Ctrl-C; reverted (onDisconnect) and guard-reverted: taken back; unattended: finished
after the controller was gone; interrupted: cut short, "lab resume" does the rest; damaged: its checksums do not fit.

Examples:
  lab history                                   the runs of all hosts, the last one at the bottom
  lab history vps
  lab history show 20261123T190205Z-5f3a9c      what this run changed, with the differences
  lab history prune --keep 10                   forget all but the last ten on every host`,
    )
    .action(async (hosts: string | undefined, options: Options) => {
      const outcomes = await onHosts([hosts ?? 'all'], options, readRuns);
      report(outcomes, options, (runs) => runs.map(runRecord), runLines);
    });

  withOptions(addLimitOption(history.command('show <run>').description('what one run changed, with the differences')))
    .addHelpText('after', '\nExample:\n  lab history show 20261123T190205Z-5f3a9c --limit vps')
    .action(async (run: string, _: unknown, command: Command) => {
      const options = optionsOf<Options>(command);
      const outcomes = await onHosts(limitOf(options), options, (session) => readRun(session, run));
      if (!outcomes.some(({ value, error }) => value !== null || error !== undefined))
        throw new LabError('RUN_UNKNOWN', `no host has a run ${run}`, {
          found: `looked on ${outcomes.map(({ host }) => host.name).join(', ')}`,
          hint: '"lab history" lists the runs of every host',
        });
      report(
        outcomes,
        options,
        (shown) => shown && shownRecord(shown),
        (hosts) => [...hosts].flatMap(([host, shown]) => (shown === null ? [] : shownLines(host, shown))),
      );
    });

  withOptions(
    addLimitOption(history.command('prune').description('forget runs, except what rollbacks to the first state need')),
  )
    .option('--keep <n>', 'how many of the last runs stay', count, 50)
    .addHelpText('after', '\nExample:\n  lab history prune --keep 10 --limit vps')
    .action(async (_: unknown, command: Command) => {
      const options = optionsOf<Options & { readonly keep: number }>(command);
      const outcomes = await onHosts(limitOf(options), options, (session) => prune(session, options.keep));
      report(
        outcomes,
        options,
        (forgotten) => ({ forgotten }),
        (hosts) =>
          [...hosts].map(([host, { length }]) => `${host}: ${length} ${length === 1 ? 'run' : 'runs'} forgotten`),
      );
    });
}

function withOptions(command: Command): Command {
  return addConnectOptions(command)
    .option('-i, --inventory <file>', 'the inventory; default: that of this folder')
    .addOption(new Option('--output <form>', 'how to show it').choices(['plain', 'json']).default('plain'));
}

/** What was said wins over what is the default, whether it stands before or after the name of the subcommand. */
function optionsOf<Given extends Options>(command: Command): Given {
  const said = Object.entries(command.opts()).filter(([name]) => command.getOptionValueSource(name) !== 'default');
  return { ...command.opts(), ...command.parent?.opts(), ...Object.fromEntries(said) } as Given;
}

function limitOf({ limit }: Options): readonly string[] {
  return limit.length > 0 ? limit : ['all'];
}

/** Prints what hosts gave, the errors of others, and sets the exit code: that of the worst. */
function report<Value>(
  outcomes: readonly HostOutcome<Value>[],
  { output }: Options,
  record: (value: Value) => unknown,
  lines: (hosts: ReadonlyMap<string, Value>) => readonly string[],
): void {
  const values = new Map(
    outcomes.flatMap((outcome): [string, Value][] =>
      'value' in outcome ? [[outcome.host.name, outcome.value as Value]] : [],
    ),
  );
  const failures = outcomes.flatMap(({ host, error }) => (error === undefined ? [] : [{ host: host.name, error }]));
  if (output === 'json') {
    const hosts = {
      ...Object.fromEntries([...values].map(([host, value]) => [host, record(value)])),
      ...Object.fromEntries(failures.map(({ host, error }) => [host, { error: errorRecord(error) }])),
    };
    process.stdout.write(`${JSON.stringify({ version: 1, hosts })}\n`);
  } else {
    process.stdout.write(
      lines(values)
        .map((line) => `${line}\n`)
        .join(''),
    );
    for (const { error } of failures) printError(error);
  }
  process.exitCode = worst(failures.map(({ error }) => error.exitCode));
}

function errorRecord({ code, message, details: { expected, found, hint } }: LabError) {
  return { code, message, expected, found, hint };
}

function worst(codes: readonly ExitCode[]): ExitCode {
  return codes.includes(exitCodes.hostFailed) ? exitCodes.hostFailed : (codes[0] ?? exitCodes.asDeclared);
}

async function readRun(session: Session, name: string): Promise<ShownRun | null> {
  const reader = new JournalReader(session);
  const runs = await reader.runs();
  const run = runs.find((one) => one.run === name);
  if (run === undefined) return null;
  const actions = await reader.actions([run]);
  const later = await reader.readable(runs.slice(runs.indexOf(run) + 1));
  return { run, actions, takenBack: takenBack(later.actions) };
}

async function prune(session: Session, keep: number): Promise<readonly string[]> {
  const lock = await new JournalReader(session).lock();
  if (lock?.has('held'))
    throw new LabError('HOST_LOCKED', 'a run is at work on this host', {
      found: `run ${lock.get('run')} of ${lock.get('who')}`,
      hint: 'prune when it has ended; "lab unlock" looks closer',
    });
  const frames = await session.request(`${controlScript}\nlab_b pruned\nlab_prune ${keep}\nlab_e pruned 0`);
  const text = frames.get('pruned')?.body.toString().trim() ?? '';
  return text === '' ? [] : text.split('\n');
}
