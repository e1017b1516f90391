import { selectHosts } from '../model/select-hosts.ts';
import type { Host } from '../model/types.ts';
import type { Playbook } from '../playbook/contract.ts';
import { loadPlaybook } from '../playbook/load.ts';
import type { Procedure } from '../playbook/procedure.ts';
import { checkTypes } from '../playbook/type-check.ts';
import { createRenderer } from '../report/create-renderer.ts';
import type { Renderer } from '../report/renderer.ts';
import { terminalOf } from '../report/terminal.ts';
import type { RunEvent, RunMode } from '../runner/events.ts';
import { type RunOptions, type RunResult, run } from '../runner/run.ts';
import { findProject } from '../secrets/paths.ts';
import { openedSecrets, useSecrets } from '../secrets/secret.ts';
import { LabError } from '../shared/errors.ts';
import { keepAssigned } from './assigned-addresses.ts';
import { reachHosts } from './endpoints.ts';
import { exportMemoryOf } from './export-memory.ts';
import { lockOf, saveOrWarn } from './host-keys.ts';
import { identityOptions } from './identity-options.ts';
import { lastFailed, rememberFailed } from './last-failed.ts';
import { withPasswords } from './passwords.ts';
import type { ConnectOptions, LoadOptions, SelectOptions, ShowOptions } from './run-options.ts';
import { stopOnInterrupt } from './stop-on-interrupt.ts';

export type PlaybookOptions = SelectOptions &
  ConnectOptions &
  ShowOptions &
  LoadOptions & {
    readonly mode: RunMode;
    readonly prune?: boolean | undefined;
    readonly guardSeconds?: number | undefined;
    /** Shows the run instead of what `output` asks for. */
    readonly renderer?: Renderer;
    readonly review?: RunOptions['review'];
    readonly watch?: (event: RunEvent) => void;
    /** Parameters of a procedure. */
    readonly given?: Readonly<Record<string, unknown>>;
  };

/** What a command gets: also that of a procedure, which is many runs. */
export type PlaybookResult = Pick<RunResult, 'exitCode' | 'hosts'>;

/** Loads a playbook, runs it as the options say, and shows it: what `run`, `plan` and `apply` have in common. */
export async function runPlaybook(name: string, options: PlaybookOptions): Promise<PlaybookResult> {
  const folder = process.cwd();
  const { playbook, file } = await loadChecked(name, folder, options.typeCheck);
  if (playbook.kind === 'procedure') return runProcedureOf(playbook, file, name, options);
  refuseGiven(name, options.given);
  return runLoaded(playbook, file, options);
}

/** The same for a playbook that is there already; `file` is where it, or its inventory, stands. */
export async function runLoaded(playbook: Playbook, file: string, options: PlaybookOptions): Promise<PlaybookResult> {
  const folder = process.cwd();
  const { inventory } = playbook;
  const playsOf = (host: Host) =>
    playbook.plays.filter((play) => selectHosts(inventory, play.hosts).some(({ name }) => name === host.name));
  const limited = selectHosts(inventory, limitOf(options.limit, folder));
  const hosts = (await withPasswords(limited, options)).filter((host) => playsOf(host).length > 0);
  if (hosts.length === 0) {
    throw new LabError('HOST_PATTERN', 'no host is left to work on', {
      found: `--limit ${options.limit.join(',') || 'all'}, in a playbook for ${playbook.plays.flatMap((play) => play.hosts).join(', ')}`,
    });
  }
  const renderer = options.renderer ?? rendererFor(options);
  const reach = await reachHosts(inventory, file, {
    accept: options.acceptNewHostKeys === true,
    suspend: () => renderer.suspend(),
  });
  const lock = await lockOf(inventory, file);
  // Before a host has them: what is on a host and in no lock file could be assigned to another one next time.
  if (options.mode === 'run' || options.mode === 'apply') await keepAssigned(inventory, lock);
  const stop = stopOnInterrupt(renderer);
  try {
    const result = await run({
      ...options,
      playbook,
      hosts,
      playsOf,
      connect: (host, which) => reach(host, which, stop.signal),
      secrets: openedSecrets(),
      exportMemory: exportMemoryOf(lock, inventory),
      onEvent: (event) => {
        renderer.handle(event);
        options.watch?.(event);
      },
      stop: stop.signal,
    });
    if (options.mode === 'run' || options.mode === 'apply') await saveOrWarn(lock);
    const behind = result.hosts.filter(({ status }) => !['ok', 'changed', 'would-change'].includes(status));
    // Whoever looks first and runs then, both with @failed, means the same hosts.
    if (options.mode === 'run' || options.mode === 'apply') {
      rememberFailed(
        folder,
        behind.map(({ host }) => host),
      );
    }
    return result;
  } finally {
    stop.end();
    await renderer.close();
  }
}

/**
 * Flags that only a procedure knows.
 *
 * @throws LabError USAGE
 */
export function refuseGiven(name: string, given: Readonly<Record<string, unknown>> = {}): void {
  const flags = Object.entries(given).flatMap(([flag, value]) => (value === undefined ? [] : [flag]));
  if (flags.length === 0) return;
  throw new LabError('USAGE', `${name} is a playbook, and knows no ${flags.join(', ')}`, {
    expected: 'a procedure, such as rotate-keys.ts',
    found: 'a playbook',
  });
}

async function runProcedureOf(
  procedure: Procedure,
  file: string,
  name: string,
  options: PlaybookOptions,
): Promise<PlaybookResult> {
  const other = options.tags.length > 0 || options.skipTags.length > 0 || options.startAt || options.serial;
  if ((options.mode !== 'run' && options.mode !== 'check') || other || options.prune || options.renderer)
    throw new LabError('USAGE', `${name} is a procedure: its steps belong together`, {
      expected: 'lab run, with --check or --limit at most',
      hint: `lab run ${name} --check`,
    });
  const { operateProcedure } = await import('./procedure.ts');
  const { limit, ...rest } = options;
  const exitCode = await operateProcedure(procedure, file, {
    ...rest,
    limit: limitOf(limit, process.cwd()),
    check: options.mode === 'check',
    given: options.given ?? {},
  });
  return { exitCode, hosts: [] };
}

/** A type error is told before anything else, as the compiler sees more of it than a failing import does. */
export async function loadChecked(name: string, folder: string, typeCheck: boolean) {
  await useSecrets(projectOf(folder), identityOptions);
  const loading = loadPlaybook(name, folder);
  loading.catch(() => {}); // awaited below
  if (typeCheck) await checkTypes(name, folder);
  return loading;
}

/** A playbook can hold its inventory itself; then the project is the folder it is run in. */
function projectOf(folder: string): string {
  try {
    return findProject(folder);
  } catch {
    return folder;
  }
}

function limitOf(limit: readonly string[], folder: string): readonly string[] {
  const patterns = limit.flatMap((pattern) => (pattern === '@failed' ? lastFailed(folder) : [pattern]));
  if (patterns.length > 0) return patterns;
  if (limit.includes('@failed'))
    throw new LabError('HOST_PATTERN', 'no host failed in the last run: @failed names nobody');
  return ['all'];
}

export function rendererFor(options: ShowOptions): Renderer {
  return createRenderer({
    output: options.output,
    diff: options.diff === true,
    verbose: options.verbose === true,
    stream: process.stdout,
    ...terminalOf(process.stdout),
  });
}
