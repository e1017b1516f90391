import { dirname, join } from 'node:path';
import ts from 'typescript';
import { codeExtension, codeRoot, isEngineFile } from '../shared/own-package.ts';
import type { TypeCheckResult, TypeProblem } from './type-check.ts';
import { type FileStamp, stampOf } from './type-check-stamp.ts';

// Run as a process of its own, so that loading the compiler (a second and more) never weighs on a run: the playbook's
// path is the argument, the result goes to stdout as JSON. Only type-check.ts starts it.

/**
 * For a repository without a tsconfig.json: as strict as the one that `lab init` writes. Modules are as the loader takes
 * them; Node's own rules would see CommonJS, without top-level await, where no package.json says otherwise.
 */
const defaultOptions: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  moduleDetection: ts.ModuleDetectionKind.Force,
  strict: true,
  noUncheckedIndexedAccess: true,
  resolveJsonModule: true,
};

/** Whatever the repository's tsconfig.json says: nothing is written, and declarations of others are not judged. */
const fixedOptions: ts.CompilerOptions = {
  noEmit: true,
  allowImportingTsExtensions: true,
  skipLibCheck: true,
  incremental: false,
  composite: false,
  declaration: false,
  ignoreDeprecations: '6.0',
};

const noInputs = 18003;
const [, , playbook] = process.argv;
if (playbook !== undefined) process.stdout.write(JSON.stringify(check(playbook)));

function check(file: string): TypeCheckResult {
  const { options, ambient, problems, configs } = readConfig(file);
  const host = ts.createCompilerHost(options);
  const stamps = new Map<string, FileStamp>();
  for (const config of configs) stamp(stamps, config);
  const readSource = host.getSourceFile;
  host.getSourceFile = (name, ...rest) => {
    // Before it is read: a file that changes in between is checked again next time.
    if (!name.includes('/node_modules/')) stamp(stamps, name);
    return readSource(name, ...rest);
  };
  useRunningPackage(options, file, host);
  const program = ts.createProgram([file, ...ambient], options, host);
  const found = program
    .getSourceFiles()
    .filter(({ fileName }) => !fileName.includes('/node_modules/') && !isEngineFile(fileName))
    .flatMap((source) => [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)]);
  return {
    problems: [...problems, ...[...program.getOptionsDiagnostics(), ...found].map(problemOf)],
    files: [...stamps.values()],
  };
}

interface Config {
  readonly options: ts.CompilerOptions;
  /** Declaration files that the config includes: they are imported by nobody. */
  readonly ambient: readonly string[];
  readonly problems: readonly TypeProblem[];
  /** The config and those that it extends. */
  readonly configs: readonly string[];
}

function readConfig(file: string): Config {
  const path = ts.findConfigFile(dirname(file), ts.sys.fileExists);
  if (path === undefined)
    return { options: { ...defaultOptions, ...fixedOptions }, ambient: [], problems: [], configs: [] };
  const problems: TypeProblem[] = [];
  const onUnRecoverableConfigFileDiagnostic = (diagnostic: ts.Diagnostic) => problems.push(problemOf(diagnostic));
  const parsed = ts.getParsedCommandLineOfConfigFile(path, fixedOptions, {
    ...ts.sys,
    onUnRecoverableConfigFileDiagnostic,
  });
  problems.push(...(parsed?.errors ?? []).filter(({ code }) => code !== noInputs).map(problemOf));
  return {
    options: parsed?.options ?? { ...defaultOptions, ...fixedOptions },
    ambient: parsed?.fileNames.filter((name) => name.endsWith('.d.ts')) ?? [],
    problems,
    configs: [path, ...extendedConfigs(path)],
  };
}

function extendedConfigs(path: string): string[] {
  const source = ts.readJsonConfigFile(path, ts.sys.readFile);
  ts.parseJsonSourceFileConfigFileContent(source, ts.sys, dirname(path));
  return source.extendedSourceFiles ?? [];
}

/** Where the repository has not installed the package, the types of the running one count. */
function useRunningPackage(options: ts.CompilerOptions, file: string, host: ts.CompilerHost): void {
  const mode = ts.ModuleKind.ESNext;
  const resolved = ts.resolveModuleName('labwright', file, options, host, undefined, undefined, mode);
  if (resolved.resolvedModule !== undefined) return;
  const extension = codeExtension === '.ts' ? '.ts' : '.d.ts';
  options.paths = {
    ...options.paths,
    labwright: [join(codeRoot, `src/index${extension}`)],
    'labwright/roles/*': [join(codeRoot, `roles/*/role${extension}`)],
  };
}

function problemOf({ file, start, code, messageText }: ts.Diagnostic): TypeProblem {
  const message = ts.flattenDiagnosticMessageText(messageText, '\n');
  if (file === undefined || start === undefined) return { code, message };
  const { line, character } = file.getLineAndCharacterOfPosition(start);
  return { code, message, at: { file: file.fileName, line: line + 1, column: character + 1 } };
}

function stamp(stamps: Map<string, FileStamp>, file: string): void {
  const found = stamps.has(file) ? undefined : stampOf(file);
  if (found !== undefined) stamps.set(file, found);
}
