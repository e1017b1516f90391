import { LabError, type SourceLocation } from '../shared/errors.ts';

export type DocumentPath = readonly (string | number)[];

/** One mistake in an inventory, before it is known in which file and line it stands. */
export interface Problem {
  readonly message: string;
  readonly path: DocumentPath;
  readonly expected?: string | undefined;
  readonly found?: string | undefined;
  readonly hint?: string | undefined;
  /** Known already, as for mistakes that the YAML parser finds. */
  readonly at?: SourceLocation | undefined;
}

/** Path inside the document → where that stands; the nearest place that is known. */
export type Locate = (path: DocumentPath) => SourceLocation | undefined;

/** Throws nothing without problems; else one INVENTORY_INVALID that carries them all, in the order of the file. */
export function throwProblems(problems: readonly Problem[], locate: Locate): void {
  const errors = problems
    .map(
      ({ message, at, ...details }) =>
        new LabError('INVENTORY_INVALID', message, { at: at ?? locate(details.path), ...details }),
    )
    .sort((a, b) => position(a) - position(b));
  const [first, ...others] = errors;
  if (first === undefined) return;
  throw others.length === 0 ? first : new LabError(first.code, first.message, { ...first.details, others });
}

function position(error: LabError): number {
  const { line, column } = error.details.at ?? {};
  return (line ?? 0) * 100_000 + (column ?? 0);
}

export function listOf<T>(value: T | readonly T[] | undefined): readonly T[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}

/** The entries of a value that is one item or a list, each with its own path. */
export function itemsAt<T>(value: T | readonly T[] | undefined, path: DocumentPath): { item: T; path: DocumentPath }[] {
  const isList = Array.isArray(value);
  return listOf(value).map((item, index) => ({ item, path: isList ? [...path, index] : path }));
}
