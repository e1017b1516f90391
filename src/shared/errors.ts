/**
 * Every error that a user can meet. A `LabError` says what was expected, what was found, where, and what to do;
 * its code has a section in `docs/errors.md` (a test holds the two together).
 */

/** Process exit codes of `lab`, documented in `docs/cli.md`. */
export const exitCodes = {
  asDeclared: 0,
  hostFailed: 1,
  changesFound: 2,
  hostUnreachable: 3,
  usage: 4,
  guardReverted: 5,
  interrupted: 130,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Code of an error → the exit code that it leads to when nothing else decides. */
export const errorCodes = {
  USAGE: exitCodes.usage,
  INTERNAL: exitCodes.hostFailed,
  // inventory and playbook
  INVENTORY_NOT_FOUND: exitCodes.usage,
  INVENTORY_INVALID: exitCodes.usage,
  HOST_PATTERN: exitCodes.usage,
  LOCK_FILE: exitCodes.usage,
  PLAYBOOK_NOT_FOUND: exitCodes.usage,
  PLAYBOOK_LOAD: exitCodes.usage,
  PLAYBOOK_TYPES: exitCodes.usage,
  PLAYBOOK_INVALID: exitCodes.usage,
  ROLE_PARAMS: exitCodes.usage,
  RESOURCE_PROPS: exitCodes.usage,
  RESOURCE_CONFLICT: exitCodes.usage,
  // connection
  UNREACHABLE: exitCodes.hostUnreachable,
  AUTH_FAILED: exitCodes.hostUnreachable,
  HOST_KEY_UNKNOWN: exitCodes.hostUnreachable,
  HOST_KEY_CHANGED: exitCodes.hostUnreachable,
  BECOME_REFUSED: exitCodes.hostUnreachable,
  CONNECTION_LOST: exitCodes.hostUnreachable,
  SSH_CONFIG: exitCodes.usage,
  // on the host
  REMOTE_PROGRAM: exitCodes.hostFailed,
  READ_FAILED: exitCodes.hostFailed,
  PLAN_IMPOSSIBLE: exitCodes.hostFailed,
  STEP_FAILED: exitCodes.hostFailed,
  STEP_TIMEOUT: exitCodes.hostFailed,
  NOT_CONVERGED: exitCodes.hostFailed,
  HOST_LOCKED: exitCodes.hostFailed,
  HOST_CHANGED: exitCodes.hostFailed,
  JOURNAL: exitCodes.hostFailed,
  JOURNAL_DAMAGED: exitCodes.hostFailed,
  GUARD_REVERTED: exitCodes.guardReverted,
  GUARD_UNKNOWN: exitCodes.hostUnreachable,
  RUN_UNKNOWN: exitCodes.usage,
  ROLLBACK_REFUSED: exitCodes.hostFailed,
  // saved plans
  PLAN_FILE: exitCodes.usage,
  PLAN_DRIFTED: exitCodes.hostFailed,
  // backups
  BACKUP_FILE: exitCodes.usage,
  RESTORE_REFUSED: exitCodes.hostFailed,
  // firewall
  FIREWALL_POLICY: exitCodes.usage,
  // secrets
  SECRETS_FILE: exitCodes.usage,
  SECRETS_IDENTITY: exitCodes.usage,
  SECRET_MISSING: exitCodes.usage,
  // scheduled jobs
  SCHEDULE_HOST: exitCodes.hostFailed,
  SCHEDULE_JOB: exitCodes.usage,
  SCHEDULE_CHECK: exitCodes.hostFailed,
  // sandbox
  SANDBOX_REQUIREMENTS: exitCodes.usage,
  SANDBOX_FAILED: exitCodes.hostFailed,
} as const satisfies Record<string, ExitCode>;
export type ErrorCode = keyof typeof errorCodes;

/** A place in a file that the user wrote. `line` and `column` count from 1. */
export interface SourceLocation {
  readonly file: string;
  readonly line?: number | undefined;
  readonly column?: number | undefined;
}

export interface LabErrorDetails {
  /** Where in the user's files. */
  readonly at?: SourceLocation | undefined;
  /** The lines around that place with a caret under the column, for a mistake in code; several lines. */
  readonly frame?: string | undefined;
  /** Path inside a document: `['hosts', 'nas', 'port']`. */
  readonly path?: readonly (string | number)[] | undefined;
  readonly expected?: string | undefined;
  readonly found?: string | undefined;
  /** What to do next, as a sentence; may hold a command. */
  readonly hint?: string | undefined;
  readonly host?: string | undefined;
  /** Output of the command that failed, secrets already redacted. */
  readonly output?: string | undefined;
  /** Further errors of the same pass: all mistakes of a file are told at once. */
  readonly others?: readonly LabError[] | undefined;
  readonly cause?: unknown;
}

/**
 * @example
 * throw new LabError('HOST_PATTERN', 'no host or group is called "nass"', {
 *   expected: 'a host, a group, or a pattern of them', found: 'nass', hint: 'did you mean "nas"?',
 * });
 */
export class LabError extends Error {
  override readonly name = 'LabError';
  readonly code: ErrorCode;
  readonly details: LabErrorDetails;

  constructor(code: ErrorCode, message: string, details: LabErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.details = details;
  }

  get exitCode(): ExitCode {
    return errorCodes[this.code];
  }

  /** The same error with more details, those given first kept. */
  with(more: LabErrorDetails): LabError {
    return new LabError(this.code, this.message, { ...more, ...definedOf(this.details) });
  }
}

function definedOf(details: LabErrorDetails): LabErrorDetails {
  return Object.fromEntries(Object.entries(details).filter(([, value]) => value !== undefined));
}

/** `hosts.nas.ports[0]` */
export function formatPath(path: readonly (string | number)[]): string {
  return path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? part : `${text}.${part}`),
    '',
  );
}

/** `playbooks/site.ts:12:5` */
export function formatLocation(at: SourceLocation): string {
  return [at.file, at.line, at.column].filter((part) => part !== undefined).join(':');
}

/** The whole error as lines for a person; no stack. */
export function formatError(error: LabError): string {
  const { at, frame, path, expected, found, hint, host, output, others } = error.details;
  const lines = [`${error.code}: ${host === undefined ? '' : `${host}: `}${error.message}`];
  if (at !== undefined) lines.push(`  at        ${formatLocation(at)}`);
  if (frame !== undefined) lines.push(...indent(frame, 2));
  if (path !== undefined && path.length > 0) lines.push(`  in        ${formatPath(path)}`);
  if (expected !== undefined) lines.push(`  expected  ${expected}`);
  if (found !== undefined) lines.push(`  found     ${found}`);
  if (output !== undefined && output.trim() !== '') lines.push('  output', ...indent(output.trimEnd(), 4));
  if (hint !== undefined) lines.push(`  hint      ${hint}`);
  for (const other of others ?? []) lines.push('', formatError(other));
  return lines.join('\n');
}

function indent(text: string, by: number): string[] {
  return text.split('\n').map((line) => ' '.repeat(by) + line);
}

/** Turns whatever was thrown into a LabError; one that is already is returned as it is. */
export function asLabError(thrown: unknown, code: ErrorCode = 'INTERNAL'): LabError {
  if (thrown instanceof LabError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new LabError(code, message, { cause: thrown });
}
