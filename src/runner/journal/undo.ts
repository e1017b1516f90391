import type { Step } from '../../resources/contract.ts';
import { type ActionPlan, type ActionReference, stepAgain } from '../apply/action-plan.ts';
import type { PlannedChange } from '../events.ts';
import { type JournaledAction, stageFolder } from './record.ts';

/** An action of the journal and where it stands. */
export interface Undoable {
  readonly at: ActionReference;
  readonly action: JournaledAction;
}

/**
 * The actions that take back others, last first, with the restarts at the end, when all files are as before. Pure.
 *
 * @param undone in the order in which they were done
 */
export function undoPlans(undone: readonly Undoable[]): ActionPlan[] {
  const backwards = [...undone].reverse().filter(({ action }) => action.undo.length > 0);
  const restarts = undone.filter(({ action }) => action.settle.length > 0);
  return [...backwards.map(undoPlan), ...restarts.map(restartPlan)];
}

function undoPlan({ at, action }: Undoable): ActionPlan {
  return {
    ...common(action),
    key: action.key,
    title: action.title,
    kind: action.kind === 'change' ? 'undo' : 'change',
    changes: action.changes.filter(({ trigger }) => trigger === undefined).map(backwards),
    apply: action.undo.map((step) => inPlace(step, at, action)),
    // Taking this back does the change again; what that replaces is kept by this action, not by the first.
    revert: action.redo,
    settle: [],
    redo: action.undo.map(stepAgain),
    lost: action.lost,
    undoes: at,
  };
}

/** A restart has no way back but another one. */
function restartPlan({ at, action }: Undoable): ActionPlan {
  const changes = action.changes.filter(({ trigger }) => trigger !== undefined);
  return {
    ...common(action),
    key: action.key,
    title: action.title,
    kind: action.kind === 'change' ? 'undo' : 'change',
    changes: changes.map(({ risk, ...change }) => ({
      ...change,
      trigger: 'what was taken back',
      ...(risk && { risk }),
    })),
    apply: action.settle,
    revert: [],
    settle: action.settle,
    redo: [],
    lost: [],
    // One that did more besides is taken back by what undoes that.
    ...(changes.length === action.changes.length && { undoes: at }),
  };
}

function common({ role, risky }: JournaledAction) {
  return { role, at: null, triggers: [], satisfies: [], risky, reboots: false };
}

function backwards({ before, after, diff, ...rest }: PlannedChange): PlannedChange {
  return { ...rest, before: after, after: before, ...(diff !== undefined && { diff: backwardsDiff(diff) }) };
}

/** A unified diff read the other way round: lines added become lines removed. */
function backwardsDiff(diff: string): string {
  const turned = diff.split('\n').map((line) => {
    if (line.startsWith('@@')) return line.replace(/^@@ -(\S+) \+(\S+) @@/, '@@ -$2 +$1 @@');
    if (line.startsWith('+')) return `-${line.slice(1)}`;
    return line.startsWith('-') ? `+${line.slice(1)}` : line;
  });
  // Within a change, what goes stands before what comes.
  const ordered: string[] = [];
  let coming: string[] = [];
  for (const line of turned) {
    if (line.startsWith('+')) coming.push(line);
    else if (line.startsWith('-')) ordered.push(line);
    else {
      ordered.push(...coming, line);
      coming = [];
    }
  }
  return [...ordered, ...coming].join('\n');
}

/** What the undone action kept is put back, not what this one keeps. */
function inPlace(step: Step, at: ActionReference, { paths }: JournaledAction): Step {
  if (step.do !== 'restore' || step.from !== undefined) return step;
  return { ...step, from: `${stageFolder(at)}/saved.${at.number}.${paths.indexOf(step.path)}` };
}
