import { type Duplex, Writable } from 'node:stream';
import type { Client, ClientChannel } from 'ssh2';
import { LabError } from '../shared/errors.ts';
import { quoteAll } from '../shared/quote.ts';
import type { Connection, EndpointAddress, HostKey, RemoteProcess } from './contract.ts';
import { type Endpoint, formatEndpoint } from './endpoint.ts';
import { exitOf } from './process-exit.ts';
import type { LoggedIn } from './ssh-handshake.ts';

/** How long the host may take to answer a goodbye, before the socket is closed without. */
const goodbyeMilliseconds = 500;

/** A login over ssh2 and what lies under it. */
export class SshConnection implements Connection {
  readonly host: string;
  readonly hostKey: HostKey;
  readonly endpoint: EndpointAddress;
  readonly closed: Promise<Error | undefined>;

  readonly #client: Client;
  readonly #stream: Duplex;
  readonly #endpoint: Endpoint;
  readonly #release: () => Promise<void>;
  #disposed = false;
  #gone = false;

  /** `release` closes the jump hosts under this connection. */
  constructor(host: string, login: LoggedIn & { readonly endpoint: Endpoint }, release: () => Promise<void>) {
    this.host = host;
    this.hostKey = login.hostKey;
    this.#client = login.client;
    this.#stream = login.stream;
    this.#endpoint = login.endpoint;
    const { user, address, port } = login.endpoint;
    this.endpoint = { user, address, port };
    this.#release = release;
    let cause: Error | undefined;
    login.client.on('error', (error) => {
      cause ??= error;
    });
    this.closed = new Promise((resolve) => {
      login.client.once('close', () => {
        this.#gone = true;
        resolve(this.#disposed ? undefined : this.#lost(cause));
        void release();
      });
    });
  }

  async start(argv: readonly string[]): Promise<RemoteProcess> {
    const command = quoteAll(argv);
    return new Promise((resolve, reject) => {
      if (this.#gone || this.#disposed) return reject(this.#lost(new Error('it is closed')));
      try {
        this.#client.exec(command, (error, channel) => {
          if (error === undefined) resolve(remoteProcess(channel, this.closed));
          else reject(this.#gone ? this.#lost(error) : this.#noSession(error));
        });
      } catch (error) {
        reject(this.#lost(error as Error));
      }
    });
  }

  /** A shell on a terminal, for what speaks to nothing else, such as passwd(1) when a password has expired. */
  async terminal(): Promise<Duplex> {
    return new Promise((resolve, reject) => {
      this.#client.shell({ term: 'dumb' }, (error, channel) =>
        error ? reject(this.#noSession(error)) : resolve(channel),
      );
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed || this.#gone) return this.#release();
    this.#disposed = true;
    this.#client.end();
    const impatience = setTimeout(() => this.#stream.destroy(), goodbyeMilliseconds);
    await this.closed;
    clearTimeout(impatience);
    await this.#release();
  }

  #lost(cause: Error | undefined): LabError {
    const { keepAliveSeconds, keepAliveCount } = this.#endpoint;
    const silent = cause?.message === 'Keepalive timeout';
    return new LabError('CONNECTION_LOST', `the connection to ${formatEndpoint(this.#endpoint)} was lost`, {
      host: this.host,
      found: silent
        ? `no answer to ${keepAliveCount} keep-alives, one every ${keepAliveSeconds} s`
        : (cause?.message ?? 'the host closed it'),
      hint: 'what was running there may have gone on: run again to see the state and finish',
      cause,
    });
  }

  #noSession(cause: Error): LabError {
    return new LabError('REMOTE_PROGRAM', `${formatEndpoint(this.#endpoint)} opens no further session`, {
      host: this.host,
      found: cause.message,
      hint: 'sshd allows MaxSessions of them on one connection, none with MaxSessions 0 or for a tunnel-only key',
      cause,
    });
  }
}

function remoteProcess(channel: ClientChannel, gone: Promise<unknown>): RemoteProcess {
  let giveUp: () => void = () => {};
  const killed = new Promise<null>((resolve) => {
    giveUp = () => resolve(null);
  });
  const code = new Promise<number | null>((resolve) => {
    channel.once('exit', (status: number | null) => resolve(status));
    channel.once('close', () => resolve(null));
    void Promise.race([gone, killed]).then(() => resolve(null));
  });
  const stdin = channelInput(channel);
  void code.then(() => stdin.destroy());
  channel.on('error', () => {}); // output that still arrives after kill() has nobody to read it
  channel.stderr.on('error', () => {});
  return {
    stdin,
    stdout: channel,
    stderr: channel.stderr,
    exit: Promise.race([exitOf(code, [channel, channel.stderr]), killed]),
    kill() {
      // sshd passes signals on except to root's sessions; those see the end of their input and a closed output.
      channel.signal('KILL');
      channel.close();
      giveUp();
      if (!channel.readableEnded) channel.push(null);
      if (!channel.stderr.readableEnded) channel.stderr.push(null);
    },
  };
}

/** ssh2 never calls back for what is written to a channel that has closed; here such a write fails with EPIPE. */
function channelInput(channel: ClientChannel): Writable {
  let pending: ((error?: Error | null) => void) | undefined;
  const stdin = new Writable({
    write(chunk: Buffer, _encoding, done) {
      pending = done;
      channel.write(chunk, (error) => {
        pending = undefined;
        done(error);
      });
    },
    final(done) {
      channel.end();
      done();
    },
    destroy(error, done) {
      const cause =
        error ?? (stdin.writableFinished ? null : Object.assign(new Error('the process has ended'), { code: 'EPIPE' }));
      pending?.(cause);
      done(cause);
    },
  });
  stdin.on('error', () => {}); // the exit tells why; a listener of the caller's is called all the same
  return stdin;
}
