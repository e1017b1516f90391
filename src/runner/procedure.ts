import { setTimeout as delay } from 'node:timers/promises';
import pLimit from 'p-limit';
import type { z } from 'zod';
import { selectHosts } from '../model/select-hosts.ts';
import type { Host } from '../model/types.ts';
import type { Play, Playbook } from '../playbook/contract.ts';
import {
  type Procedure,
  type ProcedureContext,
  type ProcedureStep,
  runNameOf,
  type StepOutcome,
} from '../playbook/procedure.ts';
import { FactLoader } from '../remote/facts/loader.ts';
import { asLabError, type ExitCode, exitCodes, formatError, LabError } from '../shared/errors.ts';
import { problemsOf } from '../shared/schema-problems.ts';
import type { RunEvent } from './events.ts';
import type { ExportMemory } from './exports.ts';
import { Lease } from './lease.ts';
import { HostLink } from './link.ts';
import { type RunOptions, run } from './run.ts';

export interface ProcedureOptions {
  readonly procedure: Procedure;
  /** Parameters of the command line; they win over those of the playbook. */
  readonly given: Readonly<Record<string, unknown>>;
  /** Every host of the inventory, with how to log in. */
  readonly hosts: readonly Host[];
  readonly selected: ReadonlySet<string>;
  readonly check: boolean;
  readonly forks?: number | undefined;
  readonly guardSeconds?: number | undefined;
  readonly connect: RunOptions['connect'];
  readonly exportMemory: ExportMemory;
  /** Keeps what was learned, after each step. */
  readonly remember: () => Promise<void>;
  readonly stop: AbortSignal;
  /** The events of the runs that steps are. */
  readonly onEvent: (event: RunEvent) => void;
  readonly onProcedure: (event: ProcedureEvent) => void;
}

/** The text of a procedure without steps. */
export const nothingToDo = 'nothing to do';

/** What is told of a procedure itself. */
export type ProcedureEvent =
  | { readonly event: 'prepared'; readonly findings: readonly string[]; readonly steps: readonly ProcedureStep[] }
  | { readonly event: 'step-started'; readonly name: string; readonly will: string }
  | { readonly event: 'step-finished'; readonly name: string; readonly text: string; readonly ms: number }
  | { readonly event: 'step-failed'; readonly name: string; readonly error: LabError; readonly ms: number }
  | { readonly event: 'undone'; readonly name: string; readonly text: string }
  | { readonly event: 'waiting'; readonly text: string }
  | {
      readonly event: 'finished';
      readonly exitCode: ExitCode;
      readonly pending: readonly string[];
      readonly text: string;
    };

/**
 * Runs a procedure: its steps in order; when one fails, those before are taken back, the last first, unless a final one is
 * among them. What a dead controller leaves is on the hosts, and the next run goes on from there.
 *
 * @throws LabError ROLE_PARAMS before any connection; HOST_LOCKED when another controller is at it
 */
export async function runProcedure(options: ProcedureOptions): Promise<ExitCode> {
  const { procedure, hosts, check, connect, given } = options;
  paramsOf(procedure, given);
  const { name = '', hosts: where = () => [] } = procedure.exclusive ?? {};
  const names = check ? [] : where();
  const shared = hosts.filter((host) => names.includes(host.name));
  await using _ = await Lease.take(name, shared, (host) => (which) => connect(host, which));
  return runSteps(options);
}

async function runSteps(options: ProcedureOptions): Promise<ExitCode> {
  const { procedure, check, onProcedure, stop } = options;
  const context = contextOf(options, paramsOf(procedure, options.given));
  const plan = await procedure.prepare(context);
  onProcedure({ event: 'prepared', findings: plan.findings, steps: plan.steps });
  const finish = (exitCode: ExitCode, text: string) => {
    onProcedure({ event: 'finished', exitCode, pending: plan.pending, text });
    return exitCode;
  };
  const waits = plan.pending.length > 0 ? exitCodes.hostUnreachable : exitCodes.asDeclared;
  if (plan.steps.length === 0) return finish(waits, nothingToDo);
  if (check) return finish(exitCodes.changesFound, `${plan.steps.length} steps would be done`);
  const afterwards = plan.afterwards ?? 'lab resume goes on';
  const done: ProcedureStep[] = [];
  for (const step of plan.steps) {
    if (stop.aborted) return finish(exitCodes.interrupted, `stopped before "${step.name}": ${afterwards}`);
    const began = performance.now();
    const ms = () => Math.round(performance.now() - began);
    onProcedure({ event: 'step-started', name: step.name, will: step.will });
    try {
      const text = await step.run();
      await options.remember();
      onProcedure({ event: 'step-finished', name: step.name, text, ms: ms() });
      done.push(step);
    } catch (thrown) {
      await options.remember();
      if (stop.aborted) return finish(exitCodes.interrupted, `stopped during "${step.name}": ${afterwards}`);
      const error = asLabError(thrown);
      onProcedure({ event: 'step-failed', name: step.name, error, ms: ms() });
      if (done.some(({ final }) => final) || step.final) return finish(codeOf(error), leftAs(plan.steps, step));
      const undone = await takeBack([...done, step], options);
      return finish(
        codeOf(error),
        undone
          ? 'everything was taken back'
          : `not everything could be taken back: ${plan.afterwards ?? 'lab resume finishes or takes back'}`,
      );
    }
  }
  return finish(waits, plan.outcome?.() ?? 'done');
}

/** What a failure leaves when nothing is taken back any more. */
function leftAs(steps: readonly ProcedureStep[], failed: ProcedureStep): string {
  const open = steps.slice(steps.indexOf(failed) + 1).map(({ name }) => name);
  const left = open.length === 0 ? '' : `; not begun: ${open.join(', ')}`;
  return `"${failed.name}" failed; what came before stays${left}: run this again to finish`;
}

/** A usage error inside a step is a failed step all the same. */
function codeOf({ exitCode }: LabError): ExitCode {
  return exitCode === exitCodes.asDeclared || exitCode === exitCodes.usage ? exitCodes.hostFailed : exitCode;
}

async function takeBack(
  steps: readonly ProcedureStep[],
  { onProcedure, remember }: ProcedureOptions,
): Promise<boolean> {
  let complete = true;
  for (const step of [...steps].reverse()) {
    if (step.undo === undefined) continue;
    try {
      onProcedure({ event: 'undone', name: step.name, text: await step.undo() });
    } catch (thrown) {
      complete = false;
      onProcedure({ event: 'undone', name: step.name, text: `not taken back: ${asLabError(thrown).message}` });
    }
    await remember();
  }
  return complete;
}

/**
 * What a procedure is given: defaults, then what the playbook says, then the command line.
 *
 * @throws LabError ROLE_PARAMS
 */
export function paramsOf({ name, params, given, at }: Procedure, more: Readonly<Record<string, unknown>>): unknown {
  const all = { ...given, ...Object.fromEntries(Object.entries(more).filter(([, value]) => value !== undefined)) };
  const parsed = (params as unknown as z.ZodType).safeParse(all);
  if (parsed.success) return parsed.data;
  const [first, ...others] = problemsOf(parsed.error, all).map(
    (problem) =>
      new LabError('ROLE_PARAMS', `${name}: ${problem.message}`, { at, ...problem.details, path: problem.path }),
  );
  throw first?.with({ others }) ?? new LabError('ROLE_PARAMS', `${name}: parameters do not fit`, { at });
}

function contextOf(options: ProcedureOptions, params: unknown): ProcedureContext<never> {
  const { procedure, hosts, selected, check, stop, connect, exportMemory, onProcedure } = options;
  const named = (names: Iterable<string>) => {
    const wanted = new Set(names);
    return hosts.filter(({ name }) => wanted.has(name));
  };
  return {
    inventory: procedure.inventory,
    params: params as never,
    selected,
    check,
    stop,
    recall: (host, role) => exportMemory.recall(host, role),
    say: (text) => onProcedure({ event: 'waiting', text }),
    sleep: (milliseconds) => delay(milliseconds, undefined, { signal: stop }).catch(() => {}),
    async read(names, read) {
      const limit = pLimit(options.forks ?? 20);
      const one = async (host: Host) => {
        try {
          await using link = await HostLink.open(host, (which) => connect(host, which));
          return answered(host.name, { value: await read(new FactLoader(link.session), host) });
        } catch (thrown) {
          const error = asLabError(thrown);
          if (error.exitCode === exitCodes.usage) throw error;
          return answered<never>(host.name, { problem: error.message });
        }
      };
      return new Map(await Promise.all(named(names).map((host) => limit(one, host))));
    },
    async apply(step, names, use) {
      const chosen = named(names);
      const play: Play = { name: step, hosts: chosen.map(({ name }) => name), roles: [use], tags: [], at: use.at };
      const playbook: Playbook = {
        kind: 'playbook',
        name: runNameOf(procedure, step),
        inventory: procedure.inventory,
        plays: [play],
        transient: true,
        at: procedure.at,
      };
      const messages = new Map<string, string>();
      const { hosts: results } = await run({
        mode: 'run',
        playbook,
        hosts: chosen,
        playsOf: () => [play],
        forks: options.forks,
        guardSeconds: options.guardSeconds,
        connect,
        exportMemory,
        stop,
        onEvent: (event) => {
          options.onEvent(event);
          if (event.event !== 'host-finished' || event.failure === undefined) return;
          const { code, message, expected, found, output, hint } = event.failure;
          messages.set(event.host, formatError(new LabError(code, message, { expected, found, output, hint })));
        },
      });
      return new Map(
        results.map(({ host, status }): [string, StepOutcome] => [host, { status, message: messages.get(host) }]),
      );
    },
  };
}

type Answer<Value> = { readonly value: Value } | { readonly problem: string };

function answered<Value>(host: string, answer: Answer<Value>): [string, Answer<Value>] {
  return [host, answer];
}

/** Hosts that patterns select, by name. */
export function namesOf(procedure: Procedure, patterns: readonly string[]): ReadonlySet<string> {
  return new Set(selectHosts(procedure.inventory, patterns).map(({ name }) => name));
}
