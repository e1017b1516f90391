import { z } from 'zod';
import type { Content, Kept, Step } from '../../resources/contract.ts';
import type { ActionPlan, ActionReference } from '../apply/action-plan.ts';
import type { PlannedChange } from '../events.ts';

/** A file of the journal, relative to `/var/lib/lab`. */
const kept = z.strictObject({ kept: z.string() });

const step = z.discriminatedUnion('do', [
  z.strictObject({
    do: z.literal('write'),
    path: z.string(),
    content: kept,
    mode: z.string(),
    owner: z.string(),
    group: z.string(),
    validate: z.array(z.string()).optional(),
  }),
  z.strictObject({
    do: z.literal('directory'),
    path: z.string(),
    mode: z.string(),
    owner: z.string(),
    group: z.string(),
  }),
  z.strictObject({ do: z.literal('symlink'), path: z.string(), target: z.string() }),
  z.strictObject({ do: z.literal('mode'), path: z.string(), mode: z.string() }),
  z.strictObject({ do: z.literal('owner'), path: z.string(), owner: z.string(), group: z.string() }),
  z.strictObject({ do: z.literal('remove'), path: z.string(), recursive: z.boolean().optional() }),
  z.strictObject({ do: z.literal('restore'), path: z.string(), from: z.string().optional() }),
  z.strictObject({
    do: z.literal('run'),
    argv: z.array(z.string()),
    stdin: kept.optional(),
    env: z.record(z.string(), z.string()).optional(),
    cwd: z.string().optional(),
    user: z.string().optional(),
    timeoutSeconds: z.number().optional(),
    okCodes: z.array(z.number()).optional(),
  }),
]);

const shown = z.union([z.string(), z.number(), z.boolean(), z.null()]);

const action = z.strictObject({
  number: z.int(),
  kind: z.enum(['change', 'undo']),
  key: z.string(),
  title: z.string(),
  role: z.string().nullable(),
  changes: z.array(
    z.strictObject({
      attribute: z.string(),
      before: shown,
      after: shown,
      diff: z.string().optional(),
      risk: z.enum(['connectivity', 'privilege']).optional(),
      trigger: z.string().optional(),
    }),
  ),
  undo: z.array(step),
  settle: z.array(step),
  redo: z.array(step),
  lost: z.array(z.string()),
  risky: z.boolean(),
  /** The paths whose state before the action is kept as `saved.N.K`, K counting from 0. */
  paths: z.array(z.string()),
  /** Further paths that it set mode or owner of, or made, whose state is not kept. */
  watched: z.array(z.string()).default([]),
  undoes: z.strictObject({ run: z.string(), stage: z.int(), number: z.int() }).optional(),
});

/**
 * One action as the host's journal keeps it, a line of a stage's `plan`: all that a rollback needs, by any controller, with
 * the playbook gone. Holds no secret.
 */
export type JournaledAction = z.output<typeof action>;

const meta = z.strictObject({
  version: z.literal(1),
  /** Name of the playbook, or of the command that made the run. */
  playbook: z.string(),
  mode: z.enum(['run', 'apply', 'rollback']),
  roles: z.array(z.string()),
  /** For a rollback: the runs it took back. */
  undoes: z.array(z.string()).optional(),
});

/** What a run's folder says of the run itself. */
export type RunMeta = z.output<typeof meta>;

/** The line of a stage's `plan`. */
export function journalLine(number: number, plan: ActionPlan, keep: Keep): string {
  const record: JournaledAction = {
    number,
    kind: plan.kind,
    key: plan.key,
    title: plan.title,
    role: plan.role,
    changes: plan.changes.map(withoutLongText),
    undo: plan.revert.map((each, index) => kepts(each, () => keep.revert(index))),
    settle: plan.settle.map((each, index) => kepts(each, () => keep.settle(index))),
    redo: plan.redo.map((each, index) => kepts(each, () => keep.redo(index))),
    lost: [...plan.lost],
    risky: plan.risky,
    paths: [...keep.paths],
    watched: [...keep.watched],
    ...(plan.undoes && { undoes: { ...plan.undoes } }),
  };
  return JSON.stringify(record);
}

/** Where the contents that steps need are kept, relative to `/var/lib/lab`. */
export interface Keep {
  readonly paths: readonly string[];
  readonly watched: readonly string[];
  revert(index: number): string;
  settle(index: number): string;
  redo(index: number): string;
}

type JournaledStep = JournaledAction['undo'][number];

function kepts(given: Step, name: () => string): JournaledStep {
  if (given.do === 'write') {
    const { validate, content, ...rest } = given;
    return { ...rest, content: keptOr(content, name), ...(validate && { validate: [...validate] }) };
  }
  if (given.do !== 'run') return { ...given } as JournaledStep;
  const { argv, okCodes, stdin, env, ...rest } = given;
  return {
    ...rest,
    argv: [...argv],
    ...(env && { env: { ...env } }),
    ...(okCodes && { okCodes: [...okCodes] }),
    ...(stdin !== undefined && { stdin: keptOr(stdin, name) }),
  };
}

function keptOr(content: Content | Kept, name: () => string): Kept {
  return typeof content === 'object' && 'kept' in content ? content : { kept: name() };
}

/** The diff tells it; both texts beside it would only fill the disk. */
function withoutLongText({ before, after, ...rest }: PlannedChange): JournaledAction['changes'][number] {
  const short = (value: typeof before) => (typeof value === 'string' && value.length > 500 ? 'text' : value);
  return { ...rest, before: short(before), after: short(after) };
}

/** @throws Error (of the schema, or of JSON) for a line that no version of ours wrote */
export function parseAction(line: string): JournaledAction {
  return action.parse(JSON.parse(line));
}

export function parseMeta(text: string): RunMeta {
  return meta.parse(JSON.parse(text));
}

export function metaLine(given: RunMeta): string {
  return JSON.stringify(given);
}

/** The folder of a stage, relative to `/var/lib/lab`. */
export function stageFolder({ run, stage }: Pick<ActionReference, 'run' | 'stage'>): string {
  return `runs/${run}/stage-${stage}`;
}
