import type { z } from 'zod';
import { suggestion } from './suggest.ts';

/** One mistake that a schema found, ready for a LabError. */
export interface SchemaProblem {
  readonly message: string;
  readonly path: readonly (string | number)[];
  readonly details: {
    readonly path: readonly (string | number)[];
    readonly expected?: string;
    readonly found?: string;
    readonly hint?: string;
  };
}

/**
 * Every problem of a failed parse: what was expected, what was found, the path, and a near-miss suggestion. For a union
 * the branch that came furthest speaks.
 */
export function problemsOf(error: z.ZodError, input: unknown): SchemaProblem[] {
  return error.issues.flatMap((issue) => problemsOfIssue(issue as Issue, [], input));
}

type Issue = z.core.$ZodIssue;

function problemsOfIssue(issue: Issue, prefix: readonly (string | number)[], input: unknown): SchemaProblem[] {
  const path = [...prefix, ...issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part))];
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const furthest = [...issue.errors].sort((a, b) => depth(b) - depth(a))[0] ?? [];
    if (depth(furthest) > 0) return furthest.flatMap((inner) => problemsOfIssue(inner, path, input));
    const expected = [...new Set(issue.errors.flat().map((inner) => expectation(inner) ?? inner.message))].join(' or ');
    return [{ message: 'value does not fit', path, details: { path, expected, found: show(valueAt(input, path)) } }];
  }
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      message: `unknown key "${key}"`,
      path: [...path, key],
      details: { path: [...path, key], found: key },
    }));
  }
  const found = show(valueAt(input, path));
  const expected = expectation(issue);
  const hint =
    issue.code === 'invalid_value' && typeof valueAt(input, path) === 'string'
      ? suggestion(String(valueAt(input, path)), issue.values.map(String))
      : undefined;
  return [
    {
      message: issue.code === 'custom' ? issue.message : messageOf(issue, valueAt(input, path)),
      path,
      details: { path, ...(expected && { expected }), found, ...(hint && { hint }) },
    },
  ];
}

function depth(issues: readonly Issue[]): number {
  return Math.max(0, ...issues.map((issue) => issue.path.length));
}

function messageOf(issue: Issue, value: unknown): string {
  if (value === undefined) return 'a value is missing';
  return issue.code === 'invalid_type' ? 'value has the wrong type' : issue.message;
}

function expectation(issue: Issue): string | undefined {
  if (issue.code === 'invalid_type') return issue.expected;
  if (issue.code === 'invalid_value') return issue.values.map((value) => JSON.stringify(value)).join(' or ');
  if (issue.code === 'invalid_format' && issue.pattern !== undefined) return `${issue.format} ${issue.pattern}`;
  if (issue.code === 'too_small') return `at least ${issue.minimum}`;
  if (issue.code === 'too_big') return `at most ${issue.maximum}`;
  return undefined;
}

function valueAt(input: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (value, part) => (value as Record<string | number, unknown> | null | undefined)?.[part],
    input,
  );
}

/** A value as found, short enough for a line; secrets show themselves redacted. */
function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
