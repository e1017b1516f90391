import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { LabError, type SourceLocation } from '../shared/errors.ts';
import { codeExtension, codeRoot } from '../shared/own-package.ts';
import { codeFrame } from './code-frame.ts';
import { findPlaybook } from './find.ts';
import { type FileStamp, isChecked, rememberChecked } from './type-check-stamp.ts';
import { describeUnknownImport } from './unknown-import.ts';

/** What the compiler says about one place. */
export interface TypeProblem {
  /** TypeScript's number, `2322`. */
  readonly code: number;
  readonly message: string;
  readonly at?: SourceLocation;
}

/** Something declared and not used: untidy, and no reason to keep a run from a host. */
const tidinessCodes = new Set([6133, 6138, 6192, 6196, 6198, 6199, 6205]);

/** What type-check-program.ts writes to stdout. */
export interface TypeCheckResult {
  readonly problems: readonly TypeProblem[];
  /** Every source file of the program outside node_modules, as it was when it was read. */
  readonly files: readonly FileStamp[];
}

const mostTold = 20;
/** `Cannot find module`, `Cannot find module or its corresponding type declarations`. */
const unknownModuleCodes = new Set([2307, 2792, 2882]);

/**
 * Lets the TypeScript compiler check a playbook and all that it imports, in a process of its own, under the nearest
 * tsconfig.json. After a success nothing is done until one of those files changes; that costs a few `stat`s.
 *
 * @throws LabError PLAYBOOK_TYPES with all errors, each with file, line, column and code; PLAYBOOK_NOT_FOUND
 */
export async function checkTypes(name: string, cwd: string): Promise<void> {
  const file = findPlaybook(name, cwd);
  if (!/\.[cm]?ts$/.test(file) || isChecked(file)) return;
  const { problems: all, files } = await runCompiler(file);
  const problems = all.filter(({ code }) => !tidinessCodes.has(code));
  if (problems.length === 0) {
    rememberChecked(file, files);
    return;
  }
  const [first, ...others] = problems.slice(0, mostTold).map(typeError);
  const more = problems.length - mostTold;
  if (more > 0) others.push(new LabError('PLAYBOOK_TYPES', `and ${more} more type errors`));
  throw first?.with({ others }) ?? new LabError('PLAYBOOK_TYPES', 'type errors');
}

function typeError({ code, message, at }: TypeProblem): LabError {
  const specifier = unknownModuleCodes.has(code) ? /'([^']+)'/.exec(message)?.[1] : undefined;
  const hint = specifier !== undefined && at !== undefined ? describeUnknownImport(specifier, at.file).hint : undefined;
  return new LabError('PLAYBOOK_TYPES', `${message} (TS${code})`, { at, frame: at && codeFrame(at), hint });
}

function runCompiler(file: string): Promise<TypeCheckResult> {
  const program = join(codeRoot, `src/playbook/type-check-program${codeExtension}`);
  const argv = codeExtension === '.ts' ? [jitiProgram(), program, file] : [program, file];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, argv, { maxBuffer: 2 ** 26, encoding: 'utf8' }, (error, stdout, stderr) => {
      if (error === null) resolve(JSON.parse(stdout) as TypeCheckResult);
      else {
        reject(
          new LabError('PLAYBOOK_TYPES', `the type checker ended with ${error.signal ?? `exit code ${error.code}`}`, {
            output: stderr.split('\n').slice(0, 20).join('\n'),
            hint: '--no-type-check runs the playbook without it',
            cause: error,
          }),
        );
      }
    });
  });
}

/** Runs TypeScript when the package itself runs from source. */
function jitiProgram(): string {
  const manifest = createRequire(import.meta.url).resolve('jiti/package.json');
  return join(dirname(manifest), 'lib/jiti-cli.mjs');
}
