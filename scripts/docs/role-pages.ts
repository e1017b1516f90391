import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';
import { type Role, z } from '../../src/index.ts';
import { type DocComments, docComments } from './doc-comments.ts';
import { type Parameter, parametersOf } from './parameters.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** What a page has to refer to; a procedure has pages of its own. */
const needed = ['role.ts', 'README.md'];
const names = readdirSync(join(root, 'roles'))
  .filter((name) => needed.every((file) => existsSync(join(root, 'roles', name, file))))
  .sort();

/** The modules that export the roles. */
export const roleFiles: readonly string[] = names.map((name) => join(root, 'roles', name, 'role.ts'));

/**
 * The pages of `docs/roles/`, by their path from the root of the repository.
 *
 * @param program one that has `roleFiles` among its files
 */
export async function rolePages(program = compile()): Promise<ReadonlyMap<string, string>> {
  const pages = new Map<string, string>();
  const list: string[] = [];
  for (const [index, name] of names.entries()) {
    const { definition } = await roleOf(name);
    pages.set(`docs/roles/${name}.md`, page(name, definition, docComments(program, roleFiles[index] ?? '')));
    list.push(`| [${name}](${name}.md) | ${definition.description} | [README](../../roles/${name}/README.md) |`);
  }
  return pages.set('docs/roles/README.md', index(list));
}

/** The options of the repository's own tsconfig.json. */
export function compilerOptions(): ts.CompilerOptions {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: roleFiles }, ts.sys, root);
  return { ...options, noEmit: true };
}

const compile = (): ts.Program => ts.createProgram(roleFiles, compilerOptions());

async function roleOf(name: string): Promise<Role> {
  const module = (await import(pathToFileURL(join(root, 'roles', name, 'role.ts')).href)) as { default: Role };
  return module.default;
}

function page(name: string, { description, params }: Role['definition'], comments: DocComments): string {
  return `${[
    generated(`the schema in roles/${name}`),
    `# The role ${name}`,
    `${description}. What it does to a host, the files that it owns, and how to take it back: [its README](../../roles/${name}/README.md).`,
    ['```ts', `import ${importName(name)} from 'labwright/roles/${name}';`, '```'].join('\n'),
    '## Parameters',
    [
      '| parameter | takes | default | |',
      '|---|---|---|---|',
      ...parametersOf(params).flatMap((one) => row(name, one, comments)),
    ].join('\n'),
    ...defaultsOf(params),
  ].join('\n\n')}\n`;
}

function row(role: string, parameter: Parameter, comments: DocComments): string[] {
  const { path, takes, byDefault, keys, variant, group } = parameter;
  const comment = comments(keys, variant);
  if (comment === '' && group) return [];
  if (comment === '') throw new Error(`the role ${role}: its parameter ${path} needs a doc comment`);
  const ofVariant = variant === undefined ? '' : ` of \`${variant}\``;
  return [`| \`${path}\`${ofVariant} | ${takes} | ${byDefault} | ${comment.replaceAll('|', '\\|')} |`];
}

/** What a role works with that is given nothing; nothing where it needs something. */
function defaultsOf(params: z.core.$ZodType): string[] {
  const { success, data } = z.safeParse(params, {});
  return success ? ['## All defaults', ['```json', JSON.stringify(data, undefined, 2), '```'].join('\n')] : [];
}

const importName = (name: string): string => name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
const generated = (source: string): string =>
  `<!-- Made by npm run docs from ${source}: change that, and run it again. -->`;

function index(rows: readonly string[]): string {
  return `${generated('roles/*/role.ts')}

# Roles

A role is used in a play as it is (\`roles: [base]\`) or with parameters (\`roles: [base({ timezone: 'Europe/Berlin' })]\`);
the inventory gives parameters as \`params: { base: { timezone: 'Europe/Berlin' } }\`
([which value wins](../inventory.md#parameters-and-which-value-wins)). Roles of your own: [writing a role](../writing-a-role.md).

| Parameters | | What it does to a host |
|---|---|---|
${rows.join('\n')}
`;
}
