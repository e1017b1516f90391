import type { HostStatus } from '../runner/events.ts';
import type { ExitCode } from '../shared/errors.ts';
import { count } from './describe.ts';
import { isIdle } from './outcome.ts';
import type { RunState } from './run-state.ts';
import { visibleLine } from './visible.ts';

/** The one sentence that a run ends with. */
export function sentenceOf(state: RunState): string {
  if (state.finished === undefined) return 'interrupted before the end';
  return [...done(state), ...left(state)].join(', ') || 'no host selected';
}

/** What was brought about. */
function done(state: RunState): string[] {
  if (state.mode === 'rollback' || state.mode === 'rollback-check') return rolledBack(state);
  return state.mode === 'resume' ? resumed(state) : ran(state);
}

function ran(state: RunState): string[] {
  const { changes, hosts } = changesOf(state);
  const known = [...state.hosts.values()].reduce((sum, host) => sum + (host.result?.counts.knownAfterApply ?? 0), 0);
  const ok = having(state, 'ok');
  return [
    ...(changes > 0
      ? [`${count(changes, 'change')}${state.onlyReads ? ' would be made' : ''} on ${count(hosts.length, 'host')}`]
      : ok > 0
        ? [`${count(ok, 'host')} as declared, 0 changed`]
        : []),
    ...(known > 0 ? [`${count(known, 'resource')} known after apply`] : []),
  ];
}

function rolledBack(state: RunState): string[] {
  const { changes, hosts } = changesOf(state);
  if (changes === 0) return having(state, 'ok') > 0 ? ['nothing to roll back'] : [];
  const what = `${count(changes, 'change')} on ${named(hosts)}`;
  return [state.onlyReads ? `would roll back ${what}` : `rolled back ${what} (run ${state.finished?.run})`];
}

function resumed(state: RunState): string[] {
  const { changes } = changesOf(state);
  const ended = (status: HostStatus) =>
    [...state.hosts.values()].flatMap(({ name, result }) =>
      result?.status === status && !isIdle(result, state.mode) ? [name] : [],
    );
  const finished = ended('changed');
  const followed = ended('ok');
  const parts = [
    ...(finished.length > 0 ? [`finished ${named(finished)}: ${count(changes, 'change')}`] : []),
    ...(followed.length > 0 ? [`followed ${named(followed)} to the end`] : []),
  ];
  return parts.length === 0 && having(state, 'ok') === state.hosts.size ? ['no run to resume'] : parts;
}

/** What was not. */
function left(state: RunState): string[] {
  const reverted = having(state, 'reverted');
  const stopped = (['failed', 'unreachable', 'interrupted', 'skipped'] as const).flatMap((status) =>
    having(state, status) > 0 ? [`${count(having(state, status), 'host')} ${status}`] : [],
  );
  if (reverted === 0) return stopped;
  return [`${count(reverted, 'host')} took changes back`, ...stopped];
}

function having({ finished }: RunState, status: HostStatus): number {
  return Object.values(finished?.hosts ?? {}).filter((host) => host.status === status).length;
}

function changesOf({ finished }: RunState): { readonly changes: number; readonly hosts: readonly string[] } {
  const changed = Object.entries(finished?.hosts ?? {}).filter(([, host]) => host.changed > 0);
  return { changes: changed.reduce((sum, [, host]) => sum + host.changed, 0), hosts: changed.map(([name]) => name) };
}

const mostNames = 3;

function named(hosts: readonly string[]): string {
  return hosts.length > mostNames ? count(hosts.length, 'host') : hosts.map(visibleLine).join(', ');
}

/** What can be done next. */
export function hintsOf(state: RunState): string[] {
  const orphans = orphansHint(state);
  const rolledBack = state.mode === 'rollback' && changesOf(state).changes > 0;
  return [
    ...(orphans === undefined ? [] : [orphans]),
    ...(rolledBack ? [`to take this back: lab rollback --run ${state.finished?.run}`] : []),
  ];
}

function orphansHint(state: RunState): string | undefined {
  const number = [...state.hosts.values()].reduce((sum, host) => sum + state.orphansLeft(host).length, 0);
  if (number === 0) return undefined;
  const what = `${count(number, 'resource')} no longer declared`;
  if (state.prunes && state.onlyReads) return `${what}: what lab created would be removed, what it changed restored`;
  if (state.prunes) return `${what}, and not pruned`;
  const option = state.mode === 'run' || state.mode === 'check' ? '--prune' : 'lab run --prune';
  return `${what}: ${option} removes what lab created and restores what it changed`;
}

const exitMeanings: Readonly<Record<ExitCode, string>> = {
  0: 'as declared',
  1: 'a host failed',
  2: 'changes found',
  3: 'a host could not be reached',
  4: 'nothing was tried',
  5: 'nobody could log in after a change, so the host took it back',
  130: 'interrupted',
};

/** What the exit code means, unless it is 0. */
export function exitNote(state: RunState): string | undefined {
  const { finished, mode } = state;
  if (finished === undefined || finished.exitCode === 0) return undefined;
  const { exitCode, hosts } = finished;
  const someLeft = Object.values(hosts).some(({ status }) => takenUpAgain.has(status));
  const again = mode === 'run' && someLeft ? '; --limit @failed takes up what is left' : '';
  const meaning =
    mode === 'rollback-check' && exitCode === 2 ? 'there is something to roll back' : exitMeanings[exitCode];
  return `exit code ${exitCode}: ${meaning}${again}`;
}

const takenUpAgain: ReadonlySet<HostStatus> = new Set(['failed', 'unreachable', 'interrupted']);
