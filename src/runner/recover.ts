import type { Session } from '../remote/session.ts';
import { quote } from '../shared/quote.ts';
import { controlScript } from './apply/control-script.ts';

/**
 * Puts in order what a run that was cut short had half done.
 *
 * @returns what became of it, `interrupted 2026-…`; empty when it is under way
 */
export async function recoverRun(session: Session, run: string): Promise<string> {
  // Undoing what was half done can take as long as doing it.
  const frames = new Map<string, string>();
  let open: string | undefined;
  await session.exchange(
    `{\n${controlScript}\nlab_recover ${quote(run)}\n} </dev/null`,
    (token) => {
      if (token.kind === 'data') frames.set(open ?? '', (frames.get(open ?? '') ?? '') + token.bytes.toString());
      else if (token.fields[0] === 'b') open = token.fields[1];
      else open = undefined;
    },
    1800,
  );
  return (frames.get('recover') ?? '').trim();
}

/** @param state what became of the run, as `recoverRun` gives it */
export function describeRecovery(run: string, state: string): string {
  return state.startsWith('damaged')
    ? `run ${run} was cut short and its journal is damaged: what it had half done stays; look at the host before you go on`
    : `run ${run} was cut short: what it had half done was taken back`;
}
