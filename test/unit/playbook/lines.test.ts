import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadModule } from '../../../src/playbook/load-module.ts';
import fc from '../../support/fast-check.ts';
import { labErrorOf, project } from './project.ts';

// Pieces of TypeScript that a transpiler removes, moves or prints anew: below them, lines must still be the source's.
const pieces = [
  '// a comment',
  '/* one */ /* two */',
  '/**\n * A doc comment\n * of three lines\n */',
  "import { basename } from 'node:path'; // used below",
  "import type {\n  Jiti,\n  JitiOptions,\n} from 'jiti';",
  'interface A {\n  /** with a comment */\n  readonly a: string;\n}',
  "type B =\n  | 'x' // first\n  | 'y';",
  'declare const missing: number;',
  'enum E {\n  One = 1,\n  Two,\n}',
  'const text = `two\nlines`;',
  'const call = [1, 2, 3]\n  .map((x: number): number => x)\n  // between\n  .filter(Boolean)\n  .length;',
  'function f<T>(\n  this: void,\n  a: T,\n  // why\n  b?: string,\n): T | undefined {\n  return b === undefined ? a : undefined;\n}',
  'class C {\n  // a field\n  private readonly x: number = 1;\n  #y?: string;\n  declare z: number;\n}',
  'const o = {\n  a: 1,\n\n  b: 2 as const,\n} satisfies object;',
  'if (Math.random() > 2) {\n  // never\n  f2();\n}\nfunction f2(): void {}',
  'await Promise.resolve();',
  '',
];

test('a throw keeps its line below any mixture of code, types and comments', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.nat(pieces.length - 1), { maxLength: 10 }),
      fc.boolean(),
      async (chosen, crlf) => {
        const above = chosen.map((index) => `${pieces[index]}\n`).join('');
        const source = `${above}throw new RangeError('here');\n\n${chosen.length > 3 ? '// after\ninterface Z {}\n' : ''}`;
        const cwd = project({ 'a.ts': crlf ? source.replaceAll('\n', '\r\n') : source });
        const error = await labErrorOf(() => loadModule(join(cwd, 'a.ts')));
        expect(error.message).toBe('RangeError: here');
        expect(error.details.at).toMatchObject({ line: above.split('\n').length, column: 7 });
      },
    ),
    { numRuns: 60 },
  );
});
