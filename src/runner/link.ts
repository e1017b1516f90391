import type { Host } from '../model/types.ts';
import { Session } from '../remote/session.ts';
import type { Connection, ConnectionSettings } from '../transport/contract.ts';

/** A connection, and the settings it stands on: how to become root differs between endpoints. */
export interface Reached {
  readonly connection: Connection;
  readonly settings: ConnectionSettings;
  /** It did not answer where it is declared to be, but where it was before. */
  readonly fellBack?: boolean | undefined;
}

/**
 * Reaches a host. `declared`: a new connection to the endpoint that the inventory declares, nothing else. `any`: also where
 * the host answered before, when it does not answer there.
 */
export type Connect = (which: 'declared' | 'any') => Promise<Reached>;

/** The way to one host for the length of a run: a session that can be replaced by a fresh one. */
export class HostLink implements AsyncDisposable {
  readonly host: Host;
  readonly #connect: Connect;
  #session: Session;
  #roundTrips = 0;
  /** Where the host answered, when that is not where it is declared to be: `root@10.77.1.10:22`. */
  readonly foundElsewhere: string | undefined;

  private constructor(host: Host, connect: Connect, session: Session, foundElsewhere?: string) {
    this.host = host;
    this.#connect = connect;
    this.#session = session;
    this.foundElsewhere = foundElsewhere;
  }

  /** Over a session that is already there. */
  static over(host: Host, connect: Connect, session: Session): HostLink {
    return new HostLink(host, connect, session);
  }

  /** @throws LabError UNREACHABLE, AUTH_FAILED, HOST_KEY_UNKNOWN, HOST_KEY_CHANGED, BECOME_REFUSED */
  static async open(host: Host, connect: Connect): Promise<HostLink> {
    const { session, settings, fellBack } = await openSession(connect, 'any');
    return new HostLink(host, connect, session, fellBack ? describeEndpoint(settings) : undefined);
  }

  get session(): Session {
    return this.#session;
  }

  get roundTrips(): number {
    return this.#roundTrips + this.#session.roundTrips;
  }

  /** A session on a connection of its own; the one in use stays. The caller closes it, or hands it to `replace`. */
  async fresh(which: 'declared' | 'any'): Promise<Session> {
    return (await openSession(this.#connect, which)).session;
  }

  async replace(session: Session): Promise<void> {
    const old = this.#session;
    this.#roundTrips += old.roundTrips;
    this.#session = session;
    await old[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
  }
}

async function openSession(connect: Connect, which: 'declared' | 'any') {
  const { connection, settings, fellBack = false } = await connect(which);
  try {
    return { session: await Session.open(connection, settings), settings, fellBack };
  } catch (error) {
    await connection[Symbol.asyncDispose]();
    throw error;
  }
}

/** `root@10.77.1.10:22`, as far as it is said. */
export function describeEndpoint({ user, address, port }: ConnectionSettings): string {
  return `${user === undefined ? '' : `${user}@`}${address}${port === undefined ? '' : `:${port}`}`;
}
