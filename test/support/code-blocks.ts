import { readFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import ts from 'typescript';
import { compilerOptions, roleFiles } from '../../scripts/docs/role-pages.ts';
import { asInventory } from './inventory-block.ts';
import { type CodeBlock, type Page, root } from './markdown.ts';

interface Module {
  readonly file: string;
  readonly block: CodeBlock;
  readonly text: string;
  /** Lines in front of the block's own. */
  readonly before: number;
}

/** Where the blocks of pages would lie: `.pages/docs/playbooks.md/roles/motd/role.ts`. Nothing is written. */
const folder = join(root, '.pages');

/**
 * The blocks in TypeScript of all pages, as modules of one program. A block is a module as it stands, or says in a comment
 * above it, which no reader sees, what it is a part of:
 *
 * - `given: …`: declarations that it needs beside what labwright exports;
 * - `inside: … BLOCK …`: the text around it; `inside: inventory` for sections of an inventory.
 *
 * A first line such as `// roles/motd/role.ts` names the file that it is: other blocks of the page import it. What a page does
 * not have is taken from this repository.
 */
export function compileBlocks(pages: readonly Page[]): { readonly program: ts.Program; readonly problems: string[] } {
  const modules = new Map(pages.flatMap(modulesOf).map((one) => [one.file, one]));
  const options: ts.CompilerOptions = {
    ...compilerOptions(),
    noUnusedLocals: false,
    paths: { labwright: [join(root, 'src/index.ts')], 'labwright/roles/*': [join(root, 'roles/*/role.ts')] },
  };
  const program = ts.createProgram([...modules.keys(), ...roleFiles], options, hostWith(modules, options));
  return { program, problems: [...modules.values()].flatMap((module) => problemsOf(program, module)) };
}

function modulesOf({ path, blocks }: Page): Module[] {
  const inTypeScript = blocks.filter(({ language }) => language === 'ts');
  return inTypeScript.map((block, index) => {
    const name = nameOf(block);
    // Of several states of one file the last is what others import.
    const isFile = name !== undefined && inTypeScript.findLast((other) => nameOf(other) === name) === block;
    const file = join(folder, path, isFile ? '' : `block-${index}`, name ?? 'playbooks/block.ts');
    return { file, block, ...withSurroundings(block) };
  });
}

const nameOf = ({ text }: CodeBlock): string | undefined => /^\/\/ ([\w./-]+\.ts)\n/.exec(text)?.[1];

function withSurroundings({ text, note }: CodeBlock): Pick<Module, 'text' | 'before'> {
  const [, kind, said = ''] = /^(given|inside):\s*(.*)$/s.exec(note) ?? [];
  const isModule = /^(import|export) /m.test(text);
  const body = kind === 'inside' ? inside(said, text) : text;
  const given = kind === 'given' ? `${said}\n` : '';
  const front = `${isModule ? '' : importsOf(`${given}${body}`)}${given}`;
  const whole = `${front}${body}\nexport {};\n`;
  // Not what is added on the block's own lines, which leaves them where they are.
  const first = kind === 'inside' && said === 'inventory' ? front.length + body.indexOf('\n') + 1 : whole.indexOf(text);
  return { text: whole, before: whole.slice(0, first).split('\n').length - 1 };
}

const inside = (around: string, text: string): string =>
  around === 'inventory' ? asInventory(text) : around.replace('BLOCK', () => text);

const exports = exportsOf('src/index.ts');
const roles = roleFiles.map((path) => basename(dirname(path)));

/** Fragments use what labwright exports without saying so. */
function importsOf(text: string): string {
  const isUsed = (name: string) =>
    new RegExp(`(?<![\\w.'-])${name}(?=[(<>;,\\]) ])(?! *[:?])`).test(text) &&
    !new RegExp(`(const|type) ${name}\\b`).test(text);
  const importName = (role: string) => role.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
  return [
    `import { ${exports
      .filter(({ name }) => isUsed(name))
      .map(({ name, isType }) => (isType ? `type ${name}` : name))
      .join(', ')} } from 'labwright';\n`,
    ...roles
      .filter((role) => isUsed(importName(role)))
      .map((role) => `import ${importName(role)} from 'labwright/roles/${role}';\n`),
  ].join('');
}

function exportsOf(path: string): { name: string; isType: boolean }[] {
  const text = readFileSync(join(root, path), 'utf8');
  return [...text.matchAll(/^export (type )?\{([^}]*)\}/gm)].flatMap(([, type, names = '']) =>
    names
      .split(',')
      .map((name) => ({ name: name.trim(), isType: type !== undefined }))
      .filter(({ name }) => name !== ''),
  );
}

/** Reads blocks from memory, and what a page does not have from the same place in the repository. */
function hostWith(modules: ReadonlyMap<string, Module>, options: ts.CompilerOptions): ts.CompilerHost {
  const host = ts.createCompilerHost(options);
  const pageOf = (path: string) =>
    [...modules.values()].find(({ block }) => path.startsWith(join(folder, block.page)))?.block.page;
  const found = (path: string): string | undefined => {
    if (!path.startsWith(folder)) return path;
    if (modules.has(path)) return path;
    const page = pageOf(path);
    if (page === undefined) return undefined;
    const inside = relative(join(folder, page), path).replace(/^block-\d+\//, '');
    const ofPage = join(folder, page, inside);
    return modules.has(ofPage) ? ofPage : join(root, inside);
  };
  const textOf = (path: string): string | undefined => {
    const place = found(path);
    return place === undefined ? undefined : (modules.get(place)?.text ?? ts.sys.readFile(place));
  };
  const exists = host.fileExists;
  return {
    ...host,
    fileExists: (path) => (path.startsWith(folder) ? textOf(path) !== undefined : exists(path)),
    readFile: textOf,
    // Packages are those of the repository, which the compiler finds above.
    directoryExists: (path) =>
      path.startsWith(folder) ? !path.includes('/node_modules') : ts.sys.directoryExists(path),
    getSourceFile: (path, target) => {
      const text = textOf(path);
      return text === undefined ? undefined : ts.createSourceFile(path, text, target);
    },
  };
}

function problemsOf(program: ts.Program, { file, block, before }: Module): string[] {
  const source = program.getSourceFile(file);
  return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map(
    ({ start = 0, messageText, code }) => {
      const line = block.line + (source?.getLineAndCharacterOfPosition(start).line ?? 0) - before;
      return `${block.page}:${line} TS${code} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
    },
  );
}
