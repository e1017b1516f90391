import type { z } from 'zod';
import type { FactPrediction, Facts } from '../remote/facts/contract.ts';
import type { SourceLocation } from '../shared/errors.ts';
import type { Secret } from '../shared/secret.ts';

/** A file that the host's own journal keeps, relative to `/var/lib/lab`: what an undoing needs. */
export interface Kept {
  readonly kept: string;
}

/** What a file is given: text or bytes, a secret, or a file on this machine of any size (absolute path). */
export type Content = string | Uint8Array | Secret | { readonly localFile: string };

/**
 * One elementary action on a host, as data. `src/runner/apply/compile.ts` turns it into a call of a shell function of
 * `src/remote/stage/steps.sh`; arguments are values and are quoted there, once.
 */
export type Step =
  /** Replaces a regular file as a whole, atomically, after `validate` passed on the new content (`%s` is its path). */
  | {
      readonly do: 'write';
      readonly path: string;
      readonly content: Content | Kept;
      readonly mode: string;
      readonly owner: string;
      readonly group: string;
      readonly validate?: readonly string[] | undefined;
    }
  | {
      readonly do: 'directory';
      readonly path: string;
      readonly mode: string;
      readonly owner: string;
      readonly group: string;
    }
  | { readonly do: 'symlink'; readonly path: string; readonly target: string }
  | { readonly do: 'mode'; readonly path: string; readonly mode: string }
  | { readonly do: 'owner'; readonly path: string; readonly owner: string; readonly group: string }
  /** A directory only with `recursive`. Absent already is fine. */
  | { readonly do: 'remove'; readonly path: string; readonly recursive?: boolean | undefined }
  /**
   * Puts back what was at `path` before the change: content, mode, owner, times, links; or nothing, if it was absent.
   * `from` is where another action's journal keeps that, relative to `/var/lib/lab`; without it, this action's own.
   */
  | { readonly do: 'restore'; readonly path: string; readonly from?: string | undefined }
  | {
      readonly do: 'run';
      readonly argv: readonly string[];
      /** Written to the process's stdin; the only way for a secret. */
      readonly stdin?: string | Secret | Kept | undefined;
      readonly env?: Readonly<Record<string, string>> | undefined;
      readonly cwd?: string | undefined;
      readonly user?: string | undefined;
      /** Default 600. The process group is killed, the step fails with STEP_TIMEOUT. */
      readonly timeoutSeconds?: number | undefined;
      /** Exit codes that mean success; default `[0]`. */
      readonly okCodes?: readonly number[] | undefined;
    };

/** A value as a person reads it in a plan; `null` is "absent". Multi-line text gets a diff. */
export type Shown = string | number | boolean | null | Secret;

export interface Change {
  /** `content`, `mode`, `state`, … */
  readonly attribute: string;
  readonly before: Shown;
  readonly after: Shown;
  readonly apply: readonly Step[];
  /**
   * Undoes the whole change, also when `apply` stopped in the middle; every step must be safe to repeat. The paths of
   * its `restore` steps are saved and synced to disk before `apply` begins.
   */
  readonly revert: readonly Step[];
  /**
   * Does the change again after `revert` took it back: for the rollback of a rollback. Default: the steps of `apply`, where
   * those that write content or make links restore what `revert` replaced. To be given when the commands of `apply` would
   * not lead to the same again (a download, the next free number), and when they take a secret from stdin, as no secret is
   * kept: then `revert` notes in LAB_ACTION_DIR what this needs.
   */
  readonly redo?: readonly Step[] | undefined;
  /** Can cut the way to the host (`connectivity`) or the rights on it (`privilege`). */
  readonly risk?: 'connectivity' | 'privilege' | undefined;
  /** What later resources may take as given once this is applied. */
  readonly predicts?: readonly FactPrediction[] | undefined;
  /** Applies on every run, because nothing on the host tells that it was done (a command without `creates`). */
  readonly always?: true | undefined;
  /**
   * Reboots the host a few seconds after its steps ended. The run waits until the host is back, at most so long, and goes on
   * with what was declared after it.
   */
  readonly reboots?: { readonly timeoutSeconds: number } | undefined;
  /** For a change that runs because another resource changes or has changed (a restart, a reload). */
  readonly trigger?: string | undefined;
}

/** What a triggered resource does when one of those it watches changes. */
export type TriggerAction = 'restart' | 'reload' | 'run';

/** That something, or nothing, shall be at a path of the host. */
export interface PathClaim {
  readonly path: string;
  readonly wants: 'something' | 'nothing';
}

export interface ResourceType<Props = unknown, Current = unknown> {
  readonly type: string;
  readonly props: z.ZodType<Props>;
  /** Unique among the resources of this type on a host. */
  id(props: Props): string;
  /**
   * Paths that it makes or removes, as far as they are known without the host. One resource that wants something where
   * another wants nothing, at the path or above it, is refused: a host would never come to rest.
   */
  paths?(props: Props): readonly PathClaim[];
  /**
   * Asks facts. All reads of a run start together and are answered in one round trip: ask for independent facts with
   * `Promise.all`. Must not change the host. Called again when planning, with facts that earlier changes predict.
   */
  read(host: Facts, props: Props): Promise<Current>;
  /**
   * Pure: `[]` means in sync.
   *
   * @throws KnownAfterApply when it depends on what an earlier change will bring
   * @throws LabError PLAN_IMPOSSIBLE when the declared state cannot be reached from the current one
   */
  diff(props: Props, current: Current): readonly Change[];
  /** What to do when a watched resource changes; `changes` are those that `diff` gave. */
  triggered?(action: TriggerAction, props: Props, current: Current, changes: readonly Change[]): readonly Change[];
}

export interface ResourceOptions {
  /** A sentence shown instead of the type and id. */
  readonly name?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  /** Restart (or reload, or run) when one of these changes. They must be declared earlier. */
  readonly restartOn?: readonly Resource[] | undefined;
  readonly reloadOn?: readonly Resource[] | undefined;
  readonly runOn?: readonly Resource[] | undefined;
}

/** A declared resource: a type, checked props, and where it was declared. */
export interface Resource<Props = unknown> {
  readonly kind: 'resource';
  readonly resourceType: ResourceType<Props, unknown>;
  readonly type: string;
  readonly id: string;
  readonly props: Props;
  readonly options: ResourceOptions;
  readonly at: SourceLocation | undefined;
}

/** Resources in order; arrays nest, and falsy entries are left out, so that `condition && file(…)` can be written. */
export type ResourceTree = Resource | readonly ResourceTree[] | false | null | undefined;
