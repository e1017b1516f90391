import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { rolePages } from '../../../scripts/docs/role-pages.ts';

const root = new URL('../../../', import.meta.url);

it('has the reference of every role as its schema and its doc comments say (npm run docs)', {
  timeout: 60_000,
}, async () => {
  const pages = await rolePages();
  for (const [path, text] of pages) expect(readFileSync(new URL(path, root), 'utf8'), path).toBe(text);
  const committed = readdirSync(new URL('docs/roles/', root)).map((file) => `docs/roles/${file}`);
  expect(committed.sort()).toEqual([...pages.keys()].sort());
});
