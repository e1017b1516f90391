import type { HostFinished, HostStatus, RunMode } from '../runner/events.ts';
import { type HostState, type RunState, undoneOf } from './run-state.ts';

/** What became of the hosts, in words that fit what was asked for. */
interface ModeWords {
  /** Of a change. */
  readonly changed: string;
  /** Of what needed no change. */
  readonly inSync: string;
  readonly status: Readonly<Partial<Record<HostStatus, string>>>;
}

const usual: ModeWords = { changed: 'changed', inSync: 'ok', status: {} };
const checking: ModeWords = { ...usual, changed: 'would change' };
const modeWords: Readonly<Record<RunMode, ModeWords>> = {
  run: usual,
  apply: usual,
  check: checking,
  plan: checking,
  rollback: { ...usual, changed: 'rolled back', status: { changed: 'rolled back' } },
  'rollback-check': { ...usual, changed: 'would roll back', status: { 'would-change': 'would roll back' } },
  resume: { ...usual, inSync: 'done before', status: { ok: 'followed', changed: 'finished' } },
};

const statusWords: Readonly<Record<HostStatus, string>> = {
  ok: 'ok',
  changed: 'changed',
  'would-change': 'would change',
  failed: 'failed',
  reverted: 'reverted',
  unreachable: 'unreachable',
  interrupted: 'interrupted',
  skipped: 'skipped',
};

/** What stands in a line about one change. */
export function changedWord(mode: RunMode): string {
  return modeWords[mode].changed;
}

/** What there is to say of a change of a plan that was not seen to be done. */
export function unfinishedWord({ result }: HostState, { mode, onlyReads }: RunState): string {
  if (onlyReads) return '';
  if (mode !== 'resume') return 'not reached';
  // The plan of a run that is resumed begins with what it did before.
  return result?.status === 'ok' || result?.status === 'changed' ? modeWords[mode].inSync : '';
}

/** These need not find anything to do on a host, while a run has always looked at what is declared. */
const mayFindNothing: ReadonlySet<RunMode> = new Set(['rollback', 'rollback-check', 'resume']);

export function isIdle({ status, counts }: HostFinished, mode: RunMode): boolean {
  return mayFindNothing.has(mode) && status === 'ok' && counts.total === 0;
}

export function statusWord(result: HostFinished, mode: RunMode): string {
  if (isIdle(result, mode)) return 'nothing to do';
  return modeWords[mode].status[result.status] ?? statusWords[result.status];
}

/** There the status says already what became of the changes. */
function isRollback(mode: RunMode): boolean {
  return mode === 'rollback' || mode === 'rollback-check';
}

/** `39 ok, 3 changed`: what is zero is left out. */
export function summaryOf(host: HostState, { mode }: RunState): string {
  if (host.result === undefined) return '';
  const { counts } = host.result;
  const undone = undoneOf(host);
  const inFull = undone.filter(({ complete }) => complete).length;
  const parts: readonly (readonly [number, string])[] = [
    [counts.inSync, modeWords[mode].inSync],
    [counts.changed, isRollback(mode) ? (counts.changed === 1 ? 'change' : 'changes') : modeWords[mode].changed],
    [counts.knownAfterApply, 'known after apply'],
    [counts.failed, 'failed'],
    [inFull, 'taken back'],
    [undone.length - inFull, 'not taken back in full'],
    [Math.max(0, counts.notReached - undone.length), 'not reached'],
    [counts.orphans, 'no longer declared'],
    [counts.differences, counts.differences === 1 ? 'difference from the plan' : 'differences from the plan'],
  ];
  return parts
    .filter(([number]) => number > 0)
    .map(([number, what]) => `${number} ${what}`)
    .join(', ');
}
