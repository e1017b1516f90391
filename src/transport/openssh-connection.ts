import { setTimeout as delay } from 'node:timers/promises';
import { LabError } from '../shared/errors.ts';
import { quoteAll } from '../shared/quote.ts';
import { startChild } from './child-process.ts';
import type { Connection, EndpointAddress, HostKey, RemoteProcess } from './contract.ts';
import { type Endpoint, formatEndpoint } from './endpoint.ts';
import type { OpensshMaster } from './openssh-master.ts';
import { exitOf } from './process-exit.ts';

/** ssh's own exit code for "the connection failed", which a command may give as well. */
const connectionFailed = 255;
/** The master ends a moment after its clients. */
const masterEndsMilliseconds = 100;

/** A login held open by a master process; every command is a client of it. */
export class OpensshConnection implements Connection {
  readonly host: string;
  readonly hostKey: HostKey | undefined;
  readonly endpoint: EndpointAddress;
  readonly closed: Promise<Error | undefined>;
  readonly #endpoint: Endpoint;
  readonly #master: OpensshMaster;
  #disposed = false;
  #gone = false;

  constructor(host: string, endpoint: Endpoint, master: OpensshMaster) {
    this.host = host;
    this.hostKey = master.presented;
    this.#endpoint = endpoint;
    const { user, address, port } = endpoint;
    this.endpoint = { user, address, port };
    this.#master = master;
    this.closed = master.ended.then(async () => {
      this.#gone = true;
      const lost = this.#disposed ? undefined : this.#lost();
      await master.dispose();
      return lost;
    });
  }

  async start(argv: readonly string[]): Promise<RemoteProcess> {
    if (this.#gone || this.#disposed) throw this.#lost();
    const { process, code } = await startChild(this.#master.clientCommand(quoteAll(argv)));
    const status = code.then(async (value) => {
      if (value === connectionFailed) await Promise.race([this.closed, delay(masterEndsMilliseconds)]);
      return value === connectionFailed && this.#gone ? null : value;
    });
    return { ...process, exit: exitOf(status, [process.stdout, process.stderr]) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    await this.#master.dispose();
    await this.closed;
  }

  #lost(): LabError {
    const said = this.#master.stderr.trim();
    return new LabError('CONNECTION_LOST', `the connection to ${formatEndpoint(this.#endpoint)} was lost`, {
      host: this.host,
      found: said === '' ? 'the host closed it' : said,
      hint: 'what was running there may have gone on: run again to see the state and finish',
    });
  }
}
