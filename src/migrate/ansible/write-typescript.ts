import { SecretReference } from '../../model/yaml-document.ts';
import { typeScriptString } from '../../shared/typescript-string.ts';

const width = 120;

/** What can be written: data, with references to secrets. `undefined` is left out. */
export type Writable =
  | null
  | boolean
  | number
  | string
  | SecretReference
  | readonly Writable[]
  | { readonly [key: string]: Writable | undefined };

/**
 * A module that exports an inventory.
 *
 * @param comment one line without line ends
 */
export function writeTypeScript(document: { readonly [key: string]: Writable | undefined }, comment: string): string {
  const body = expression(document, 0, 0);
  const imports = body.includes('secret(') ? 'defineInventory, secret' : 'defineInventory';
  return `import { ${imports} } from 'labwright';\n\n// ${comment}\nexport default defineInventory(${body});\n`;
}

/**
 * An expression in one line if it fits; the document and its sections are lists, with a line for each entry.
 *
 * @param taken columns of the first line that something else has, beside the indentation
 */
function expression(value: Writable, depth: number, taken: number): string {
  const inline = inlined(value);
  const items = itemsOf(value);
  if (items === undefined || items.length === 0 || (depth > 1 && depth * 2 + taken + inline.length <= width))
    return inline;
  const indent = '  '.repeat(depth);
  const lines = items.map(({ key, item }) => `${indent}  ${key}${expression(item, depth + 1, key.length + 1)},\n`);
  return `${inline[0]}\n${lines.join('')}${indent}${inline.at(-1)}`;
}

function inlined(value: Writable): string {
  if (value instanceof SecretReference) return `secret(${text(value.path)})`;
  if (typeof value === 'string') return text(value);
  const items = itemsOf(value)?.map(({ key, item }) => key + inlined(item));
  if (items === undefined) return String(value);
  if (Array.isArray(value)) return `[${items.join(', ')}]`;
  return items.length === 0 ? '{}' : `{ ${items.join(', ')} }`;
}

/** Entries with the text in front of each; undefined for what holds nothing. */
function itemsOf(value: Writable): readonly { readonly key: string; readonly item: Writable }[] | undefined {
  if (typeof value !== 'object' || value === null || value instanceof SecretReference) return undefined;
  if (isArray(value)) return value.map((item) => ({ key: '', item }));
  return entries(value);
}

function isArray(value: Writable): value is readonly Writable[] {
  return Array.isArray(value);
}

function entries(value: { readonly [key: string]: Writable | undefined }): { key: string; item: Writable }[] {
  return Object.entries(value).flatMap(([key, item]) =>
    item === undefined ? [] : [{ key: `${property(key)}: `, item }],
  );
}

function property(key: string): string {
  // A key that would set the prototype of the object.
  if (key === '__proto__') return "['__proto__']";
  return /^[A-Za-z_$][\w$]*$/.test(key) ? key : text(key);
}

/** A string literal: single quotes, unless double ones need fewer escapes. */
function text(value: string): string {
  const quote = value.includes("'") && !value.includes('"') ? '"' : "'";
  return `${quote}${typeScriptString(value, quote)}${quote}`;
}
