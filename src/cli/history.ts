import { type Command, Option } from 'commander';
import type { Session } from '../remote/session.ts';
import { tableLines } from '../report/table.ts';
import { visible, visibleLine } from '../report/visible.ts';
import { controlScript } from '../runner/apply/control-script.ts';
import { type JournaledActionState, type JournaledRun, JournalReader } from '../runner/journal/read.ts';
import { type ExitCode, formatError, LabError } from '../shared/errors.ts';
import { type HostOutcome, onHosts } from './open-hosts.ts';
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
      const outcomes = await onHosts([hosts ?? 'all'], options, (session) => new JournalReader(session).runs());
      report(outcomes, options, listRuns);
    });

  withOptions(addLimitOption(history.command('show <run>').description('what one run changed, with the differences')))
    .addHelpText('after', '\nExample:\n  lab history show 20261123T190205Z-5f3a9c --limit vps')
    .action(async (run: string, _: unknown, command: Command) => {
      const options = command.optsWithGlobals<Options>();
      const outcomes = await onHosts(limitOf(options), options, (session) => readRun(session, run));
      if (!outcomes.some(({ value, error }) => value !== null || error !== undefined))
        throw new LabError('RUN_UNKNOWN', `no host has a run ${run}`, {
          found: `looked on ${outcomes.map(({ host }) => host.name).join(', ')}`,
          hint: '"lab history" lists the runs of every host',
        });
      report(outcomes, options, showRuns);
    });

  withOptions(
    addLimitOption(history.command('prune').description('forget runs, except what rollbacks to the first state need')),
  )
    .option('--keep <n>', 'how many of the last runs stay', count, 50)
    .addHelpText('after', '\nExample:\n  lab history prune --keep 10 --limit vps')
    .action(async (_: unknown, command: Command) => {
      const options = command.optsWithGlobals<Options & { readonly keep: number }>();
      const outcomes = await onHosts(limitOf(options), options, (session) => prune(session, options.keep));
      report(outcomes, options, (all) =>
        all.map(
          ({ host, value }) => `${host.name}: ${value?.length ?? 0} ${value?.length === 1 ? 'run' : 'runs'} forgotten`,
        ),
      );
    });
}

function withOptions(command: Command): Command {
  return addConnectOptions(command)
    .option('-i, --inventory <file>', 'the inventory; default: that of this folder')
    .addOption(new Option('--output <form>', 'how to show it').choices(['plain', 'json']).default('plain'));
}

function limitOf({ limit }: Options): readonly string[] {
  return limit.length > 0 ? limit : ['all'];
}

/** Prints what hosts gave, the errors of others, and sets the exit code. */
function report<Value>(
  outcomes: readonly HostOutcome<Value>[],
  { output }: Options,
  lines: (outcomes: readonly HostOutcome<Value>[]) => readonly string[],
): void {
  const told = outcomes.filter(({ error }) => error === undefined);
  if (output === 'json') {
    const hosts = Object.fromEntries(
      outcomes.map(({ host, value, error }) => [
        host.name,
        error === undefined ? value : { error: { code: error.code, message: error.message } },
      ]),
    );
    process.stdout.write(`${JSON.stringify({ version: 1, hosts })}\n`);
  } else
    process.stdout.write(
      lines(told)
        .map((line) => `${line}\n`)
        .join(''),
    );
  for (const { error } of outcomes)
    if (error !== undefined && output !== 'json') process.stderr.write(`${formatError(error)}\n`);
  const codes = outcomes.flatMap(({ error }): ExitCode[] => (error === undefined ? [] : [error.exitCode]));
  process.exitCode = codes[0] ?? 0;
}

function listRuns(outcomes: readonly HostOutcome<readonly JournaledRun[]>[]): readonly string[] {
  const rows = outcomes
    .flatMap(({ host, value }) => (value ?? []).map((run) => ({ host: host.name, run })))
    .sort((a, b) => (a.run.run < b.run.run ? -1 : a.run.run > b.run.run ? 1 : 0))
    .map(({ host, run }) => [
      run.run,
      run.since.replace('T', ' ').replace(/Z$/, ''),
      host,
      run.who,
      playbookOf(run),
      run.meta?.roles.join(', ') ?? '',
      String(run.done),
      stateOf(run),
    ]);
  if (rows.length === 0) return ['no run has changed these hosts yet'];
  return tableLines(['run', 'began (UTC)', 'host', 'who', 'playbook', 'roles', 'done', 'state'], rows);
}

function playbookOf({ meta }: JournaledRun): string {
  if (meta === undefined) return '';
  return meta.mode === 'rollback' ? `rollback of ${(meta.undoes ?? []).join(', ')}` : meta.playbook;
}

function stateOf({ state, locked }: JournaledRun): string {
  if (state === 'dead') return 'cut short';
  return state === 'running' || !locked ? state : `${state}, locked`;
}

interface ShownRun {
  readonly run: JournaledRun;
  readonly actions: readonly JournaledActionState[];
}

async function readRun(session: Session, run: string): Promise<ShownRun | null> {
  const reader = new JournalReader(session);
  const found = (await reader.runs()).find((one) => one.run === run);
  return found === undefined ? null : { run: found, actions: await reader.actions([found]) };
}

function showRuns(outcomes: readonly HostOutcome<ShownRun | null>[]): readonly string[] {
  return outcomes.flatMap(({ host, value }) => {
    if (value === null || value === undefined) return [];
    const { run, actions } = value;
    const head = `${host.name}  ${stateOf(run)}  ${playbookOf(run)} by ${run.who}, ${run.since}`;
    return [visibleLine(head), ...actions.flatMap(showAction), ''];
  });
}

const fates: Readonly<Record<string, string>> = {
  begin: 'cut short',
  done: '',
  failed: 'failed, and taken back',
  reverted: 'taken back',
};

function showAction({ action, fate }: JournaledActionState): string[] {
  const note = fate === null ? 'not begun' : (fates[fate] ?? '');
  const role = action.role === null ? '' : ` (role ${action.role})`;
  const title = `  ${action.title}${role}${note === '' ? '' : `  ${note}`}`;
  return [
    visibleLine(title),
    ...action.changes.flatMap(({ attribute, before, after, diff, trigger }) =>
      diff === undefined
        ? [
            visibleLine(
              `    ${attribute}: ${before ?? 'absent'} → ${after ?? 'absent'}${trigger ? `, because of ${trigger}` : ''}`,
            ),
          ]
        : [
            `    ${attribute}:`,
            ...visible(diff)
              .split('\n')
              .map((line) => `      ${line}`),
          ],
    ),
  ];
}

async function prune(session: Session, keep: number): Promise<readonly string[]> {
  const lock = await new JournalReader(session).lock();
  if (lock !== null)
    throw new LabError('HOST_LOCKED', 'a run is at work on this host', {
      found: `run ${lock.get('run')} of ${lock.get('who')}`,
      hint: 'prune when it has ended; "lab unlock" looks closer',
    });
  const frames = await session.request(`${controlScript}\nlab_b pruned\nlab_prune ${keep}\nlab_e pruned 0`);
  const text = frames.get('pruned')?.body.toString().trim() ?? '';
  return text === '' ? [] : text.split('\n');
}
