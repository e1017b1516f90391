import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { LabError } from '../shared/errors.ts';
import { Authentication, type Credentials } from './authentication.ts';
import type { Connection, ConnectionSettings, HostKey, HostKeyPolicy, Transport } from './contract.ts';
import { abortable, Deadline } from './deadline.ts';
import { dial } from './dial.ts';
import { type Endpoint, formatAddress, formatEndpoint, parseJumpHost } from './endpoint.ts';
import { readKnownHostKeys } from './host-keys.ts';
import { resolveEndpoint } from './ssh-config.ts';
import { SshConnection } from './ssh-connection.ts';
import { DroppedBeforeBanner, type LoggedIn, logIn } from './ssh-handshake.ts';

/** sshd that sheds load drops at random: of 50 logins at once, some are dropped more than once. */
const dropRetries = 4;
/** Jump hosts whose own configuration names jump hosts; more is a loop. */
const maxJumps = 8;

/** SSH in this process, over ssh2: fast, with one connection and one channel for each host and run. */
export const sshTransport: Transport = {
  async connect(host, settings, { hostKeys, signal }) {
    try {
      const endpoint = await resolveEndpoint({ ...settings, name: host });
      using deadline = new Deadline(endpoint.connectTimeoutSeconds, signal);
      const path = [...(await jumpPath(endpoint, settings)), endpoint];
      return await connectThrough(host, path, settings, { hostKeys, deadline });
    } catch (error) {
      throw error instanceof LabError ? error.with({ host }) : error;
    }
  },
};

async function connectThrough(
  host: string,
  path: readonly Endpoint[],
  settings: ConnectionSettings,
  options: { readonly hostKeys: HostKeyPolicy; readonly deadline: Deadline },
): Promise<Connection> {
  const logins: LoggedIn[] = [];
  const release = async () => {
    for (const { client } of logins.toReversed()) client.end();
  };
  try {
    for (const [index, endpoint] of path.entries()) {
      const through = logins.at(-1);
      const open = () =>
        through === undefined
          ? dial(endpoint, options.deadline.signal)
          : forward(through, path[index - 1] as Endpoint, endpoint);
      const credentials = index === path.length - 1 ? settings : jumpCredentials(settings);
      logins.push(await logInTo(endpoint, open, credentials, options));
    }
  } catch (error) {
    await release();
    throw deadlineError(error, path[logins.length] as Endpoint, options.deadline);
  }
  const target = logins.pop() as LoggedIn;
  return new SshConnection(host, { ...target, endpoint: path.at(-1) as Endpoint }, release);
}

async function logInTo(
  endpoint: Endpoint,
  open: () => Promise<Duplex>,
  credentials: Credentials,
  { hostKeys, deadline }: { readonly hostKeys: HostKeyPolicy; readonly deadline: Deadline },
): Promise<LoggedIn> {
  const accepted: HostKey[] = [];
  const [authentication, known] = await abortable(
    Promise.all([Authentication.prepare(endpoint, credentials), readKnownHostKeys(endpoint, hostKeys)]),
    deadline.signal,
  );
  for (let attempt = 0; ; attempt++) {
    try {
      const stream = await abortable(open(), deadline.signal);
      return await logIn(stream, { endpoint, authentication, known, policy: hostKeys, accepted, deadline });
    } catch (error) {
      if (!(error instanceof DroppedBeforeBanner) || attempt === dropRetries) throw error;
      await delay((0.5 + Math.random()) * 150 * 2 ** attempt, undefined, { signal: deadline.signal });
    }
  }
}

/** A jump host gets neither password nor the "only key" of the host behind it, but may know that key. */
function jumpCredentials({ identityFile, passphrase }: ConnectionSettings): Credentials {
  return { additionalIdentityFile: identityFile, passphrase };
}

/** The jump hosts in the order in which they are dialled; the first one's own `ProxyJump` comes before it. */
async function jumpPath(endpoint: Endpoint, settings: ConnectionSettings): Promise<Endpoint[]> {
  const jumps = await Promise.all(endpoint.proxyJump.map((text) => resolveJump(text, endpoint, settings)));
  let first = jumps[0];
  while (first !== undefined && first.proxyJump.length > 0) {
    if (jumps.length > maxJumps) {
      throw new LabError('SSH_CONFIG', `the jump hosts of ${formatEndpoint(endpoint)} lead in a circle`, {
        found: jumps.map(({ name }) => name).join(' → '),
        hint: 'correct ProxyJump in the inventory or in ~/.ssh/config',
      });
    }
    const owner = first;
    jumps.unshift(...(await Promise.all(owner.proxyJump.map((text) => resolveJump(text, owner, settings)))));
    first = jumps[0];
  }
  return jumps;
}

async function resolveJump(text: string, owner: Endpoint, settings: ConnectionSettings): Promise<Endpoint> {
  const jump = parseJumpHost(text);
  if (jump === undefined) {
    throw new LabError('SSH_CONFIG', `the jump host of ${formatEndpoint(owner)} cannot be understood`, {
      expected: '[user@]host[:port]',
      found: JSON.stringify(text),
    });
  }
  const { configFile, connectTimeoutSeconds } = settings;
  const { host: address, user, port } = jump;
  return resolveEndpoint({ name: address, address, user, port, configFile, connectTimeoutSeconds });
}

function forward({ client }: LoggedIn, jump: Endpoint, to: Endpoint): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    client.forwardOut('127.0.0.1', 0, to.address, to.port, (error, channel) => {
      if (error === undefined) return resolve(channel);
      const forbidden = 'reason' in error && error.reason === 1;
      reject(
        new LabError('UNREACHABLE', `${formatAddress(to)} cannot be reached through ${formatEndpoint(jump)}`, {
          found: error.message.replace(/^\(SSH\) Channel open failure: /, ''),
          hint: forbidden
            ? 'the jump host forbids forwarding: AllowTcpForwarding in its sshd_config'
            : `can the jump host reach it? Try there: nc -z ${to.address} ${to.port}`,
          cause: error,
        }),
      );
    });
  });
}

function deadlineError(error: unknown, endpoint: Endpoint, deadline: Deadline): unknown {
  if (!deadline.timedOut || error instanceof LabError) return error;
  return new LabError('UNREACHABLE', `${formatAddress(endpoint)} does not answer within ${deadline.seconds} s`, {
    hint: 'is the host switched on, and does a firewall drop the packets?',
    cause: error,
  });
}
