import type { StartedHost } from './host.ts';

/**
 * Takes back the last run from the host's own journal, the way back that every stage's program carries. Gives the exit
 * status of every action's way back, last action first.
 */
export async function revertLastRun(host: StartedHost): Promise<readonly number[]> {
  const log = await host.sh(`
    LAB_STATE=/var/lib/lab LAB_N=mark LAB_CONTROLLER=$$
    export LAB_STATE LAB_N LAB_CONTROLLER LAB_RUN LAB_DIR
    read -r LAB_RUN <$LAB_STATE/last-run
    for LAB_DIR in $(ls -d $LAB_STATE/runs/$LAB_RUN/stage-* | sort -r); do sh $LAB_DIR/program revert 2>&1; done`);
  const results = [...log.matchAll(/^mark z \d+ (\d+)$/gm)].map(([, status]) => Number(status));
  if (results.some((status) => status !== 0)) throw new Error(`the way back failed:\n${log}`);
  return results;
}
