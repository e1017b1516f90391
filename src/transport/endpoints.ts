import { isDeepStrictEqual } from 'node:util';
import type { Host } from '../model/types.ts';
import { LabError } from '../shared/errors.ts';
import type { Connection, ConnectionSettings, ConnectOptions, EndpointAddress } from './contract.ts';
import { formatEndpoint } from './endpoint.ts';
import { connect } from './index.ts';
import { resolveEndpoint } from './ssh-config.ts';

/** Keeps where each host answered last; the lock file does. */
export interface EndpointMemory {
  endpoint(host: string): EndpointAddress | undefined;
  /** Called after each login over SSH; never rejects. */
  reached(host: string, endpoint: EndpointAddress): Promise<void>;
}

export interface ReachOptions extends ConnectOptions {
  readonly memory?: EndpointMemory | undefined;
}

export interface Reached {
  readonly connection: Connection;
  /** Those that led there: `become` and its password can differ from the declared ones. */
  readonly settings: ConnectionSettings;
  /** Another endpoint than the declared one answered. */
  readonly fellBack: boolean;
}

/**
 * Connects to a host where it is declared to be, and with `any` also where it may still be: at its fallbacks, then at the
 * endpoint that was remembered. Only a host that does not answer or refuses the login is tried elsewhere; one that
 * presents a wrong key is not. Each attempt is a new connection with a time limit of its own.
 *
 * @throws LabError as `connect`. When every endpoint fails, the error of the declared one, with the others in
 * `details.others`
 * @example
 * const { connection, settings, fellBack } = await connectToHost(host, 'any', { hostKeys, hosts, memory });
 */
export async function connectToHost(
  host: Pick<Host, 'name' | 'connection'>,
  which: 'declared' | 'any',
  options: ReachOptions,
): Promise<Reached> {
  const failures: LabError[] = [];
  for await (const settings of which === 'any' ? everywhere(host, options.memory) : [host.connection]) {
    try {
      const connection = await connect(host.name, settings, options);
      if (connection.endpoint !== undefined) await options.memory?.reached(host.name, connection.endpoint);
      return { connection, settings, fellBack: settings !== host.connection };
    } catch (thrown) {
      if (!(thrown instanceof LabError)) throw thrown;
      if (thrown.code !== 'UNREACHABLE' && thrown.code !== 'AUTH_FAILED') throw withOthers(thrown, failures);
      failures.push(thrown);
    }
  }
  const [declared, ...others] = failures;
  throw withOthers(declared as LabError, others);
}

function withOthers(error: LabError, others: readonly LabError[]): LabError {
  return others.length === 0 ? error : error.with({ others });
}

interface Candidate {
  readonly settings: ConnectionSettings;
  /** After `~/.ssh/config` had its say. */
  readonly at: EndpointAddress;
}

/** The declared settings first; the rest is worked out only when somebody asks for it, as it may have to ask `ssh`. */
async function* everywhere(
  { name, connection: declared }: Pick<Host, 'name' | 'connection'>,
  memory: EndpointMemory | undefined,
): AsyncGenerator<ConnectionSettings> {
  yield declared;
  if (declared.transport !== 'ssh' && declared.transport !== 'openssh') return;
  const candidate = async (settings: ConnectionSettings): Promise<Candidate> => ({
    settings,
    at: await resolveEndpoint({ ...settings, name }),
  });
  const tried = [await candidate(declared)];
  for (const entry of declared.fallback ?? []) {
    const next = await candidate({ ...declared, ...entry });
    if (tried.some((earlier) => sameLogin(earlier, next))) continue;
    tried.push(next);
    yield next.settings;
  }
  const remembered = memory?.endpoint(name);
  if (remembered === undefined || tried.some(({ at }) => sameEndpoint(at, remembered))) return;
  yield settingsFor(remembered, tried);
}

/** Whoever logs in as the same user does it with the same key, and an alias of `~/.ssh/config` names more than an address. */
function settingsFor({ user, address, port }: EndpointAddress, tried: readonly Candidate[]): ConnectionSettings {
  const declared = (tried[0] as Candidate).settings;
  const like = user === undefined ? declared : tried.find(({ at }) => at.user === user)?.settings;
  const alias = tried.find(({ at }) => at.address === address)?.settings.address;
  const become = user === 'root' ? 'none' : declared.become === 'none' ? 'sudo' : declared.become;
  return {
    ...(like ?? { ...declared, become }),
    ...(user !== undefined && { user }),
    address: alias ?? address,
    port,
  };
}

/** The same place, with the same key or password, on the same way. */
function sameLogin(a: Candidate, b: Candidate): boolean {
  const way = ({ settings: { identityFile, password, proxyJump } }: Candidate) => [identityFile, password, proxyJump];
  return sameEndpoint(a.at, b.at) && isDeepStrictEqual(way(a), way(b));
}

/** Without a user, whoever logs in there by default is meant. */
function sameEndpoint(tried: EndpointAddress, other: EndpointAddress): boolean {
  const user = other.user ?? tried.user;
  return formatEndpoint(tried).toLowerCase() === formatEndpoint({ ...other, user }).toLowerCase();
}
