import { originReference } from '../apply/compile.ts';
import type { JournaledActionState } from './read.ts';

/** What a rollback is to take back. */
export interface RollbackSelection {
  readonly role?: string | undefined;
  /** All that stands of one run. */
  readonly run?: string | undefined;
  /** Without `run`: how many of the last runs that changed something; default 1. */
  readonly steps?: number | undefined;
}

/** Actions that were done and not taken back since, in the order in which they were done. */
export function standing(all: readonly JournaledActionState[]): readonly JournaledActionState[] {
  const gone = takenBack(all);
  return all.filter(({ at, fate }) => fate === 'done' && !gone.has(originReference(at)));
}

/** `RUN/STAGE/NUMBER` of what was taken back → the run that did it. What takes back counts while it stands itself. */
export function takenBack(all: readonly JournaledActionState[]): ReadonlyMap<string, string> {
  const gone = new Map<string, string>();
  for (const { at, action, fate } of [...all].reverse())
    if (fate === 'done' && action.undoes !== undefined && !gone.has(originReference(at)))
      gone.set(originReference(action.undoes), at.run);
  return gone;
}

/**
 * The standing actions that a rollback takes back. What earlier rollbacks did is passed over, so that a second one goes one
 * run further; to do again what a rollback took back, name its run.
 */
export function selectActions(
  stand: readonly JournaledActionState[],
  { role, run, steps = 1 }: RollbackSelection,
): readonly JournaledActionState[] {
  const ofRole = stand.filter(({ action }) => role === undefined || action.role === role);
  if (run !== undefined) return ofRole.filter(({ at }) => at.run === run);
  const changes = ofRole.filter(({ action }) => action.kind === 'change');
  const runs = [...new Set(changes.map(({ at }) => at.run))].slice(-steps);
  return changes.filter(({ at }) => runs.includes(at.run));
}

/** A path that is not as the selected actions left it. */
export interface Conflict {
  readonly path: string;
  /** The run that changed it later; without one it was changed by hand. */
  readonly laterRun: string | undefined;
  readonly laterRole: string | null | undefined;
}

/** The paths that are no longer as the last selected action left them. */
export function conflictsOf(
  selected: readonly JournaledActionState[],
  stand: readonly JournaledActionState[],
  now: ReadonlyMap<string, string>,
): readonly Conflict[] {
  const left = new Map<string, { readonly expected: string; readonly by: JournaledActionState }>();
  for (const by of selected)
    by.action.paths.forEach((path, index) => {
      const expected = by.after[index];
      if (expected !== undefined) left.set(path, { expected, by });
    });
  return [...left].flatMap(([path, { expected, by }]) => {
    if (now.get(path) === expected) return [];
    const later = stand
      .slice(stand.indexOf(by) + 1)
      .find((one) => !selected.includes(one) && one.action.paths.includes(path));
    return [{ path, laterRun: later?.at.run, laterRole: later?.action.role }];
  });
}
