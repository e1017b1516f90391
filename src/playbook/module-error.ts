import { LabError, type SourceLocation } from '../shared/errors.ts';
import { codeFrame, readSource } from './code-frame.ts';
import { describeUnknownImport } from './unknown-import.ts';
import { locateInUserCode } from './user-code.ts';

/**
 * What importing a user's module threw, told in the user's own terms: their file, line and column, the lines around it,
 * and never a stack of ours. A LabError, thrown by one of our functions that the module calls, keeps its code.
 *
 * @param file the module that was asked for; the place of last resort
 */
export function asUserModuleError(thrown: unknown, file: string): LabError {
  if (thrown instanceof LabError) return locateLabError(thrown);
  const at = locateInUserCode(thrown) ?? compileLocation(thrown) ?? { file };
  return parseErrorOf(thrown) ?? unknownImportOf(thrown, file) ?? runErrorOf(thrown, at);
}

/**
 * The same for something thrown later, by a function of the user's that we call, or by a promise that nobody awaits.
 *
 * @returns undefined when it came through no code of the user's: then it is a mistake of ours
 */
export function asUserCodeError(thrown: unknown): LabError | undefined {
  if (thrown instanceof LabError) return locateLabError(thrown);
  const at = locateInUserCode(thrown);
  return at && runErrorOf(thrown, at);
}

/** Adds the place in the user's code, and the lines around it, to an error of ours that came out of it. */
function locateLabError(error: LabError): LabError {
  const at = locateInUserCode(error);
  return at === undefined
    ? error
    : error.with({ at, frame: /\.[cm]?[jt]s$/.test(at.file) ? codeFrame(at) : undefined });
}

/** jiti reports what its parser refused as `ParseError: message \n file:line:column`, the column counted from 0. */
function parseErrorOf(thrown: unknown): LabError | undefined {
  const match = /^\w+: ([\s\S]*?)\.?\s*\n (\/.*):(\d+):(\d+)$/.exec(messageOf(thrown));
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  return userError(`syntax error: ${match[1]}`, {
    file: match[2],
    line: Number(match[3]),
    column: Number(match[4]) + 1,
  });
}

function unknownImportOf(thrown: unknown, file: string): LabError | undefined {
  const specifier = missingSpecifier(thrown);
  if (specifier === undefined) return undefined;
  const frame = locateInUserCode(thrown) ?? { file };
  const at = locateSpecifier(frame, specifier);
  return userError(`cannot find the import "${specifier}"`, at, {
    expected: /^[./]/.test(specifier) ? 'an existing file' : 'an installed package',
    ...describeUnknownImport(specifier, at.file),
  });
}

function missingSpecifier(thrown: unknown): string | undefined {
  const code = (thrown as { code?: unknown } | null)?.code;
  const message = messageOf(thrown);
  if (code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND') {
    return /Cannot find (?:module|package) '([^']+)'/.exec(message)?.[1];
  }
  if (code === 'ERR_UNKNOWN_BUILTIN_MODULE') return /No such built-in module: (\S+)/.exec(message)?.[1];
  if (code === 'ERR_PACKAGE_PATH_NOT_EXPORTED') {
    const match = /Package subpath '\.\/([^']+)'.*\/node_modules\/(.+)\/package\.json/.exec(message);
    return match === null ? undefined : `${match[2]}/${match[1]}`;
  }
  return undefined;
}

/** The place of the quoted specifier; imports are moved when they are transpiled, so that only their line holds. */
function locateSpecifier(frame: SourceLocation, specifier: string): SourceLocation {
  const lines = (readSource(frame.file) ?? '').split('\n');
  const columnIn = (line: number): number => {
    const text = lines[line - 1] ?? '';
    return 1 + Math.max(text.indexOf(`'${specifier}'`), text.indexOf(`"${specifier}"`));
  };
  const candidates = [frame.line ?? 0, ...lines.keys()].map((line) => ({ line, column: columnIn(line) }));
  return { ...frame, ...(candidates.find(({ column }) => column > 0) ?? { line: frame.line, column: undefined }) };
}

function runErrorOf(thrown: unknown, at: SourceLocation): LabError {
  const name = thrown instanceof Error && thrown.name !== 'Error' ? `${thrown.name}: ` : '';
  const message = readableMessage(thrown);
  const missing = /^(\S+) is not a function$/.exec(message)?.[1];
  const hint = missing === undefined ? undefined : `is ${missing} exported where it is imported from?`;
  return userError(`${name}${message}`, at, { hint, cause: thrown });
}

/** V8 puts the place of a SyntaxError on the first line of its stack. */
function compileLocation(thrown: unknown): SourceLocation | undefined {
  const first = thrown instanceof SyntaxError ? /^(\/.*):(\d+)$/m.exec(thrown.stack ?? '') : null;
  return first?.[1] === undefined ? undefined : { file: first[1], line: Number(first[2]) };
}

/** `(0 , _role.motd) is not a function` is how a transpiled call of an import reads; the author wrote `motd`. */
function readableMessage(thrown: unknown): string {
  const message = messageOf(thrown);
  return message.replace(/\(0 ?, ?_\w+\.(\w+)\)/g, '$1').replace(/\b_\w+\.default\b/g, 'the default import');
}

function messageOf(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message;
  return typeof thrown === 'string' ? thrown : `thrown value ${JSON.stringify(thrown) ?? String(thrown)}`;
}

function userError(
  message: string,
  at: SourceLocation,
  more: ConstructorParameters<typeof LabError>[2] = {},
): LabError {
  return new LabError('PLAYBOOK_LOAD', message, { at, frame: codeFrame(at), ...more });
}
