import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { LabError } from '../shared/errors.ts';
import type { Connection, RemoteProcess } from './contract.ts';
import { exitOf } from './process-exit.ts';

/**
 * A process on this machine, with streams as the contract wants them. It gets a session of its own: Ctrl-C at the
 * terminal reaches `lab`, which decides, and not what `lab` runs.
 *
 * @throws LabError UNREACHABLE when the program cannot be started
 */
export function startChild(argv: readonly string[], options: { readonly cwd?: string } = {}): Promise<ChildRun> {
  const [file = '', ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { ...options, stdio: 'pipe', detached: true });
    child.stdin.on('error', () => {}); // the exit tells why; a listener of the caller's is called all the same
    const code = new Promise<number | null>((settle) => child.once('exit', (status) => settle(status)));
    child.once('spawn', () => resolve({ child, process: remoteProcess(child, code), code }));
    child.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        new LabError('UNREACHABLE', `"${file}" cannot be started on this machine`, {
          found: error.code === 'ENOENT' ? 'no such program in PATH' : error.message,
          cause: error,
        }),
      );
    });
  });
}

export interface ChildRun {
  readonly child: ChildProcessWithoutNullStreams;
  readonly process: RemoteProcess;
  /** Settles as soon as the process has ended, whether or not its output was read. */
  readonly code: Promise<number | null>;
}

function remoteProcess(child: ChildProcessWithoutNullStreams, code: Promise<number | null>): RemoteProcess {
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    exit: exitOf(code, [child.stdout, child.stderr]),
    kill: () => killGroup(child),
  };
}

/** The process and its children: they share the session made for them. */
function killGroup(child: ChildProcessWithoutNullStreams): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    child.kill('SIGKILL');
  }
}

/** A connection whose processes are children of this one: nothing can be lost on the way. */
export class ChildConnection implements Connection {
  readonly host: string;
  readonly closed: Promise<undefined>;
  readonly #command: (argv: readonly string[]) => readonly string[];
  readonly #cwd: string | undefined;
  readonly #running = new Set<RemoteProcess>();
  #settle: () => void = () => {};
  #disposed = false;

  /** `command` makes the local command line for a command of the host. */
  constructor(host: string, command: (argv: readonly string[]) => readonly string[], cwd?: string) {
    this.host = host;
    this.#command = command;
    this.#cwd = cwd;
    this.closed = new Promise((resolve) => {
      this.#settle = () => resolve(undefined);
    });
  }

  async start(argv: readonly string[]): Promise<RemoteProcess> {
    if (this.#disposed) throw new LabError('CONNECTION_LOST', 'the connection is closed', { host: this.host });
    const { process, code } = await startChild(this.#command(argv), this.#cwd === undefined ? {} : { cwd: this.#cwd });
    this.#running.add(process);
    void code.then(() => this.#running.delete(process));
    return process;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    for (const process of this.#running) process.kill();
    this.#settle();
  }
}
