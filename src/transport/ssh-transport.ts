import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { LabError } from '../shared/errors.ts';
import type { Connection, ConnectOptions, Transport } from './contract.ts';
import { abortable, Deadline } from './deadline.ts';
import { DroppedBeforeBanner, dial } from './dial.ts';
import { type Endpoint, formatAddress, formatEndpoint } from './endpoint.ts';
import { askAboutHostKey, readKnownHostKeys } from './host-keys.ts';
import { type Hop, resolvePath } from './jump-path.ts';
import { resolveEndpoint } from './ssh-config.ts';
import type { LoggedIn } from './ssh-handshake.ts';

/** sshd that sheds load drops at random: of 50 logins at once, some are dropped more than once. */
const dropRetries = 4;

/** SSH in this process, over ssh2: fast, with one connection and one channel for each host and run. */
export const sshTransport: Transport = {
  async connect(host, settings, options) {
    try {
      const endpoint = await resolveEndpoint({ ...settings, name: host });
      const path = await resolvePath(endpoint, settings, options.hosts);
      using deadline = new Deadline(endpoint.connectTimeoutSeconds, options.signal);
      return await connectThrough(host, path, { ...options, deadline });
    } catch (error) {
      throw error instanceof LabError ? error.with({ host }) : error;
    }
  },
};

type Options = ConnectOptions & { readonly deadline: Deadline };

async function connectThrough(host: string, path: readonly Hop[], options: Options): Promise<Connection> {
  const { signal } = options.deadline;
  const logins: (LoggedIn & { readonly endpoint: Endpoint })[] = [];
  const release = async () => {
    for (const { client } of logins.toReversed()) client.end();
  };
  try {
    for (const hop of path) {
      const { endpoint } = hop;
      const through = logins.at(-1);
      const open = () => (through === undefined ? dial(endpoint, signal) : forward(through, endpoint));
      const login = await logInTo(hop, open, options);
      logins.push({ ...login, endpoint });
      await options.hostKeys.loggedIn?.(endpoint.name, login.hostKey, endpoint.address);
    }
  } catch (error) {
    await release();
    throw deadlineError(error, path[logins.length]?.endpoint, options.deadline);
  }
  const { SshConnection } = await import('./ssh-connection.ts');
  const target = logins.pop() as (typeof logins)[number];
  return new SshConnection(host, target, release);
}

async function logInTo(hop: Hop, open: () => Promise<Duplex>, options: Options): Promise<LoggedIn> {
  const { endpoint, credentials } = hop;
  const { hostKeys, deadline } = options;
  let opening = abortable(open(), deadline.signal);
  opening.catch(() => {}); // an unusable key is told rather than a closed port
  // ssh2 takes 50 ms to load: the host is dialled before, so that its sshd gets going meanwhile.
  const { Authentication } = await import('./authentication.ts');
  const { logIn, UnknownHostKey } = await import('./ssh-handshake.ts');
  try {
    const [authentication, seen] = await abortable(
      Promise.all([Authentication.prepare(endpoint, credentials), readKnownHostKeys(endpoint, hostKeys)]),
      deadline.signal,
    );
    let known = seen;
    for (let drops = 0; ; ) {
      try {
        return await logIn(await opening, { endpoint, authentication, known, deadline });
      } catch (error) {
        if (error instanceof UnknownHostKey) {
          // No connection is held while a person compares fingerprints: sshd would end it (LoginGraceTime).
          const asking = deadline.pausedFor(() => askAboutHostKey(endpoint, seen, error.key, hostKeys));
          await abortable(asking, deadline.signal);
          known = { ...seen, pinned: [error.key] };
        } else if (error instanceof DroppedBeforeBanner && drops < dropRetries) {
          await delay((0.5 + Math.random()) * 150 * 2 ** drops++, undefined, { signal: deadline.signal });
        } else throw error;
        opening = abortable(open(), deadline.signal);
      }
    }
  } catch (error) {
    opening.then((stream) => stream.destroy()).catch(() => {});
    throw error;
  }
}

function forward(
  { client, endpoint: jump }: LoggedIn & { readonly endpoint: Endpoint },
  to: Endpoint,
): Promise<Duplex> {
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

function deadlineError(error: unknown, endpoint: Endpoint | undefined, deadline: Deadline): unknown {
  if (!deadline.timedOut || error instanceof LabError || endpoint === undefined) return error;
  return new LabError('UNREACHABLE', `${formatAddress(endpoint)} does not answer within ${deadline.seconds} s`, {
    hint: 'is the host switched on, and does a firewall drop the packets?',
    cause: error,
  });
}
