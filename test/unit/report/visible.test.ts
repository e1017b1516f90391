import { describe, expect, it } from 'vitest';
import { columnsOf, outputLines, padTo, shorten, visible, visibleLine } from '../../../src/report/visible.ts';
import fc from '../../support/fast-check.ts';

// biome-ignore lint/suspicious/noControlCharactersInRegex: what must not reach a terminal
const steering = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;
const hostile = fc.string({
  unit: fc.oneof(
    fc.constantFrom('\u001b', '\r', '\n', '\u009b', '\u202e', '\u0007', '🦊', '漢', 'e\u0301', 'a'),
    fc.string({ unit: 'binary', maxLength: 1 }),
  ),
});

describe('visible', () => {
  it('shows an escape sequence instead of obeying it', () => {
    expect(visible('\u001b[2J\u001b]0;owned\u0007')).toBe('␛[2J␛]0;owned␇');
    expect(visible('\u009b31m \u202eabc')).toBe('\\u{9b}31m \\u{202e}abc');
    expect(visibleLine('a\nb\tc')).toBe('a␊b c');
  });

  it('lets nothing through that steers a terminal', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(visible(text)).not.toMatch(steering);
        expect(visibleLine(text)).not.toMatch(steering);
        expect(visibleLine(text)).not.toContain('\n');
        for (const line of outputLines(text)) expect(line).not.toMatch(steering);
      }),
    );
  });

  it('leaves ordinary text of any script alone', () => {
    expect(visible('größer\n漢字 🦊\tالعربية')).toBe('größer\n漢字 🦊\tالعربية');
  });

  it('keeps of a progress bar its last state', () => {
    expect(outputLines('begin\r\n 10%\r 20%\r100%\rdone\r\n')).toEqual(['begin', 'done']);
  });
});

describe('columns', () => {
  it.each([
    ['nas', 3],
    ['größe', 5],
    ['漢字', 4],
    ['🦊', 2],
    ['👩‍👩‍👧', 2],
    ['e\u0301', 1],
    ['', 0],
  ])('of %s are %i', (text, columns) => expect(columnsOf(text)).toBe(columns));

  it('are filled and cut to, never through a character', () => {
    expect(padTo('漢', 4)).toBe('漢  ');
    expect(shorten('漢字漢字', 5)).toBe('漢字…');
    fc.assert(
      fc.property(hostile, fc.integer({ min: 1, max: 20 }), (text, columns) => {
        expect(columnsOf(shorten(visibleLine(text), columns))).toBeLessThanOrEqual(columns);
      }),
    );
  });
});
