import { LabError } from '../../shared/errors.ts';

/** What is written into an inventory: plain values of JSON. */
export type Plain = string | number | boolean | null | readonly Plain[] | { readonly [key: string]: Plain };

/** One thing more in a section of an inventory: a named entry of `hosts`, or a further item of the list `flows`. */
export type Addition =
  | { readonly section: 'hosts'; readonly name: string; readonly value: Plain }
  | { readonly section: 'flows'; readonly value: Plain };

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
