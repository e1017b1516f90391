import { LabError } from '../../shared/errors.ts';
import { editTypeScript } from './edit-typescript.ts';
import { editYaml } from './edit-yaml.ts';

/** What is written into an inventory: plain values of JSON. */
export type Plain = string | number | boolean | null | readonly Plain[] | { readonly [key: string]: Plain };

/** One thing more in a section of an inventory: a named entry of `hosts`, or a further item of the list `flows`. */
export type Addition =
  | { readonly section: 'hosts'; readonly name: string; readonly value: Plain }
  | { readonly section: 'flows'; readonly value: Plain };

/**
 * The text of an inventory, TypeScript or YAML by the ending of its file, with more in it: after what is there, in its indentation. Nothing
 * else of the text changes, comments and order included. Pure.
 *
 * @throws LabError USAGE when the section is not written out in this file (it is computed, spread or imported): the hint is what to write
 * where, by hand
 * @example
 * const text = addToInventory(before, 'inventory/index.ts', [{ section: 'hosts', name: 'vps', value: { address: '203.0.113.10' } }]);
 */
export function addToInventory(text: string, file: string, additions: readonly Addition[]): string {
  const edit = /\.ya?ml$/.test(file) ? editYaml : editTypeScript;
  return additions.reduce((before, addition) => edit(before, file, addition), text);
}

/** @throws LabError USAGE always */
export function notWrittenOut(file: string, { section }: Addition, found: string, entry: string): never {
  throw new LabError('USAGE', `the ${section} of this inventory cannot be added to by a program`, {
    at: { file },
    path: [section],
    expected: `${section} written out in this file`,
    found,
    hint: `add this to ${section} yourself, and say the same again: ${entry}`,
  });
}
