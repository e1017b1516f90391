import type { Session } from '../remote/session.ts';
import type { HistoryRun } from '../report/history-table.ts';
import { JournalReader } from '../runner/journal/read.ts';

/** All runs of a host, and which of them a rollback could not trust. */
export async function readRuns(session: Session): Promise<readonly HistoryRun[]> {
  const reader = new JournalReader(session);
  const runs = await reader.runs();
  const damage = await reader.damage(runs);
  return runs.map((run) => ({ ...run, damaged: damage.get(run.run) }));
}
