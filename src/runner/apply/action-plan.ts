import type { Change, Step } from '../../resources/contract.ts';
import type { SourceLocation } from '../../shared/errors.ts';
import { type Redactor, Secret } from '../../shared/secret.ts';
import { describeChange } from '../describe-plan.ts';
import type { PlannedChange } from '../events.ts';
import type { Planned } from '../plan/plan-host.ts';

/** Where an action stands in a host's journal. */
export interface ActionReference {
  readonly run: string;
  /** Counts from 1. */
  readonly stage: number;
  /** Counts from 1. */
  readonly number: number;
}

/** What is to be done to one resource on a host, and every way back and forth: from a plan, or from the host's own journal. */
export interface ActionPlan {
  /** An undoing of an undoing is a change. */
  readonly kind: 'change' | 'undo';
  /** `file:/etc/motd`. */
  readonly key: string;
  readonly title: string;
  readonly role: string | null;
  readonly at: SourceLocation | null;
  /** Redacted, as the history shows them. */
  readonly changes: readonly PlannedChange[];
  readonly apply: readonly Step[];
  /** Takes `apply` back, also when it stopped in the middle. */
  readonly revert: readonly Step[];
  /** Restarts that follow an undoing, when all files are as before. */
  readonly settle: readonly Step[];
  /** Does again what `revert` took back. */
  readonly redo: readonly Step[];
  /** Why `redo` cannot be done without the playbook: the secrets it lacks. */
  readonly lost: readonly string[];
  /** Triggers to write down before the changes. */
  readonly triggers: readonly string[];
  /** Triggers that the changes satisfy. */
  readonly satisfies: readonly string[];
  readonly risky: boolean;
  readonly reboots: boolean;
  /** The action that this one undoes. */
  readonly undoes?: ActionReference | undefined;
}

/** A planned resource as an action. */
export function actionPlanOf(planned: Planned, redactor: Redactor): ActionPlan {
  const { key, title, role, resource, changes, triggers, satisfies } = planned;
  const backwards = [...changes].reverse();
  const redo = changes.map(redoOf);
  return {
    kind: 'change',
    key,
    title,
    role,
    at: resource.at ?? null,
    changes: changes.map((change) => describeChange(change, redactor)),
    apply: changes.flatMap((change) => change.apply),
    revert: backwards.filter((change) => change.trigger === undefined).flatMap((change) => change.revert),
    settle: changes.filter((change) => change.trigger !== undefined).flatMap((change) => change.revert),
    redo: redo.flatMap(({ steps }) => steps),
    lost: redo.flatMap(({ lost }) => lost),
    triggers,
    satisfies,
    risky: changes.some((change) => change.risk !== undefined),
    reboots: changes.some((change) => change.reboots !== undefined),
  };
}

/** Doing a change again: what the undoing replaced is put back, commands run again. A secret is kept nowhere. */
function redoOf(change: Change): { readonly steps: readonly Step[]; readonly lost: readonly string[] } {
  if (change.trigger !== undefined) return { steps: [], lost: [] };
  if (change.redo !== undefined) return { steps: change.redo, lost: [] };
  const lost = change.apply.flatMap((step) =>
    step.do === 'run' && step.stdin instanceof Secret ? [`the secret that ${change.attribute} was set from`] : [],
  );
  return { steps: lost.length > 0 ? [] : unique(change.apply.map(stepAgain)), lost };
}

/**
 * A step of an action as its undoing takes it back: a content is put back as the undoing found it. What says by itself what
 * it does is done again: to keep a folder with all that is in it, because its mode changed, would take as long as the
 * folder is large, and bring back what was removed in it since.
 */
export function stepAgain(step: Step): Step {
  const saysItself =
    step.do === 'run' ||
    step.do === 'mode' ||
    step.do === 'owner' ||
    step.do === 'directory' ||
    (step.do === 'remove' && step.recursive === true);
  return saysItself ? step : { do: 'restore', path: step.path };
}

function unique(steps: readonly Step[]): Step[] {
  const seen = new Set<string>();
  return steps.filter((step) => {
    if (step.do !== 'restore') return true;
    const isNew = !seen.has(step.path);
    seen.add(step.path);
    return isNew;
  });
}
