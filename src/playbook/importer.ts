import { existsSync } from 'node:fs';
import { createRequire, SourceMap } from 'node:module';
import { join } from 'node:path';
import type { Jiti } from 'jiti';
import type { SourceLocation } from '../shared/errors.ts';
import { codeExtension, codeRoot } from '../shared/own-package.ts';
import { cacheFolder } from './cache-folder.ts';
import { readSource } from './code-frame.ts';

const packageName = 'labwright';
const rolePrefix = `${packageName}/roles/`;
/** The transpiled code keeps the source's lines only when no comment is moved. */
const babel = { comments: false };
/** What jiti 2.7 puts before a module's code, on its first line. */
const wrapper = 'async function (exports, require, module, __filename, __dirname, jitiImport, jitiESMResolve) { ';

let importer: Jiti | undefined;

/** Imports modules of the user's repository; one for the process, so that a module imported by two others is one. */
export function userImporter(): Jiti {
  if (importer === undefined) {
    // Not `import`: Node would first search the 200 kB of CommonJS for its exports, which takes longer than running it.
    const { createJiti } = createRequire(import.meta.url)('jiti') as typeof import('jiti');
    importer = createJiti(import.meta.url, {
      fsCache: cacheFolder('modules') ?? false,
      virtualModules: runningModules,
      transformOptions: { babel },
    });
  }
  return importer;
}

/** Answers imports of this package with the running modules, each loaded when the first import asks for it. */
const runningModules: Record<string, unknown> = new Proxy(
  {},
  {
    has: (_target, name) =>
      name === packageName || (typeof name === 'string' && name.startsWith(rolePrefix) && existsSync(roleFile(name))),
    get: (_target, name) => {
      if (name === packageName) return import('../index.ts').then(asTranspiled);
      return typeof name === 'string' ? import(roleFile(name)).then(asTranspiled) : undefined;
    },
  },
);

/** Transpiled code takes the default export of a module only when this marks it as one. */
function asTranspiled(module: object): object {
  return { ...module, __esModule: true };
}

function roleFile(specifier: string): string {
  return join(codeRoot, 'roles', specifier.slice(rolePrefix.length), `role${codeExtension}`);
}

/**
 * The source position of a position in the transpiled code of a user's module, as stack frames have it: the line is the
 * same, the column is not. Costs a transpilation; for errors only.
 */
export function sourcePosition(at: SourceLocation): SourceLocation {
  const { file, line, column } = at;
  const source = /\.[cm]?ts$/.test(file) ? readSource(file) : undefined;
  if (source === undefined || line === undefined || column === undefined || importer === undefined) return at;
  const map = sourceMapOf(importer, source, file);
  const entry = map?.findEntry(line - 1, column - 1 - (line === 1 ? wrapper.length + 1 : 0));
  if (entry === undefined || !('originalLine' in entry) || entry.originalLine !== line - 1) return { file, line };
  return { file, line, column: entry.originalColumn + 1 };
}

function sourceMapOf(jiti: Jiti, source: string, filename: string): SourceMap | undefined {
  const options = { ...babel, sourceMaps: 'inline', sourceFileName: filename };
  const code = jiti.transform({ source, filename, ts: true, async: true, interopDefault: true, babel: options });
  const encoded = /\/\/# sourceMappingURL=data:[^,]*;base64,(\S+)/.exec(code)?.[1];
  return encoded === undefined ? undefined : new SourceMap(JSON.parse(Buffer.from(encoded, 'base64').toString('utf8')));
}
