import type { ErrorCode, ExitCode, SourceLocation } from '../shared/errors.ts';

/**
 * What happens in a run, as one typed stream. The terminal tree, plain lines and NDJSON are renderers of it; nothing else
 * prints. Values are already redacted. `docs/events.md` describes the stream, `schema/events.v1.json` is its schema.
 */
export type RunEvent =
  | RunStarted
  | HostConnecting
  | HostConnected
  | HostPlanned
  | ResourceStarted
  | ResourceOutput
  | ResourceFinished
  | ResourceUndone
  | HostNotice
  | HostFinished
  | RunFinished;

/** `rollback-check` says what a rollback would put back. */
export type RunMode = 'run' | 'check' | 'plan' | 'apply' | 'rollback' | 'rollback-check' | 'resume';

interface Base {
  /** Milliseconds since the run began. */
  readonly ms: number;
}

export interface RunStarted extends Base {
  readonly event: 'run-started';
  /** Version of this stream. */
  readonly version: 1;
  readonly run: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly playbook: string;
  readonly mode: RunMode;
  /** What is no longer declared is removed or restored, too; with `check` it counts as a change. */
  readonly prune?: boolean | undefined;
  readonly hosts: readonly string[];
}

export interface HostConnecting extends Base {
  readonly event: 'host-connecting';
  readonly host: string;
}

export interface HostConnected extends Base {
  readonly event: 'host-connected';
  readonly host: string;
}

export interface PlannedChange {
  readonly attribute: string;
  /** `null` is absent. A secret is `‹secret›`. */
  readonly before: string | number | boolean | null;
  readonly after: string | number | boolean | null;
  /** Unified diff without file headers, for multi-line text. */
  readonly diff?: string | undefined;
  readonly risk?: 'connectivity' | 'privilege' | undefined;
  /** Which resource's change causes this one, for a restart or reload. */
  readonly trigger?: string | undefined;
}

export interface PlannedResource {
  /** `file:/etc/motd`; unique on a host. */
  readonly resource: string;
  /** What a person reads. */
  readonly title: string;
  readonly role: string | null;
  readonly at: SourceLocation | null;
  readonly outcome: 'in-sync' | 'change' | 'known-after-apply' | 'impossible';
  readonly changes: readonly PlannedChange[];
  /** Why it is not known yet, or not possible. */
  readonly reason?: string | undefined;
}

/** After a read: once for a converged host, again after each barrier of what was known only after apply. */
export interface HostPlanned extends Base {
  readonly event: 'host-planned';
  readonly host: string;
  /** 1 for the first plan of a run; later stages plan what was not known before. */
  readonly stage: number;
  readonly resources: readonly PlannedResource[];
  readonly orphans: readonly Orphan[];
}

/** A resource that the playbook managed on a host and no longer declares. */
export interface Orphan {
  /** `file:/etc/motd` */
  readonly resource: string;
  /** The role that declared it. */
  readonly role: string | null;
}

export interface ResourceStarted extends Base {
  readonly event: 'resource-started';
  readonly host: string;
  readonly resource: string;
  readonly title: string;
}

/** Live output of a command that a resource runs. */
export interface ResourceOutput extends Base {
  readonly event: 'resource-output';
  readonly host: string;
  readonly resource: string;
  readonly text: string;
}

export interface ResourceFinished extends Base {
  readonly event: 'resource-finished';
  readonly host: string;
  readonly resource: string;
  readonly title: string;
  readonly status: 'changed' | 'failed';
  readonly changes: readonly PlannedChange[];
  readonly durationMs: number;
  readonly failure?: EventFailure | undefined;
}

/** A change that stood was taken back: by the guard, or because another that belongs to it failed. */
export interface ResourceUndone extends Base {
  readonly event: 'resource-undone';
  readonly host: string;
  readonly resource: string;
  readonly title: string;
  /** False when something of it could not be taken back. */
  readonly complete: boolean;
}

/** Something a person should know that is no failure: a lock waited for, a difference between plan and outcome. */
export interface HostNotice extends Base {
  readonly event: 'host-notice';
  readonly host: string;
  readonly level: 'info' | 'warning';
  readonly text: string;
}

export interface EventFailure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly resource?: string | undefined;
  readonly at?: SourceLocation | undefined;
  readonly expected?: string | undefined;
  readonly found?: string | undefined;
  /** The command that failed. */
  readonly command?: string | undefined;
  readonly output?: string | undefined;
  readonly hint?: string | undefined;
}

/** `reverted`: nobody could log in any more after a change, so the host took it back. */
export type HostStatus =
  | 'ok'
  | 'changed'
  | 'would-change'
  | 'failed'
  | 'reverted'
  | 'unreachable'
  | 'interrupted'
  | 'skipped';

export interface HostCounts {
  /** Declared resources. */
  readonly total: number;
  readonly inSync: number;
  /** Changed, or with `--check` would change; with `--prune` also what is no longer declared. */
  readonly changed: number;
  readonly knownAfterApply: number;
  readonly failed: number;
  /** Declared after a failure or beyond an interruption, or taken back: not done. */
  readonly notReached: number;
  /** Differences between what was planned and what happened. */
  readonly differences: number;
  /** Managed earlier by this playbook, no longer declared, and left as it is. */
  readonly orphans: number;
}

export interface HostFinished extends Base {
  readonly event: 'host-finished';
  readonly host: string;
  readonly status: HostStatus;
  readonly counts: HostCounts;
  /** Request and answer pairs after the connection stood. */
  readonly roundTrips: number;
  readonly durationMs: number;
  readonly failure?: EventFailure | undefined;
}

export interface RunFinished extends Base {
  readonly event: 'run-finished';
  readonly run: string;
  readonly exitCode: ExitCode;
  readonly hosts: Readonly<Record<string, { readonly status: HostStatus; readonly changed: number }>>;
  readonly durationMs: number;
}
