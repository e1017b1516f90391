import { type ExitCode, exitCodes, type LabError } from '../../shared/errors.ts';

/** Something that is not as declared, for a person. */
export interface Problem {
  /** One sentence, not yet made visible. */
  readonly text: string;
  /** How to stop it; null where the text says all. */
  readonly hint: string | null;
  /** Hosts at which it is; none for what is at no host. */
  readonly hosts: readonly string[];
}

/** What is not proven, and why. */
export interface Unlooked {
  /** Null for what is on no host. */
  readonly host: string | null;
  readonly error: LabError;
}

/** What is not proven, as a sentence. */
export interface Unproven {
  readonly host: string | null;
  readonly text: string;
}

/** What one verification found. */
export interface Verification<Found = unknown> {
  /** ISO 8601, UTC. */
  readonly checkedAt: string;
  readonly exitCode: ExitCode;
  /** What was looked at and what came of it, in a few words. */
  readonly summary: string;
  readonly problems: readonly Problem[];
  readonly unlooked: readonly Unlooked[];
  /** What is not proven though nobody failed; it is among the lines. */
  readonly unproven?: readonly Unproven[];
  /** Hosts that were looked at. */
  readonly hosts: readonly string[];
  /** For programs: what its `--output json` holds beside version, time and exit code. */
  readonly found: Found;
  /** For a person. */
  readonly lines: readonly string[];
}

/** 1 when something is wrong, else 3 when something is not known. */
export function exitCodeFor(problems: readonly unknown[], unlooked: readonly unknown[]): ExitCode {
  if (problems.length > 0) return exitCodes.hostFailed;
  return unlooked.length > 0 ? exitCodes.hostUnreachable : exitCodes.asDeclared;
}

/** Those that could not be asked. */
export function unlookedOf(
  outcomes: readonly { readonly host: { readonly name: string }; readonly error?: LabError }[],
): Unlooked[] {
  return outcomes.flatMap(({ host, error }) => (error === undefined ? [] : [{ host: host.name, error }]));
}

/** As programs get it. */
export interface UnlookedRecord {
  readonly host: string | null;
  readonly code: string;
  readonly message: string;
}

export function unlookedRecord({ host, error: { code, message } }: Unlooked): UnlookedRecord {
  return { host, code, message };
}
