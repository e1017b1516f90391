import { Template, type Value } from './values.ts';

/** Templates that name each other are followed this far. */
const maximumDepth = 10;

/**
 * A template that does no more than name variables, filled in: `{{ name }}`, `{{ inventory_hostname }}.lan`.
 *
 * @returns undefined when it does anything else, or names what has no plain value
 */
export function fillIn(template: Template, lookup: (name: string) => Value | undefined, depth = 0): Value | undefined {
  if (depth > maximumDepth) return undefined;
  const plain = (name: string): Value | undefined => {
    const value = lookup(name);
    return value instanceof Template ? fillIn(value, lookup, depth + 1) : value;
  };
  const [, whole] = /^\{\{\s*(\w+)\s*\}\}$/.exec(template.text) ?? [];
  if (whole !== undefined) return plain(whole);
  let isFilled = true;
  const text = template.text.replaceAll(/\{\{\s*(\w+)\s*\}\}/g, (_, name: string) => {
    const value = plain(name);
    if (typeof value !== 'string' && typeof value !== 'number') isFilled = false;
    return String(value);
  });
  return isFilled && !/\{[{%#]/.test(text) ? text : undefined;
}
