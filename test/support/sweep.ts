import { readFileSync } from 'node:fs';
import { tryCommand } from '../../src/sandbox/docker.ts';

/** Label of every container of the tests; its value names the process that owns it. */
export const testLabel = 'dev.labwright.test';

/** `4711@12345`: process id and start time, which together no other process ever has until the next boot. */
export function ownerOfThisProcess(): string {
  return `${process.pid}@${startTime(process.pid)}`;
}

/** Name of a sandbox that belongs to this process alone, and is swept when that is gone. */
export function ownSandboxName(): string {
  return `labtest-${process.pid}`;
}

/** Removes what belongs to processes that are gone: crashed runs and forgotten disposals. That of live runs stays. */
export async function sweepLeftovers(): Promise<void> {
  const format = `{{.ID}}\t{{.Label "${testLabel}"}}\t{{.Label "dev.labwright.sandbox.name"}}`;
  const leftoversOf = async (listing: string[]): Promise<string[]> => {
    const { stdout } = await tryCommand(['docker', ...listing, '--format', format]);
    const rows = stdout.split('\n').map((line) => line.split('\t'));
    return rows.flatMap(([id, owner, sandbox]) => (id && isLeftover(owner ?? '', sandbox ?? '') ? [id] : []));
  };
  const containers = await leftoversOf(['ps', '--all']);
  if (containers.length > 0) await tryCommand(['docker', 'rm', '--force', '--volumes', ...containers]);
  const networks = await leftoversOf(['network', 'ls']);
  if (networks.length > 0) await tryCommand(['docker', 'network', 'rm', ...networks]);
}

function isLeftover(owner: string, sandbox: string): boolean {
  if (owner !== '') return !isAlive(owner);
  const pid = /^labtest-(\d+)$/.exec(sandbox)?.[1];
  return pid !== undefined && startTime(Number(pid)) === undefined;
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
