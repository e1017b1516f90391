import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { tryCommand } from '../../src/sandbox/docker.ts';

const run = promisify(execFile);
const usualPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

interface Place {
  readonly id: string;
  readonly pid: string;
}

/** Container → where its first process was when it was asked for last. */
const known = new Map<string, Place>();

/**
 * What comes before a command that is to run in a container as root, past SSH.
 *
 * @param container name or id
 */
export async function wayInto(container: string): Promise<readonly string[]> {
  // Through the engine it takes twenty times as long, and tests do it thousands of times. Where it runs on this machine and we
  // are root, its processes are ours to enter.
  const place = await placeOf(container);
  if (process.getuid?.() !== 0 || !isThere(place)) return ['docker', 'exec', '--interactive', container];
  const into = ['nsenter', `--target=${place.pid}`, '--all', '--root', '--wd', '--'];
  return [...into, 'env', '-i', 'HOME=/root', `PATH=${usualPath}`, 'container=docker'];
}

/**
 * `sh -c` in a container; its standard output.
 *
 * @throws Error when it fails, or is not done after `timeout` milliseconds
 */
export async function inside(container: string, command: string, timeout = 120_000): Promise<string> {
  const [program = '', ...words] = [...(await wayInto(container)), 'sh', '-c', command];
  const running = run(program, words, { timeout, maxBuffer: 1e8 });
  running.child.stdin?.end();
  return (await running).stdout;
}

async function placeOf(container: string): Promise<Place> {
  const before = known.get(container);
  if (before !== undefined && isThere(before)) return before;
  const { stdout } = await tryCommand(['docker', 'inspect', '--format', '{{.Id}} {{.State.Pid}}', container]);
  const [id = '', pid = ''] = stdout.trim().split(' ');
  known.set(container, { id, pid });
  return { id, pid };
}

/** Another process may have got the number since. */
function isThere({ id, pid }: Place): boolean {
  try {
    return id !== '' && readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(id);
  } catch {
    return false;
  }
}
