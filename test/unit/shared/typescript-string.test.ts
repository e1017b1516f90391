import { expect, it } from 'vitest';
import { visibleLine } from '../../../src/report/visible.ts';
import { typeScriptString } from '../../../src/shared/typescript-string.ts';
import fc from '../../support/fast-check.ts';

const evaluated = (literal: string): unknown => new Function(`return ${literal}`)();

it.each(["'", '"'] as const)('is the value between %s, whatever that holds, and hides nothing', (quote) => {
  const odd = fc.constantFrom(
    "'",
    '"',
    '\\',
    '\n',
    `$\{x}`,
    '*/',
    '\u2028',
    '\u202e',
    '\u009b',
    '\u200b',
    '\ud800',
    '`',
  );
  const texts = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.array(fc.oneof(odd, fc.string())).map((all) => all.join('')),
  );
  fc.assert(
    fc.property(texts, (value) => {
      const literal = `${quote}${typeScriptString(value, quote)}${quote}`;
      expect(evaluated(literal)).toBe(value);
      expect(visibleLine(literal)).toBe(literal);
    }),
  );
});
