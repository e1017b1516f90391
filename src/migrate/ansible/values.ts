import type { SourceLocation } from '../../shared/errors.ts';

/** A value that Ansible Vault encrypted. What it is, nobody knows here. */
export class Vaulted {
  readonly at: SourceLocation;
  constructor(at: SourceLocation) {
    this.at = at;
  }
}

/** Text that Jinja would make into a value when a task uses it. */
export class Template {
  readonly text: string;
  readonly at: SourceLocation;
  constructor(text: string, at: SourceLocation) {
    this.text = text;
    this.at = at;
  }
}

/** What a variable of Ansible can hold. A whole number beyond 2^53 is its digits as text. */
export type Value =
  | null
  | boolean
  | number
  | string
  | Vaulted
  | Template
  | readonly Value[]
  | { readonly [key: string]: Value };

export interface Variable {
  readonly value: Value;
  readonly at: SourceLocation;
}

export type Variables = ReadonlyMap<string, Variable>;

/** Text as it is, unless Jinja would see something to do in it. */
export function textOrTemplate(text: string, at: SourceLocation): string | Template {
  return /\{\{|\{%|\{#/.test(text) ? new Template(text, at) : text;
}

/** The same for every text inside a value. */
export function markTemplates(value: Value, at: SourceLocation): Value {
  if (typeof value === 'string') return textOrTemplate(value, at);
  if (isList(value)) return value.map((item) => markTemplates(item, at));
  if (isMapping(value))
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, markTemplates(item, at)]));
  return value;
}

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

export function isMapping(value: Value): value is { readonly [key: string]: Value } {
  const isLeaf = value instanceof Vaulted || value instanceof Template;
  return typeof value === 'object' && value !== null && !isLeaf && !isList(value);
}

/** A whole number, or its digits where a number would lose some. */
export function wholeNumber(digits: bigint): number | string {
  const number = Number(digits);
  return Number.isSafeInteger(number) ? number : String(digits);
}
