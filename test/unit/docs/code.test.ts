import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { rolePages } from '../../../scripts/docs/role-pages.ts';
import { compileBlocks } from '../../support/code-blocks.ts';
import { allPages, pageOf, root } from '../../support/markdown.ts';

let compiled: ReturnType<typeof compileBlocks>;

/** One with mistakes, so that a compiler that looks at nothing is noticed. */
const wrong = pageOf(
  'wrong.md',
  `
\`\`\`ts
file({ path: '/etc/motd', contents: 'hello' });
\`\`\`
<!-- inside: inventory -->
\`\`\`ts
hosts: { nas: {} },
flows: [{ from: 'nass', to: 'files', reason: 'a host that is not declared' }],
\`\`\`
`,
);

beforeAll(() => {
  compiled = compileBlocks([...allPages(), wrong]);
}, 300_000);

it('type-checks every block of TypeScript in the documentation', () => {
  expect(compiled.problems.filter((problem) => !problem.startsWith('wrong.md'))).toEqual([]);
  expect(compiled.problems.filter((problem) => problem.startsWith('wrong.md'))).toEqual([
    expect.stringMatching(/^wrong\.md:3 .*'contents' does not exist/),
    expect.stringMatching(/^wrong\.md:8 .*"nass"/),
  ]);
});

it('has the reference of every role as its schema and its doc comments say (npm run docs)', {
  timeout: 300_000,
}, async () => {
  const pages = await rolePages(compiled.program);
  for (const [path, text] of pages) expect(readFileSync(join(root, path), 'utf8'), path).toBe(text);
  const committed = readdirSync(join(root, 'docs/roles')).map((file) => `docs/roles/${file}`);
  expect(committed.sort()).toEqual([...pages.keys()].sort());
});
