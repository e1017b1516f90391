import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import { LabError } from '../shared/errors.ts';
import { packageRoot, packageVersion } from '../shared/own-package.ts';
import { quote } from '../shared/quote.ts';
import { ignored, repositoryFiles } from './init/templates.ts';

interface Options {
  readonly yaml?: boolean;
}

export function register(program: Command): void {
  program
    .command('init')
    .argument('[folder]', 'where; made when it is not there', '.')
    .description(
      'write a repository for your homelab: a server and a machine at home in one tunnel, and a role of your own',
    )
    .option('--yaml', 'inventory in YAML instead of TypeScript')
    .addHelpText(
      'after',
      `
Nothing that exists is overwritten. An existing package.json gets the dependency, a .gitignore the missing lines; an
existing README.md or tsconfig.json stays as it is.

Examples:
  lab init homelab
  npm init -y && npm install labwright && npx lab init`,
    )
    .action((folder: string, options: Options) => {
      const target = resolve(folder);
      const outcome = writeRepository(target, options.yaml === true);
      process.stdout.write(`${[...outcome.map(describe), '', ...nextSteps(target, options)].join('\n')}\n`);
    });
}

interface Outcome {
  readonly file: string;
  readonly done: 'created' | 'updated' | 'kept';
}

function writeRepository(target: string, yaml: boolean): Outcome[] {
  const files = repositoryFiles({ name: basename(target), dependency: dependency(), yaml });
  refuseToOverwrite(target, Object.keys(files));
  return Object.entries(files).map(([file, content]): Outcome => {
    const path = join(target, file);
    if (!existsSync(path)) {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, content, { flag: 'wx' });
      return { file, done: 'created' };
    }
    if (file === 'package.json') return { file, done: addToManifest(path, content) };
    if (file === '.gitignore') return { file, done: addIgnored(path) };
    return { file, done: 'kept' };
  });
}

/** Before the first file is written: a half-made repository helps nobody. */
function refuseToOverwrite(target: string, files: readonly string[]): void {
  const mergeable = new Set(['package.json', '.gitignore', 'README.md', 'tsconfig.json']);
  const inventories = ['inventory/index.ts', 'inventory/index.yml', 'inventory.ts', 'inventory.yml'];
  const inTheWay = [...new Set([...files, ...inventories])].filter(
    (file) => !mergeable.has(file) && existsSync(join(target, file)),
  );
  if (inTheWay.length === 0) return;
  throw new LabError('USAGE', 'this folder is a homelab already: nothing was written', {
    expected: 'a folder without an inventory and the playbooks and the role that init writes',
    found: inTheWay.map((file) => join(relative(process.cwd(), target), file)).join(', '),
    hint: 'lab init ANOTHER-FOLDER, or move these files away',
  });
}

/** A released package is asked for by version; from a checkout, the repository depends on that checkout. */
function dependency(): string {
  return packageRoot.includes('/node_modules/') ? `^${packageVersion()}` : `file:${packageRoot}`;
}

function addToManifest(path: string, content: string): Outcome['done'] {
  const wanted = JSON.parse(content) as Manifest;
  let manifest: Manifest;
  const text = readFileSync(path, 'utf8');
  try {
    manifest = JSON.parse(text) as Manifest;
  } catch (cause) {
    throw new LabError('USAGE', 'package.json cannot be read', { at: { file: path }, expected: 'JSON', cause });
  }
  const { dependencies, devDependencies } = manifest;
  const updated = {
    ...manifest,
    // npm init writes "commonjs", in which the compiler allows no top-level await.
    type: 'module',
    dependencies: { ...wanted.dependencies, ...dependencies },
    devDependencies: { ...wanted.devDependencies, ...devDependencies },
  };
  const updatedText = `${JSON.stringify(updated, null, 2)}\n`;
  if (JSON.stringify(updated) === JSON.stringify(manifest)) return 'kept';
  writeFileSync(path, updatedText);
  return 'updated';
}

interface Manifest {
  readonly type?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

function addIgnored(path: string): Outcome['done'] {
  const text = readFileSync(path, 'utf8');
  const lines = new Set(text.split(/\r?\n/).map((line) => line.trim().replace(/^\//, '').replace(/\/$/, '')));
  const missing = ignored.filter((line) => !lines.has(line.replace(/\/$/, '')));
  if (missing.length === 0) return 'kept';
  writeFileSync(path, `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${missing.join('\n')}\n`);
  return 'updated';
}

function describe({ file, done }: Outcome): string {
  return `${done.padEnd(8)} ${file}${done === 'kept' ? ' (exists)' : ''}`;
}

function nextSteps(target: string, { yaml }: Options): string[] {
  const folder = relative(process.cwd(), target);
  return [
    'Next:',
    ...(folder === '' ? [] : [`  cd ${quote(folder)}`]),
    '  npm install',
    `  the addresses of your two machines into inventory/index.${yaml ? 'yml' : 'ts'}`,
    '  npx lab inventory                     what is declared',
    '  npx lab doctor                        can every host be reached and managed?',
    '  npx lab run site.ts --check --diff    what would change',
    '  npx lab run site.ts                   the tunnel of the two',
    '  npx lab status wireguard              is it up?',
  ];
}
