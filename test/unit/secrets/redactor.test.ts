import { expect, test } from 'vitest';
import { Redactor, Secret } from '../../../src/shared/secret.ts';
import fc from '../../support/fast-check.ts';

function redactorOf(values: readonly string[]): Redactor {
  const redactor = new Redactor();
  for (const value of values) redactor.add(new Secret(value));
  return redactor;
}

function inPieces(redactor: Redactor, pieces: readonly string[]): string {
  const stream = redactor.inPieces();
  return pieces.map((piece) => stream.push(piece)).join('') + stream.end();
}

test('a secret that comes in pieces is redacted, what only begins like one is not', () => {
  const redactor = redactorOf(['hunter2', 'hunter']);
  expect(inPieces(redactor, ['a hun', 'ter', '2 b'])).toBe('a ‹secret› b');
  expect(inPieces(redactor, ['a hun', 'gry b'])).toBe('a hungry b');
  expect(inPieces(redactor, ['a hunt'])).toBe('a hunt');
});

test('what is no secret is shown at once', () => {
  const stream = redactorOf(['hunter2']).inPieces();
  expect(stream.push('10 %')).toBe('10 %');
  expect(stream.push('\rh')).toBe('\r');
  expect(stream.push('i')).toBe('hi');
});

test('no division into pieces shows a secret', () => {
  // Few letters, so that secrets overlap themselves and each other.
  const letters = (length: object) => fc.string({ unit: fc.constantFrom('a', 'b', '\n'), ...length });
  const values = fc.array(letters({ minLength: 4, maxLength: 8 }), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(values, fc.array(letters({ maxLength: 9 })), (secrets, pieces) => {
      const shown = inPieces(redactorOf(secrets), pieces);
      for (const part of secrets.flatMap((secret) => [secret, ...secret.split('\n')]))
        if (part.trim().length >= 4) expect(shown).not.toContain(part);
      if (shown === pieces.join('')) return;
      expect(shown).toContain('‹secret›');
    }),
    { numRuns: 2000 },
  );
});
