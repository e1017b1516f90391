import { type ExecFileException, execFile } from 'node:child_process';
import { LabError } from '../shared/errors.ts';
import { ChildConnection } from './child-process.ts';
import type { Transport } from './contract.ts';
import { Deadline } from './deadline.ts';

/**
 * A container of this machine, through `docker exec -i`. Killing a process of it only ends the local `docker exec`: the
 * process inside goes on until it reads the end of its input.
 */
export const dockerTransport: Transport = {
  async connect(host, settings, { signal }) {
    const { address: container, user } = settings;
    if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(container)) {
      throw new LabError('UNREACHABLE', 'this is no name of a container', { host, found: JSON.stringify(container) });
    }
    using deadline = new Deadline(settings.connectTimeoutSeconds ?? 10, signal);
    await expectRunning(host, container, deadline);
    const command = ['docker', 'exec', '-i', ...(user === undefined ? [] : ['-u', user]), container];
    return new ChildConnection(host, (argv) => [...command, 'sh', '-c', 'exec "$@"', 'sh', ...argv]);
  },
};

async function expectRunning(host: string, container: string, deadline: Deadline): Promise<void> {
  const args = ['container', 'inspect', '-f', '{{.State.Status}}', container];
  const answer = await new Promise<{ status: string; error: ExecFileException | null; stderr: string }>((resolve) =>
    execFile('docker', args, { signal: deadline.signal }, (error, stdout, stderr) =>
      resolve({ status: stdout.trim(), error, stderr: stderr.trim() }),
    ),
  );
  if (deadline.signal.aborted && !deadline.timedOut) throw deadline.signal.reason;
  const { status, error, stderr } = answer;
  if (error === null && status === 'running') return;
  const [message, hint] = deadline.timedOut
    ? [`docker does not answer within ${deadline.seconds} s`, 'is the Docker engine healthy?']
    : error === null
      ? [`the container "${container}" is not running, but ${status}`, `start it with: docker start ${container}`]
      : error.code === 'ENOENT'
        ? ['the program "docker" is not installed on this machine', 'install it, or use another transport']
        : /no such container/i.test(stderr)
          ? [`there is no container "${container}"`, 'docker ps -a lists those that exist']
          : ['docker refuses', 'does the Docker engine run, and may this user use it?'];
  throw new LabError('UNREACHABLE', message, { host, hint, ...(stderr === '' ? {} : { output: stderr }) });
}
