import { selectHosts } from '../model/select-hosts.ts';
import type { Host, Inventory } from '../model/types.ts';
import { Session } from '../remote/session.ts';
import { LabError } from '../shared/errors.ts';
import type { Connection } from '../transport/contract.ts';
import { type Reach, reachHosts } from './endpoints.ts';
import { type HostOutcome, inventoryOf, onEach } from './open-hosts.ts';
import { withPasswords } from './passwords.ts';
import type { ConnectOptions } from './run-options.ts';

interface Kept {
  readonly connection: Connection;
  readonly session: Session;
}

type Options = ConnectOptions & { readonly inventory?: string; readonly limit: readonly string[] };

/** After these a session may answer nobody any more. */
const endOfSession = new Set(['CONNECTION_LOST', 'STEP_TIMEOUT', 'REMOTE_PROGRAM']);

/**
 * The hosts of an inventory for a command that asks them several things: each is connected to when it is first asked, and kept, so
 * that many questions are one login, which firewalls count. One that cannot be reached is not tried again.
 */
export class KeptHosts implements AsyncDisposable {
  readonly inventory: Inventory;
  /** Of the inventory. */
  readonly file: string;
  /** Those that `--limit` selects. */
  readonly targets: readonly Host[];
  readonly #forks: number;
  readonly #reach: Reach;
  readonly #logins: ReadonlyMap<string, Host>;
  readonly #kept = new Map<string, Promise<Kept>>();

  private constructor(
    from: Pick<KeptHosts, 'inventory' | 'file' | 'targets'>,
    forks: number,
    reach: Reach,
    logins: readonly Host[],
  ) {
    this.inventory = from.inventory;
    this.file = from.file;
    this.targets = from.targets;
    this.#forks = forks;
    this.#reach = reach;
    this.#logins = new Map(logins.map((host) => [host.name, host]));
  }

  /**
   * Connects to nobody yet.
   *
   * @throws LabError HOST_PATTERN when `--limit` leaves nobody; what is wrong with the inventory
   */
  static async of(options: Options): Promise<KeptHosts> {
    const { inventory, file } = await inventoryOf(options.inventory);
    const targets = selectHosts(inventory, options.limit.length > 0 ? options.limit : ['all']);
    if (targets.length === 0)
      throw new LabError('HOST_PATTERN', 'no host is left to look at', { found: options.limit.join(',') });
    const logins = await withPasswords([...inventory.hosts.values()], options);
    const reach = await reachHosts(inventory, file, { accept: options.acceptNewHostKeys === true });
    return new KeptHosts({ inventory, file, targets }, options.forks, reach, logins);
  }

  /** Does one thing on each of these hosts; one that fails stops no other. */
  async on<Value>(
    hosts: readonly Host[],
    work: (session: Session, host: Host) => Promise<Value>,
  ): Promise<HostOutcome<Value>[]> {
    return await onEach(hosts, this.#forks, async (host) => {
      const kept = this.#open(host);
      const { session } = await kept;
      try {
        return await work(session, host);
      } catch (thrown) {
        if (thrown instanceof LabError && endOfSession.has(thrown.code)) await this.#forget(host, kept);
        throw thrown;
      }
    });
  }

  /**
   * The connection of a host, which stays this one's to end.
   *
   * @throws LabError UNREACHABLE, AUTH_FAILED, … as connecting does
   */
  async connectionTo(host: Host): Promise<Connection> {
    return (await this.#open(host)).connection;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#kept.values()].map(close));
  }

  #open(host: Host): Promise<Kept> {
    const kept = this.#kept.get(host.name) ?? this.#connect(this.#logins.get(host.name) ?? host);
    this.#kept.set(host.name, kept);
    return kept;
  }

  async #connect(host: Host): Promise<Kept> {
    const { connection, settings } = await this.#reach(host, 'any');
    try {
      return { connection, session: await Session.open(connection, settings) };
    } catch (thrown) {
      await connection[Symbol.asyncDispose]();
      throw thrown;
    }
  }

  /** The next question connects again. */
  async #forget(host: Host, kept: Promise<Kept>): Promise<void> {
    if (this.#kept.get(host.name) === kept) this.#kept.delete(host.name);
    await close(kept);
  }
}

async function close(kept: Promise<Kept>): Promise<void> {
  await kept.then(
    ({ session }) => session[Symbol.asyncDispose](),
    () => {}, // told to whoever asked
  );
}
