import type { z } from 'zod';
import type { Host, Inventory } from '../model/types.ts';
import type { Facts } from '../remote/facts/contract.ts';
import type { SourceLocation } from '../shared/errors.ts';
import type { AnySchema, Exports, RoleUse } from './contract.ts';

/**
 * A choreography across hosts that is no desired state, such as a rotation of keys: steps in order, each with what takes it
 * back. What it has done stands on the hosts themselves: begun anew, from any controller, it goes on from what it finds.
 */
export interface Procedure<Schema extends AnySchema = AnySchema> {
  readonly kind: 'procedure';
  readonly name: string;
  readonly inventory: Inventory;
  /** A zod object. Values come from its defaults, then the playbook, then the command line. */
  readonly params: Schema;
  readonly given: Readonly<Record<string, unknown>>;
  /** Hosts that it may log in to, by name. Default: all of the inventory. */
  hosts?(): readonly string[];
  /**
   * What one controller at a time may be at, under a name of its own, on hosts that all of them reach. Default: nothing. Whoever
   * else begins it is refused with HOST_LOCKED.
   */
  readonly exclusive?: { readonly name: string; hosts(): readonly string[] };
  prepare(context: ProcedureContext<z.output<Schema>>): Promise<ProcedurePlan>;
  readonly at: SourceLocation | undefined;
}

/** What a procedure is going to do; nothing is changed before its first step. */
export interface ProcedurePlan {
  /** What was found, a line each. */
  readonly findings: readonly string[];
  readonly steps: readonly ProcedureStep[];
  /** What has to wait, such as for a host that is down: told again at the end. */
  readonly pending: readonly string[];
  /** What has been done when every step is done, in a sentence without a full stop; default `done`. */
  outcome?(): string;
  /** What ends it after an interruption, as `lab resume goes on`, which is the default. */
  readonly afterwards?: string;
}

export interface ProcedureStep {
  /** A word or two: `cut over`. */
  readonly name: string;
  /** What it is going to do, as a sentence without its subject. */
  readonly will: string;
  /**
   * Does it. Safe to repeat.
   *
   * @returns what became of it, in a line
   * @throws LabError when it failed: what was done is taken back, the last step first
   */
  run(): Promise<string>;
  /** Takes it back, also when it was only begun. */
  undo?(): Promise<string>;
  /** From here on nothing is taken back: what fails later is finished by the next run. */
  readonly final?: boolean;
}

/** What became of one host in a step. */
export interface StepOutcome {
  readonly status:
    | 'ok'
    | 'changed'
    | 'failed'
    | 'reverted'
    | 'unreachable'
    | 'interrupted'
    | 'skipped'
    | 'would-change';
  readonly message: string | undefined;
}

/** What a procedure works with. */
export interface ProcedureContext<Params> {
  readonly inventory: Inventory;
  readonly params: Params;
  /** Hosts that `--limit` selects. */
  readonly selected: ReadonlySet<string>;
  /** Only say what would be done. */
  readonly check: boolean;
  readonly stop: AbortSignal;
  /** Reads facts on hosts, in one round trip each; a host that cannot be reached gives why. */
  read<Value>(
    hosts: Iterable<string>,
    read: (facts: Facts, host: Host) => Promise<Value>,
  ): Promise<ReadonlyMap<string, { readonly value: Value } | { readonly problem: string }>>;
  /** Brings hosts to what roles declare: a run of its own, planned, journaled and guarded as any. */
  apply(step: string, hosts: Iterable<string>, use: RoleUse): Promise<ReadonlyMap<string, StepOutcome>>;
  /** What a role of a host told last. */
  recall(host: string, role: string): Exports | undefined;
  /** Tells what is waited for, at once. */
  say(line: string): void;
  /** Waits, and no longer when the person asks to stop. */
  sleep(milliseconds: number): Promise<void>;
}

const definedProcedures = new WeakSet<object>();

/**
 * Defines a procedure; the default export of a playbook file may be one, and `lab run` runs it.
 *
 * @example
 * export default defineProcedure({ name: 'reboot-in-turn', inventory, params: z.object({}), given: {}, at: undefined,
 *   prepare: async (context) => ({ findings: [], pending: [], steps: [{ name: 'reboot', will: 'reboot nas', run: async () => '…' }] }) });
 */
export function defineProcedure<Schema extends AnySchema>(
  definition: Omit<Procedure<Schema>, 'kind'>,
): Procedure<Schema> {
  const procedure: Procedure<Schema> = { kind: 'procedure', ...definition };
  definedProcedures.add(procedure);
  return procedure;
}

/** Whether a value was made by `defineProcedure` of the running package. */
export function isProcedure(value: unknown): value is Procedure {
  return typeof value === 'object' && value !== null && definedProcedures.has(value);
}

const stepMark = ': ';

/** What a run that is a step of a procedure is called in journals: `rotate-keys: stage`. */
export function runNameOf({ name }: Pick<Procedure, 'name'>, step: string): string {
  return `${name}${stepMark}${step}`;
}

/** Whether a run of this name was a step of a procedure. */
export function isRunOfStep(name: string): boolean {
  return name.includes(stepMark);
}
