import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, it } from 'vitest';
import { allPages, type Page, pageOf, root } from '../../support/markdown.ts';

const pages = new Map(allPages().map((page) => [page.path, page]));

interface Link {
  readonly at: string;
  readonly target: string;
}

function linksOf({ path, prose }: Page): Link[] {
  return prose.flatMap((line, index) =>
    [...line.replace(/`[^`]*`/g, '').matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => ({
      at: `${path}:${index + 1}`,
      target,
    })),
  );
}

/** What is wrong with links of a page to files and headings of the repository. */
function problemsOf(page: Page): string[] {
  return linksOf(page).flatMap(({ at, target }) => {
    if (/^[a-z]+:/.test(target)) return [];
    const [file = '', anchor] = target.split('#');
    const path = file === '' ? page.path : normalize(join(dirname(page.path), decodeURI(file))).replace(/\/$/, '');
    if (path !== page.path && !existsSync(join(root, path))) return [`${at} ${target}: there is no ${path}`];
    if (anchor === undefined) return [];
    const anchors = path === page.path ? page.anchors : pages.get(path)?.anchors;
    return anchors?.has(anchor) ? [] : [`${at} ${target}: ${path} has no heading "${anchor}"`];
  });
}

it('leads every relative link to a file and a heading that exist', () => {
  expect([...pages.values()].flatMap(linksOf).length).toBeGreaterThan(150);
  expect([...pages.values()].flatMap(problemsOf)).toEqual([]);
});

it('notices a link that leads nowhere', () => {
  const page = pageOf(
    'docs/wrong.md',
    '# One\n## Two, and `code`\n[a](#two-and-code) [b](#three) [c](gone.md) [d](cli.md#drift) `[e](x.md)`',
  );
  expect(problemsOf(page)).toEqual([
    'docs/wrong.md:3 #three: docs/wrong.md has no heading "three"',
    'docs/wrong.md:3 gone.md: there is no docs/gone.md',
  ]);
});

it('lists every page of docs/ in its index', () => {
  const index = pages.get('docs/README.md');
  const listed = index === undefined ? [] : linksOf(index).map(({ target }) => `docs/${target}`);
  const own = [...pages.keys()].filter((path) => /^docs\/[\w.-]+\.md$/.test(path) && path !== 'docs/README.md');
  expect(own.filter((path) => !listed.includes(path))).toEqual([]);
});

it('names scripts of package.json that exist', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const named = [...pages.values()].flatMap(({ path, blocks, prose }) =>
    [...prose, ...blocks.map(({ text }) => text)].flatMap((text) =>
      [...text.matchAll(/npm run (?:-s )?([\w:]+)/g)].map(([, script = '']) => ({ path, script })),
    ),
  );
  expect(named.filter(({ script }) => !(script in scripts))).toEqual([]);
});
