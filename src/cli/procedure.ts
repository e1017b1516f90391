import type { Procedure } from '../playbook/procedure.ts';
import { procedureRenderer } from '../report/procedure-renderer.ts';
import { terminalOf } from '../report/terminal.ts';
import { namesOf, nothingToDo, type ProcedureEvent, runProcedure } from '../runner/procedure.ts';
import type { ExitCode } from '../shared/errors.ts';
import { LabError } from '../shared/errors.ts';
import { reachHosts } from './endpoints.ts';
import { exportMemoryOf } from './export-memory.ts';
import { lockOf, saveOrWarn } from './host-keys.ts';
import { withPasswords } from './passwords.ts';
import type { ConnectOptions, ShowOptions } from './run-options.ts';
import { stopOnInterrupt } from './stop-on-interrupt.ts';

export type OperateProcedure = ConnectOptions &
  ShowOptions & {
    readonly limit: readonly string[];
    readonly check: boolean;
    readonly guardSeconds?: number | undefined;
    readonly given: Readonly<Record<string, unknown>>;
    /** Shows nothing when there is nothing to do. */
    readonly onlyWhenBegun?: boolean | undefined;
  };

/** Runs a procedure as the options say, and shows it. */
export async function operateProcedure(
  procedure: Procedure,
  file: string,
  options: OperateProcedure,
): Promise<ExitCode> {
  const { inventory } = procedure;
  const selected = namesOf(procedure, options.limit);
  if (selected.size === 0)
    throw new LabError('HOST_PATTERN', 'no host is left to work on', { found: options.limit.join(',') });
  const hosts = await withPasswords([...inventory.hosts.values()], options);
  const renderer = procedureRenderer(procedure.name, {
    output: options.output,
    diff: options.diff === true,
    verbose: options.verbose === true,
    stream: process.stdout,
    ...terminalOf(process.stdout),
  });
  const reach = await reachHosts(inventory, file, {
    accept: options.acceptNewHostKeys === true,
    suspend: () => renderer.suspend(),
  });
  const lock = await lockOf(inventory, file);
  const stop = stopOnInterrupt(renderer);
  try {
    return await runProcedure({
      procedure,
      given: options.given,
      hosts,
      selected,
      check: options.check,
      forks: options.forks,
      guardSeconds: options.guardSeconds,
      connect: (host, which) => reach(host, which, stop.signal),
      exportMemory: exportMemoryOf(lock, inventory),
      remember: () => (options.check ? Promise.resolve() : saveOrWarn(lock)),
      stop: stop.signal,
      onEvent: (event) => renderer.handle(event),
      onProcedure: (event) => {
        if (!(options.onlyWhenBegun && isNothing(event))) renderer.procedure(event);
      },
    });
  } finally {
    stop.end();
    await renderer.close();
  }
}

function isNothing(event: ProcedureEvent): boolean {
  if (event.event === 'prepared') return event.steps.length === 0;
  return event.event === 'finished' && event.text === nothingToDo && event.pending.length === 0;
}
