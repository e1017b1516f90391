import { spawn } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { LabError, type LabErrorDetails } from '../shared/errors.ts';
import { type Endpoint, formatAddress } from './endpoint.ts';

/** The connection ended before the host had even said that it speaks SSH: sshd sheds load so (MaxStartups). */
export class DroppedBeforeBanner extends LabError {
  constructor(endpoint: Endpoint, details: LabErrorDetails = {}) {
    super('UNREACHABLE', `${formatAddress(endpoint)} closes the connection before it says anything`, {
      hint: 'sshd refuses when many log in at once (MaxStartups), and so do fail2ban and /etc/hosts.deny',
      ...details,
    });
  }
}

/**
 * A TCP connection to the endpoint, or the `ProxyCommand` that takes its place. No delay: otherwise every exchange waits
 * about 40 ms for Nagle's algorithm and delayed acknowledgement.
 *
 * @throws LabError UNREACHABLE
 */
export async function dial(endpoint: Endpoint, signal: AbortSignal): Promise<Duplex> {
  signal.throwIfAborted();
  return endpoint.proxyCommand === undefined ? dialTcp(endpoint, signal) : runProxy(endpoint.proxyCommand);
}

function dialTcp(endpoint: Endpoint, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const { address: host, port, family } = endpoint;
    const socket = connect({ host, port, noDelay: true, ...(family === 0 ? {} : { family }) });
    const onAbort = () => {
      socket.destroy();
      reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('connect', () => {
      signal.removeEventListener('abort', onAbort);
      socket.removeListener('error', onError);
      socket.on('error', () => {}); // until SSH listens; it looks whether the socket still lives
      resolve(socket);
    });
    const onError = (error: NodeJS.ErrnoException) => {
      signal.removeEventListener('abort', onAbort);
      const dropped = error.code === 'ECONNRESET';
      reject(
        dropped ? new DroppedBeforeBanner(endpoint, { cause: error }) : unreachable(endpoint, codeOf(error), error),
      );
    };
    socket.once('error', onError);
  });
}

/** ssh_config(5), ProxyCommand: a command of the user's shell whose standard streams are the connection. */
function runProxy(command: string): Duplex {
  const shell = process.env.SHELL || '/bin/sh';
  const child = spawn(shell, ['-c', `exec ${command}`], { stdio: ['pipe', 'pipe', 'ignore'], detached: true });
  const stream = Duplex.from({ writable: child.stdin, readable: child.stdout });
  child.on('error', (error) => stream.destroy(error));
  stream.on('close', () => child.kill());
  return stream;
}

const plainWords: Readonly<Record<string, readonly [what: string, hint: string]>> = {
  ECONNREFUSED: ['refuses the connection', 'is sshd running there (systemctl status ssh), and is this its port?'],
  ETIMEDOUT: ['does not answer', 'is the host switched on, and does a firewall drop the packets?'],
  EHOSTUNREACH: ['cannot be reached: no route to the host', 'is the host switched on and in this network?'],
  ENETUNREACH: ['cannot be reached: no route to its network', 'is the VPN up, and is IPv6 available here?'],
  EACCES: ['cannot be reached: this machine forbids the connection', 'look at the firewall of this machine'],
  EADDRNOTAVAIL: ['cannot be reached: this machine has no address for it', 'is the interface up, and its zone right?'],
};

/** Why an endpoint could not be connected to, in plain words for the code of a system error. */
export function unreachable(endpoint: Endpoint, code: string, cause?: Error): LabError {
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN' || code === 'ENODATA') {
    return new LabError('UNREACHABLE', `the name "${endpoint.address}" cannot be resolved`, {
      expected: 'a name that DNS or /etc/hosts knows, or an address',
      found: code === 'EAI_AGAIN' ? 'no DNS server answers' : 'no address for this name',
      hint: 'correct "address" in the inventory, or give the IP address',
      cause,
    });
  }
  const [what, hint] = plainWords[code] ?? [`cannot be reached (${code})`, 'try it with: ssh -v'];
  return new LabError('UNREACHABLE', `${formatAddress(endpoint)} ${what}`, { hint, cause });
}

/** Of several addresses the first one's reason is told. */
function codeOf(error: NodeJS.ErrnoException): string {
  return error.code ?? (error as unknown as AggregateError).errors?.[0]?.code ?? error.message;
}
