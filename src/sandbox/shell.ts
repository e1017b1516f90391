import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { LabError } from '../shared/errors.ts';
import { suggestion } from '../shared/suggest.ts';
import { presentContainers } from './present.ts';
import { requireDocker } from './requirements.ts';
import { defaultSandboxName } from './topology.ts';

/**
 * A shell, or a command, in a machine of the sandbox, on this process's terminal. Gives its exit code.
 *
 * @throws LabError SANDBOX_REQUIREMENTS, USAGE when there is no such machine, SANDBOX_FAILED when it is not running
 */
export async function sandboxShell(
  name: string,
  command: readonly string[] = [],
  sandbox: string = defaultSandboxName,
): Promise<number> {
  await requireDocker();
  const containers = await presentContainers(sandbox);
  const container = containers.find((present) => present.name === name || present.name === `${sandbox}-${name}`);
  if (container === undefined) {
    throw new LabError('USAGE', `the sandbox has no machine called "${name}"`, {
      expected: 'a host of the sandbox, or "internet" for the client outside',
      found: name,
      hint:
        containers.length === 0
          ? 'lab sandbox up boots it'
          : suggestion(
              name,
              containers.map((present) => present.name.slice(sandbox.length + 1)),
            ),
    });
  }
  if (container.state !== 'running') {
    throw new LabError('SANDBOX_FAILED', `${container.name} is not running`, {
      found: container.state,
      hint: 'lab sandbox up starts it',
    });
  }
  const terminal = process.stdin.isTTY && process.stdout.isTTY ? ['--tty'] : [];
  const argv = command.length > 0 ? command : ['bash', '-l'];
  // Not through zx: the terminal is handed over as it is, signals and window size included.
  const child = spawn('docker', ['exec', '--interactive', ...terminal, container.name, ...argv], { stdio: 'inherit' });
  const [code] = (await once(child, 'close')) as [number | null];
  return code ?? 1;
}
