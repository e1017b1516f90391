import { originReference } from '../runner/apply/compile.ts';
import type { PlannedChange } from '../runner/events.ts';
import type { JournaledActionState, JournaledRun } from '../runner/journal/read.ts';
import { tableLines } from './table.ts';
import { visible, visibleLine } from './visible.ts';

/** A run as `lab history` found it on one host. */
export interface HistoryRun extends JournaledRun {
  /** The part that is not as it was written; absent when all is. */
  readonly damaged?: string | undefined;
}

/** One run on one host with all it did. */
export interface ShownRun {
  readonly run: JournaledRun;
  readonly actions: readonly JournaledActionState[];
  /** `RUN/STAGE/NUMBER` of an action → the later run that took it back. */
  readonly takenBack: ReadonlyMap<string, string>;
}

/** A run in the output for programs: part of the interface, see docs/cli.md. */
export interface RunRecord {
  readonly run: string;
  readonly startedAt: string;
  readonly endedAt: string | null;
  readonly who: string;
  readonly playbook: string | null;
  readonly mode: 'run' | 'apply' | 'rollback' | null;
  readonly roles: readonly string[];
  readonly undoes: readonly string[];
  readonly done: number;
  readonly state: string;
  readonly locked: boolean;
  readonly damaged: string | null;
}

export function runRecord(run: HistoryRun): RunRecord {
  const { meta } = run;
  return {
    run: run.run,
    startedAt: run.since,
    endedAt: run.endedAt ?? null,
    who: run.who,
    playbook: meta?.playbook ?? null,
    mode: meta?.mode ?? null,
    roles: run.roles,
    undoes: meta?.undoes ?? [],
    done: run.done,
    state: run.state,
    locked: run.locked,
    damaged: run.damaged ?? null,
  };
}

/** An action of `lab history show`, likewise. */
interface ActionRecord {
  readonly resource: string;
  readonly title: string;
  readonly role: string | null;
  readonly result: 'done' | 'failed' | 'reverted' | 'cut-short' | 'not-begun';
  readonly rolledBackBy: string | null;
  readonly changes: readonly PlannedChange[];
}

export function shownRecord({ run, actions, takenBack }: ShownRun): RunRecord & { actions: readonly ActionRecord[] } {
  return {
    ...runRecord(run),
    actions: actions.map(({ at, action, fate }) => ({
      resource: action.key,
      title: action.title,
      role: action.role,
      result: fate === null ? 'not-begun' : fate === 'begin' ? 'cut-short' : fate,
      rolledBackBy: takenBack.get(originReference(at)) ?? null,
      changes: action.changes,
    })),
  };
}

/** The runs of all hosts as a table, oldest first. */
export function runLines(hosts: ReadonlyMap<string, readonly HistoryRun[]>): readonly string[] {
  const rows = inOrder([...hosts.values()]).flatMap((name) =>
    [...hosts].flatMap(([host, runs]) => runs.filter(({ run }) => run === name).map((run) => rowOf(host, run))),
  );
  if (rows.length === 0) return hosts.size === 0 ? [] : ['no run has changed these hosts yet'];
  return tableLines(['run', 'began (UTC)', 'host', 'who', 'playbook', 'roles', 'done', 'state'], rows);
}

/**
 * The names of runs, each once, in an order that agrees with that of every host: names and times come from clocks, which
 * can differ.
 */
function inOrder(hosts: readonly (readonly HistoryRun[])[]): readonly string[] {
  let waiting = hosts;
  const names: string[] = [];
  for (;;) {
    waiting = waiting.filter((runs) => runs.length > 0);
    const heads = waiting.flatMap(([first]) => first ?? []);
    const free = heads.filter(({ run }) => waiting.every((runs) => !runs.slice(1).some((later) => later.run === run)));
    const [next] = (free.length > 0 ? free : heads).sort((a, b) =>
      a.since < b.since ? -1 : a.since > b.since ? 1 : 0,
    );
    if (next === undefined) return names;
    names.push(next.run);
    waiting = waiting.map((runs) => runs.filter(({ run }) => run !== next.run));
  }
}

function rowOf(host: string, run: HistoryRun): string[] {
  const began = run.since.replace('T', ' ').replace(/Z$/, '');
  return [run.run, began, host, run.who, playbookOf(run), run.roles.join(', '), String(run.done), stateOf(run)];
}

function playbookOf({ meta }: JournaledRun): string {
  if (meta === undefined) return '';
  return meta.mode === 'rollback' ? `rollback of ${(meta.undoes ?? []).join(', ')}` : meta.playbook;
}

function stateOf({ state, locked, damaged }: HistoryRun): string {
  const word = state === 'dead' ? 'cut short' : state;
  const notes = [...(locked && state !== 'running' ? ['locked'] : []), ...(damaged === undefined ? [] : ['damaged'])];
  return [word, ...notes.filter((note) => note !== word)].join(', ');
}

/** What one run did on a host, with the differences. */
export function shownLines(host: string, { run, actions, takenBack }: ShownRun): readonly string[] {
  const head = `${host}  ${stateOf(run)}  ${playbookOf(run)} by ${run.who}, ${run.since}`;
  return [
    visibleLine(head),
    ...(actions.length === 0 ? ['  changed no resource'] : []),
    ...actions.flatMap((action) => actionLines(action, takenBack.get(originReference(action.at)))),
    '',
  ];
}

const fates: Readonly<Record<string, string>> = {
  begin: 'cut short',
  done: '',
  failed: 'failed, and taken back',
  reverted: 'taken back',
};

function actionLines({ action, fate }: JournaledActionState, by: string | undefined): string[] {
  const note = by !== undefined ? `rolled back by ${by}` : fate === null ? 'not begun' : (fates[fate] ?? '');
  const role = action.role === null ? '' : ` (role ${action.role})`;
  const title = `  ${action.title}${role}${note === '' ? '' : `  ${note}`}`;
  return [visibleLine(title), ...action.changes.flatMap(changeLines)];
}

function changeLines({ attribute, before, after, diff, trigger }: PlannedChange): string[] {
  if (diff === undefined) {
    const because = trigger === undefined ? '' : `, because of ${trigger}`;
    return [visibleLine(`    ${attribute}: ${before ?? 'absent'} → ${after ?? 'absent'}${because}`)];
  }
  const lines = visible(diff).replace(/\n$/, '').split('\n');
  return [`    ${attribute}:`, ...lines.map((line) => `      ${line}`)];
}
