import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));

export interface CodeBlock {
  /** Page and line of its fence: `docs/cli.md:12`. */
  readonly at: string;
  readonly page: string;
  /** Line of the page, from 1, that its first line of text is. */
  readonly line: number;
  readonly language: string;
  readonly text: string;
  /** Text of an HTML comment that ends on the line before the fence; readers do not see it. */
  readonly note: string;
}

export interface Page {
  /** Relative to the root of the repository. */
  readonly path: string;
  readonly blocks: readonly CodeBlock[];
  /** Its lines; those of code blocks and of comments are empty. */
  readonly prose: readonly string[];
  /** The anchors that GitHub gives its headings. */
  readonly anchors: ReadonlySet<string>;
}

/** All pages that a reader of the project is led to. */
export function allPages(): readonly Page[] {
  const inFolders = ['docs', 'roles'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path)),
  );
  return ['README.md', 'CHANGELOG.md', ...inFolders.filter((path) => path.endsWith('.md')).sort()].map(readPage);
}

/** A page, by its path from the root of the repository. */
export const readPage = (path: string): Page => pageOf(path, readFileSync(join(root, path), 'utf8'));

/** A page of the documentation, from its text. */
export function pageOf(path: string, markdown: string): Page {
  const lines = markdown.split('\n');
  const blocks: CodeBlock[] = [];
  const prose: string[] = [];
  let note = '';
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] ?? '';
    const end = endOf(lines, index);
    const within = lines.slice(index + 1, end);
    const [, indent, language = ''] = /^(\s*)```(\S*)/.exec(line) ?? [];
    if (indent !== undefined) {
      const text = within.map((one) => one.slice(Math.min(indent.length, one.search(/\S|$/)))).join('\n');
      blocks.push({ at: `${path}:${index + 1}`, page: path, line: index + 2, language, text, note });
    }
    note = line.trim().startsWith('<!--') ? commentOf(lines.slice(index, end + 1)) : '';
    const skipped = end > index || note !== '';
    prose.push(...(skipped ? Array<string>(end - index + 1).fill('') : [line]));
    index = end;
  }
  return { path, blocks, prose, anchors: anchorsOf(prose) };
}

/** The last line of what begins here: of a code block, of a comment, else the line itself. */
function endOf(lines: readonly string[], start: number): number {
  const line = (lines[start] ?? '').trim();
  const closes = line.startsWith('```') ? /^\s*```\s*$/ : line.startsWith('<!--') ? /-->/ : undefined;
  if (closes === undefined || (line.startsWith('<!--') && closes.test(line))) return start;
  const found = lines.findIndex((one, index) => index > start && closes.test(one));
  return found === -1 ? lines.length - 1 : found;
}

const commentOf = (lines: readonly string[]): string =>
  lines.join('\n').trim().replace(/^<!--/, '').replace(/-->$/, '').trim();

/** As GitHub makes them: lower case, blanks to "-", everything but letters, digits, "-" and "_" gone, a number when twice. */
function anchorsOf(prose: readonly string[]): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const line of prose) {
    const heading = /^#{1,6}\s+(.*?)\s*$/.exec(line)?.[1];
    if (heading === undefined) continue;
    const text = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const slug = text.replace(/[^\p{Letter}\p{Mark}\p{Number}\s_-]/gu, '').replaceAll(' ', '-');
    let anchor = slug;
    for (let count = 1; anchors.has(anchor); count++) anchor = `${slug}-${count}`;
    anchors.add(anchor);
  }
  return anchors;
}
