import { readFileSync } from 'node:fs';
import { tryCommand } from '../../src/sandbox/docker.ts';

/** Label of every container of the tests; its value names the process that owns it. */
export const testLabel = 'dev.labwright.test';

/** `4711@12345`: process id and start time, which together no other process ever has until the next boot. */
export function ownerOfThisProcess(): string {
  return `${process.pid}@${startTime(process.pid)}`;
}

/** Removes the containers whose process is gone: crashed runs and forgotten disposals. Those of other live runs stay. */
export async function sweepLeftovers(): Promise<string[]> {
  const list = await tryCommand([
    'docker',
    'ps',
    '--all',
    '--filter',
    `label=${testLabel}`,
    '--format',
    `{{.ID}} {{.Label "${testLabel}"}}`,
  ]);
  const leftovers = list.stdout
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([id, owner]) => id !== '' && owner !== undefined && !isAlive(owner))
    .map(([id]) => id ?? '');
  if (leftovers.length > 0) await tryCommand(['docker', 'rm', '--force', '--volumes', ...leftovers]);
  return leftovers;
}

function isAlive(owner: string): boolean {
  const [pid, started] = owner.split('@');
  return startTime(Number(pid)) === started;
}

/** Field 22 of /proc/PID/stat (proc(5)); counted behind the command's name, which may hold blanks. */
function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
