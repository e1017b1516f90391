import type { Addition } from './addition.ts';
import { editTypeScript } from './edit-typescript.ts';
import { editYaml } from './edit-yaml.ts';

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
