import type { z } from 'zod';
import { problemsOf } from '../shared/schema-problems.ts';
import { suggestion } from '../shared/suggest.ts';
import type { InventoryInput } from './input.ts';
import type { DocumentPath, Problem } from './problems.ts';
import { inventorySchema } from './schema.ts';

/**
 * Checks the shape. `sound` is the document without the entries (one host, one flow, …) that have a mistake, so that the
 * rest can still be checked and all mistakes be told at once; undefined when too little is left.
 */
export function checkShape(input: unknown): {
  readonly problems: readonly Problem[];
  readonly sound: InventoryInput | undefined;
} {
  const result = inventorySchema.safeParse(input);
  if (result.success) return { problems: [], sound: result.data as InventoryInput };
  const problems = problemsOf(result.error, input).map((problem) => ({ message: problem.message, ...problem.details }));
  const rest = inventorySchema.safeParse(
    withoutEntries(
      input,
      problems.map(({ path }) => path),
    ),
  );
  return {
    problems: problems.map((problem) => explain(problem, input)),
    sound: rest.success ? (rest.data as InventoryInput) : undefined,
  };
}

function withoutEntries(input: unknown, paths: readonly DocumentPath[]): unknown {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return input;
  const rest: Record<string, unknown> = { hosts: {}, ...input };
  for (const [section, entry] of paths) {
    if (section === undefined) continue;
    const value = rest[section];
    if (entry === undefined || typeof value !== 'object' || value === null) delete rest[section];
    else if (Array.isArray(value)) rest[section] = value.map((item, index) => (index === entry ? undefined : item));
    else rest[section] = Object.fromEntries(Object.entries(value).filter(([key]) => key !== entry));
  }
  if (Array.isArray(rest.flows)) rest.flows = rest.flows.filter((flow) => flow !== undefined);
  return { hosts: {}, ...rest };
}

const secretKeys = new Set<unknown>(['password', 'passphrase', 'becomePassword']);

function explain(problem: Problem, input: unknown): Problem {
  const last = problem.path.at(-1);
  if (problem.path.includes('ssh') && secretKeys.has(last)) {
    return {
      message: `"${String(last)}" has to be a secret`,
      path: problem.path,
      expected: "secret('path') in TypeScript, !secret path in YAML",
      found: 'a plain value, not shown here',
      hint: 'lab secrets edit adds a secret',
    };
  }
  if (problem.message.startsWith('unknown key')) {
    const known = keysAt(inventorySchema, problem.path.slice(0, -1));
    if (last === '<<') return { ...problem, hint: 'merge keys are not part of YAML 1.2; put shared values in a group' };
    if (/\s/.test(String(last)) && valueAt(input, problem.path) === null) {
      return { ...problem, hint: 'a comma ends a value in { … } and [ … ]: put text with commas in quotes' };
    }
    return { ...problem, expected: 'a key that exists', hint: suggestion(String(last), known) };
  }
  const value = valueAt(input, problem.path);
  const hint = problem.hint ?? hintForScalar(problem.expected, value);
  // A value of the wrong shape may hold a password inside.
  const found = /pass/i.test(problem.found ?? '') ? 'a value with a password, not shown here' : problem.found;
  return { ...problem, found, hint };
}

function valueAt(input: unknown, path: DocumentPath): unknown {
  return path.reduce<unknown>((at, part) => (at as Record<string | number, unknown> | null | undefined)?.[part], input);
}

function hintForScalar(expected: string | undefined, value: unknown): string | undefined {
  if (expected?.includes('boolean') && typeof value === 'string' && /^(y|yes|n|no|on|off)$/i.test(value))
    return 'write true or false';
  const wantsText = expected !== undefined && /\bstring\b/.test(expected);
  if (wantsText && (typeof value === 'number' || typeof value === 'boolean'))
    return `put it in quotes: "${String(value)}"`;
  const wantsNumber = expected !== undefined && /\b(number|int)\b/.test(expected);
  if (wantsNumber && typeof value === 'string' && /^\d+$/.test(value)) return 'leave out the quotes';
  return undefined;
}

/** The keys that the schema knows at a place in the document. */
function keysAt(schema: z.core.$ZodType, path: DocumentPath): string[] {
  const def = schema._zod.def as unknown as Record<string, unknown> & { type: string };
  if (def.innerType !== undefined) return keysAt(def.innerType as z.core.$ZodType, path);
  if (def.type === 'union')
    return [...new Set((def.options as z.core.$ZodType[]).flatMap((option) => keysAt(option, path)))];
  const [next, ...rest] = path;
  if (def.type === 'object') {
    const shape = def.shape as Record<string, z.core.$ZodType>;
    if (next === undefined) return Object.keys(shape).filter((key) => key !== '$schema');
    const inner = shape[next];
    return inner === undefined ? [] : keysAt(inner, rest);
  }
  if (next === undefined) return [];
  if (def.type === 'record') return keysAt(def.valueType as z.core.$ZodType, rest);
  return def.type === 'array' ? keysAt(def.element as z.core.$ZodType, rest) : [];
}
