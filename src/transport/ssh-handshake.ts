import type { Duplex } from 'node:stream';
import { type Config, NodeSSH } from 'node-ssh';
import type { Client, ClientErrorExtensions, ServerHostKeyAlgorithm } from 'ssh2';
import { LabError } from '../shared/errors.ts';
import type { Authentication } from './authentication.ts';
import type { HostKey } from './contract.ts';
import { abortable, type Deadline } from './deadline.ts';
import { DroppedBeforeBanner } from './dial.ts';
import { type Endpoint, formatAddress } from './endpoint.ts';
import { judgeHostKey, type KnownHostKeys, knownKeyTypes } from './host-keys.ts';
import { hostKeyOf } from './known-hosts.ts';

interface Handshake {
  readonly endpoint: Endpoint;
  readonly authentication: Authentication;
  readonly known: KnownHostKeys;
  readonly deadline: Deadline;
}

/** The host presented a key of which nothing is known; it was sent nothing. */
export class UnknownHostKey extends Error {
  readonly key: HostKey;

  constructor(key: HostKey) {
    super('unknown host key');
    this.key = key;
  }
}

export interface LoggedIn {
  readonly client: Client;
  /** What it speaks over: `client.destroy()` leaves it open once a goodbye has been said. */
  readonly stream: Duplex;
  readonly hostKey: HostKey;
}

/** What was seen so far, to say how far it came. */
interface Progress {
  firstBytes: string;
  hostKey: HostKey | undefined;
  keyProblem: Error | undefined;
}

/**
 * Speaks SSH over an open stream until the user is logged in; the host's key is always verified. The stream is
 * destroyed when this throws.
 *
 * @throws LabError UNREACHABLE, AUTH_FAILED, HOST_KEY_CHANGED; UnknownHostKey
 */
export async function logIn(stream: Duplex, handshake: Handshake): Promise<LoggedIn> {
  const { endpoint, authentication, known, deadline } = handshake;
  if (stream.destroyed) throw new DroppedBeforeBanner(endpoint);
  const progress: Progress = { firstBytes: '', hostKey: undefined, keyProblem: undefined };
  const ssh = new NodeSSH();
  const config: Config = {
    sock: stream,
    username: endpoint.user,
    readyTimeout: 0, // the deadline covers all of it
    keepaliveInterval: endpoint.keepAliveSeconds * 1000,
    keepaliveCountMax: endpoint.keepAliveCount,
    authHandler: authentication.handler(),
    algorithms: { serverHostKey: hostKeyAlgorithms(knownKeyTypes(known)) },
    hostVerifier: (blob: Buffer, verify: (trusted: boolean) => void) => {
      verify(isTrusted(hostKeyOf(blob), handshake, progress));
    },
  };
  const pending = ssh.connect(config);
  const client = ssh.connection as Client;
  client.on('error', () => {}); // also after the login: an error without a listener would end the process
  stream.on('data', (chunk: Buffer) => {
    if (progress.firstBytes.length < 256) progress.firstBytes += chunk.toString('latin1', 0, 256);
  });
  try {
    await abortable(pending, deadline.signal);
  } catch (error) {
    pending.catch(() => {});
    client.destroy();
    stream.destroy();
    throw deadline.signal.aborted && !deadline.timedOut ? error : failure(error, handshake, progress);
  }
  return { client, stream, hostKey: progress.hostKey as HostKey };
}

function isTrusted(key: HostKey, { endpoint, known }: Handshake, progress: Progress): boolean {
  const verdict = judgeHostKey(endpoint, known, key);
  if (verdict === 'trusted') progress.hostKey = key;
  else progress.keyProblem = verdict === 'unknown' ? new UnknownHostKey(key) : verdict;
  return verdict === 'trusted';
}

/** SHA-1 signatures (`ssh-rsa`) are not offered, as OpenSSH does not since 8.8. */
const algorithmsByKeyType: Readonly<Record<string, readonly ServerHostKeyAlgorithm[]>> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
};

/** The host presents the first that it has: the types known for it come first. */
function hostKeyAlgorithms(knownTypes: readonly string[]): ServerHostKeyAlgorithm[] {
  const types = new Set([...knownTypes, ...Object.keys(algorithmsByKeyType)]);
  return [...types].flatMap((type) => algorithmsByKeyType[type] ?? []);
}

function failure(error: unknown, handshake: Handshake, progress: Progress): unknown {
  const { endpoint, authentication, deadline } = handshake;
  const where = formatAddress(endpoint);
  const { message = String(error), level } = error as Error & ClientErrorExtensions;
  const speaksSsh = progress.firstBytes.includes('SSH-');
  if (progress.keyProblem !== undefined) return progress.keyProblem;
  if (level === 'client-authentication') return authentication.failure(false);
  if (/too many authentication failures/i.test(message)) return authentication.failure(true);
  if (deadline.timedOut) {
    const phase = !speaksSsh
      ? 'accepts the connection, but does not speak SSH'
      : progress.hostKey === undefined
        ? 'did not finish the key exchange'
        : 'did not finish the login';
    return new LabError('UNREACHABLE', `${where} ${phase} within ${deadline.seconds} s`, {
      hint: speaksSsh ? 'is the host under load? "connectTimeoutSeconds" gives it more time' : notSshHint,
      cause: error,
    });
  }
  if (!speaksSsh) {
    const said = progress.firstBytes.split(/\r?\n/)[0]?.replaceAll(/[^\x20-\x7e]/g, '?') ?? '';
    const details = { ...(said === '' ? {} : { found: JSON.stringify(said) }), cause: error };
    if (said !== '' && !/^Exceeded MaxStartups|^Not allowed/.test(said)) {
      return new LabError('UNREACHABLE', `${where} does not speak SSH`, { ...details, hint: notSshHint });
    }
    return new DroppedBeforeBanner(endpoint, details);
  }
  if (/no matching/i.test(message)) {
    return new LabError('UNREACHABLE', `${where} and lab have no algorithm in common`, {
      found: message,
      hint: 'update sshd there, or use "transport: openssh" with the algorithms allowed in ~/.ssh/config',
      cause: error,
    });
  }
  return new LabError('UNREACHABLE', `${where} ended the connection during the login`, {
    found: message,
    hint: 'look at the log of sshd on the host: journalctl -u ssh',
    cause: error,
  });
}

const notSshHint = 'is this the port of sshd, and is sshd healthy?';
