import type { KeptState } from '../../playbook/contract.ts';

/** The run that puts a journal back is later than the runs in it, and the next one counts on from there. */
const countOn = `set -eu
own=\${LAB_ACTION_DIR%/stage-*}
last=0
for file in "\${own%/*}"/*/number; do
  [ "$file" != "$own/number" ] || continue
  number=$(cat "$file")
  [ "$number" -le "$last" ] || last=$number
done
echo $((last + 1)) >"$own/number"
echo $((last + 1)) >"\${own%/runs/*}/count"`;

/**
 * What `lab` itself knows of a host: its runs with what was there before them, and what is managed there. Without what means
 * something only while the host is up, as locks and restarts that are due.
 */
export const journalState: KeptState = {
  paths: ['/var/lib/lab/runs', '/var/lib/lab/origin', '/var/lib/lab/owned'],
  except: ['pid', 'guardian', 'controller', 'heartbeat'].map((name) => `/var/lib/lab/runs/*/${name}`),
  afterwards: ['sh', '-c', countOn, 'lab-journal-count'],
};
