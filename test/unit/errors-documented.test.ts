import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { errorCodes } from '../../src/shared/errors.ts';

it('describes every error code in docs/errors.md, and no other', () => {
  const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
  const documented = [...page.matchAll(/^### ([A-Z_]+)$/gm)].map((match) => match[1]);
  expect(documented.sort()).toEqual(Object.keys(errorCodes).sort());
});
