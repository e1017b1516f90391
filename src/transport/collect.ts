import type { RemoteProcess } from './contract.ts';
import { ended } from './process-exit.ts';

interface Collected {
  /** As `RemoteProcess.exit`: `null` is unknown, never success. */
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/** Runs a process to its end: writes `input`, closes its stdin and gathers both outputs, unchanged. */
export async function collect(process: RemoteProcess, input: string | Buffer = ''): Promise<Collected> {
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  process.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  process.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  process.stdin.end(input);
  const [code] = await Promise.all([process.exit, ended(process.stdout), ended(process.stderr)]);
  return { code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr) };
}
