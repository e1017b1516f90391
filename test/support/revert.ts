import type { StartedHost } from './host.ts';

/**
 * Takes back the last run from the host's own journal, the way back that every stage's program carries. Gives the exit
 * status of every action's way back, last action first.
 */
export async function revertLastRun(host: StartedHost): Promise<readonly number[]> {
  const log = await host.sh(`
    read -r run </var/lib/lab/last-run
    for stage in $(ls -d /var/lib/lab/runs/$run/stage-* | sort -r); do sh $stage/program revert $stage 2>&1; done`);
  const results = [...log.matchAll(/^[0-9a-f]{32} z \d+ (\d+)$/gm)].map(([, status]) => Number(status));
  if (results.some((status) => status !== 0)) throw new Error(`the way back failed:\n${log}`);
  return results;
}
