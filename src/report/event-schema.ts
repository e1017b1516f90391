import { z } from 'zod';
import type { RunEvent } from '../runner/events.ts';
import type { ErrorCode, ExitCode } from '../shared/errors.ts';
import { errorCodes, exitCodes } from '../shared/errors.ts';

/** The schema of the event stream, from which `schema/events.v1.json` is made. */
const codes = Object.keys(errorCodes) as [ErrorCode, ...ErrorCode[]];
const exits = [...new Set(Object.values(exitCodes))] as [ExitCode, ...ExitCode[]];

const base = { ms: z.number().nonnegative().describe('milliseconds since the run began') };
const host = z.string().describe('name in the inventory');
const resource = z.string().describe('`type:id`, unique on a host');
const count = z.int().nonnegative();

const location = z
  .object({ file: z.string(), line: z.int().positive().optional(), column: z.int().positive().optional() })
  .readonly();

const shown = z.union([z.string(), z.number(), z.boolean(), z.null()]).describe('null is absent');

const plannedChange = z
  .object({
    attribute: z.string(),
    before: shown,
    after: shown,
    diff: z.string().optional().describe('unified diff without file headers'),
    risk: z.enum(['connectivity', 'privilege']).optional(),
    trigger: z.string().optional().describe('the resource whose change causes this one'),
  })
  .readonly();

const plannedResource = z
  .object({
    resource,
    title: z.string(),
    role: z.string().nullable(),
    at: location.nullable(),
    outcome: z.enum(['in-sync', 'change', 'known-after-apply', 'impossible']),
    changes: z.array(plannedChange).readonly(),
    reason: z.string().optional(),
  })
  .readonly();

const failure = z
  .object({
    code: z.enum(codes),
    message: z.string(),
    resource: resource.optional(),
    at: location.optional(),
    expected: z.string().optional(),
    found: z.string().optional(),
    command: z.string().optional(),
    output: z.string().optional(),
    hint: z.string().optional(),
  })
  .readonly();

const hostStatus = z.enum([
  'ok',
  'changed',
  'would-change',
  'failed',
  'reverted',
  'unreachable',
  'interrupted',
  'skipped',
]);

const counts = z
  .object({
    total: count,
    inSync: count,
    changed: count,
    knownAfterApply: count,
    failed: count,
    notReached: count,
    differences: count,
    orphans: count,
  })
  .readonly();

const events = [
  z.object({
    ...base,
    event: z.literal('run-started'),
    version: z.literal(1),
    run: z.string(),
    startedAt: z.string().describe('ISO 8601, UTC'),
    playbook: z.string(),
    mode: z.enum(['run', 'check', 'plan', 'apply', 'rollback', 'rollback-check', 'resume']),
    prune: z.boolean().optional().describe('what is no longer declared is removed or restored, too'),
    hosts: z.array(host).readonly(),
  }),
  z.object({ ...base, event: z.literal('host-connecting'), host }),
  z.object({ ...base, event: z.literal('host-connected'), host }),
  z.object({
    ...base,
    event: z.literal('host-planned'),
    host,
    stage: z.int().positive(),
    resources: z.array(plannedResource).readonly(),
    orphans: z
      .array(z.object({ resource, role: z.string().nullable() }).readonly())
      .readonly()
      .describe('managed earlier by this playbook, and no longer declared'),
  }),
  z.object({ ...base, event: z.literal('resource-started'), host, resource, title: z.string() }),
  z.object({ ...base, event: z.literal('resource-output'), host, resource, text: z.string() }),
  z.object({
    ...base,
    event: z.literal('resource-finished'),
    host,
    resource,
    title: z.string(),
    status: z.enum(['changed', 'failed']),
    changes: z.array(plannedChange).readonly(),
    durationMs: z.number().nonnegative(),
    failure: failure.optional(),
  }),
  z.object({ ...base, event: z.literal('resource-undone'), host, resource, title: z.string(), complete: z.boolean() }),
  z.object({ ...base, event: z.literal('host-notice'), host, level: z.enum(['info', 'warning']), text: z.string() }),
  z.object({
    ...base,
    event: z.literal('host-finished'),
    host,
    status: hostStatus,
    counts,
    roundTrips: count,
    durationMs: z.number().nonnegative(),
    failure: failure.optional(),
  }),
  z.object({
    ...base,
    event: z.literal('run-finished'),
    run: z.string(),
    exitCode: z.literal(exits),
    hosts: z.record(host, z.object({ status: hostStatus, changed: count }).readonly()).readonly(),
    durationMs: z.number().nonnegative(),
  }),
] as const;

/** One event of a run, as in `src/runner/events.ts`. */
export const runEventSchema = z.discriminatedUnion('event', events);

/** The JSON Schema of one line of `--output json`. */
export function runEventJsonSchema(): Record<string, unknown> {
  return {
    title: 'One line of `lab run --output json`, version 1',
    ...z.toJSONSchema(runEventSchema, { target: 'draft-2020-12', io: 'input' }),
  };
}

type Normal<T> = T extends readonly (infer Item)[]
  ? readonly Normal<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: Normal<T[Key]> }
    : T;
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

// Fails to compile when the schema and the types of the stream are not the same.
true satisfies Equal<Normal<z.output<typeof runEventSchema>>, Normal<RunEvent>>;
