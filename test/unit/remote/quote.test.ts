import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { quote, quoteAll } from '../../../src/shared/quote.ts';
import fc from '../../support/fast-check.ts';
import { describeShells, hostileText, type Shell } from './support.ts';

/** What the shell makes of the script, as bytes; each word ends with a NUL, which no word can hold. */
function wordsOf(shell: Shell, argv: readonly string[], input = ''): string[] {
  const { stdout, stderr, status } = spawnSync(join(shell.bin, 'sh'), argv, {
    env: shell.environment,
    input,
    timeout: 5000,
  });
  if (status !== 0) throw new Error(`exit code ${status}: ${stderr}`);
  return stdout.toString().split('\0').slice(0, -1);
}

describeShells('quote', (shell) => {
  it('gives back any words when the script is an argument', () => {
    fc.assert(
      fc.property(fc.array(hostileText, { minLength: 1, maxLength: 20 }), (words) => {
        expect(wordsOf(shell, ['-c', `printf '%s\\0' ${quoteAll(words)}`])).toEqual(words);
      }),
      { numRuns: 60 },
    );
  });

  it('gives back any words when the script comes through stdin', () => {
    fc.assert(
      fc.property(fc.array(hostileText, { minLength: 1, maxLength: 20 }), (words) => {
        expect(wordsOf(shell, [], `printf '%s\\0' ${quoteAll(words)}\n`)).toEqual(words);
      }),
      { numRuns: 60 },
    );
  });

  it('survives being quoted again, as for a shell that a shell starts', () => {
    fc.assert(
      fc.property(hostileText, (word) => {
        const inner = `printf '%s\\0' ${quote(word)}`;
        expect(wordsOf(shell, ['-c', `sh -c ${quote(inner)}`])).toEqual([word]);
      }),
      { numRuns: 40 },
    );
  });

  it.each(['if', 'then', 'for', 'case', 'in', 'while'])('makes a command name of %s, not syntax', (word) => {
    const { stderr, status } = spawnSync(join(shell.bin, 'sh'), ['-c', quote(word)], { env: shell.environment });
    expect(status).toBe(127);
    expect(stderr.toString()).toContain('not found');
  });
});

it('refuses a NUL byte', () => {
  expect(() => quote('a\0b')).toThrow(RangeError);
});
