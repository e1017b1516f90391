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
  // A command that nothing undoes always stands, and would stop every rollback at its run.
  const undoable = changes.filter(({ action }) => action.undo.length > 0);
  const runs = [...new Set(undoable.map(({ at }) => at.run))].slice(-steps);
  return changes.filter(({ at }) => runs.includes(at.run));
}

/** Something that is not as the selected actions left it. */
export interface Conflict {
  /** A path; the title of a resource that has none. */
  readonly what: string;
  /** The run that changed it later; without one it was changed by hand. */
  readonly laterRun: string | undefined;
  readonly laterRole: string | null | undefined;
}

/** All paths of the actions, to see what is there now. */
export function pathsOf(selected: readonly JournaledActionState[]): readonly string[] {
  return [...new Set(selected.flatMap(({ action }) => touchedBy(action)))];
}

/** What is no longer as the last selected action left it. */
export function conflictsOf(
  selected: readonly JournaledActionState[],
  stand: readonly JournaledActionState[],
  now: ReadonlyMap<string, string>,
): readonly Conflict[] {
  const laterThan = (by: JournaledActionState, concerns: (one: JournaledActionState) => boolean) =>
    stand.slice(stand.indexOf(by) + 1).find((one) => !selected.includes(one) && concerns(one));
  const onPaths = [...leftBy(selected)].flatMap(([path, { expected, whole, by }]) => {
    const found = now.get(path) ?? '';
    if (whole ? found === expected : attributesOf(found) === attributesOf(expected)) return [];
    const later = laterThan(by, ({ action }) => touchedBy(action).includes(path));
    return [{ what: path, laterRun: later?.at.run, laterRole: later?.action.role }];
  });
  const others = selected.flatMap((by) => {
    const later = touchedBy(by.action).length > 0 ? undefined : laterThan(by, (one) => changesAgain(one, by));
    return later === undefined ? [] : [{ what: by.action.title, laterRun: later.at.run, laterRole: later.action.role }];
  });
  return [...onPaths, ...others];
}

interface Left {
  readonly expected: string;
  /** The content counts as well, not only mode and owner. */
  readonly whole: boolean;
  readonly by: JournaledActionState;
}

/** Path → what the last of the actions left there. */
function leftBy(selected: readonly JournaledActionState[]): ReadonlyMap<string, Left> {
  const left = new Map<string, Left>();
  for (const by of selected)
    touchedBy(by.action).forEach((path, index) => {
      const expected = by.after[index];
      const whole = index < by.action.paths.length || left.get(path)?.whole === true;
      if (expected !== undefined) left.set(path, { expected, whole, by });
    });
  return left;
}

function touchedBy({ paths, watched }: JournaledActionState['action']): readonly string[] {
  return [...paths, ...watched];
}

/** Kind, mode, owner and group of a fingerprint, without the checksum. */
function attributesOf(fingerprint: string): string {
  return fingerprint.split(':').slice(0, 4).join(':');
}

/** Whether an action changed an attribute of the same resource; what only takes back or brings back does not count. */
function changesAgain({ action }: JournaledActionState, { action: before }: JournaledActionState): boolean {
  if (action.key !== before.key || action.undoes !== undefined || action.undo.length === 0) return false;
  const attributes = new Set(before.changes.map(({ attribute }) => attribute));
  return before.undo.length > 0 && action.changes.some(({ attribute }) => attributes.has(attribute));
}
