import { LabError } from '../shared/errors.ts';
import type { Credentials } from './authentication.ts';
import type { ConnectionSettings, ConnectOptions } from './contract.ts';
import { type Endpoint, formatEndpoint, type JumpHost, parseJumpHost } from './endpoint.ts';
import { resolveEndpoint } from './ssh-config.ts';

/** One login on the way to a host; the last one is the host itself. */
export interface Hop {
  readonly endpoint: Endpoint;
  readonly credentials: Credentials;
}

type Hosts = NonNullable<ConnectOptions['hosts']>;

/** Jump hosts whose own settings name jump hosts; more is a circle. */
const maxHops = 10;

/**
 * The logins in the order in which they are made. As with ssh, the jump hosts are one behind the other, and those of the
 * first one itself come before it.
 *
 * @throws LabError SSH_CONFIG for a jump host that cannot be understood, or a circle of them
 */
export async function resolvePath(
  target: Endpoint,
  settings: ConnectionSettings,
  hosts: Hosts = new Map(),
): Promise<Hop[]> {
  const path: Hop[] = [{ endpoint: target, credentials: settings }];
  for (let first = target; first.proxyJump.length > 0; first = path[0]?.endpoint ?? target) {
    if (path.length > maxHops) {
      throw new LabError('SSH_CONFIG', `the jump hosts of ${formatEndpoint(target)} lead in a circle`, {
        found: path.map(({ endpoint }) => endpoint.name).join(' → '),
        hint: 'correct proxyJump in the inventory, or ProxyJump in ~/.ssh/config',
      });
    }
    const owner = first;
    path.unshift(...(await Promise.all(owner.proxyJump.map((text) => resolveJump(text, owner, settings, hosts)))));
  }
  return path;
}

/** A jump host outside the inventory gets no password of the host behind it, but may know its key. */
async function resolveJump(text: string, owner: Endpoint, settings: ConnectionSettings, hosts: Hosts): Promise<Hop> {
  const jump = parseJumpHost(text);
  if (jump === undefined) {
    throw new LabError('SSH_CONFIG', `the jump host of ${formatEndpoint(owner)} cannot be understood`, {
      host: owner.name,
      expected: '[user@]host[:port]',
      found: JSON.stringify(text),
    });
  }
  const { configFile, connectTimeoutSeconds, identityFile, passphrase } = settings;
  const known = inInventory(jump, hosts);
  const common = { configFile, connectTimeoutSeconds };
  if (known === undefined) {
    const endpoint = await resolveEndpoint({ ...common, ...jump, name: jump.host, address: jump.host });
    return { endpoint, credentials: { additionalIdentityFile: identityFile, passphrase } };
  }
  const { name, connection } = known;
  const user = jump.user ?? connection.user;
  return { endpoint: await resolveEndpoint({ ...common, ...connection, user, name }), credentials: connection };
}

/** The host of an inventory that is meant: by its name, or where it is connected to. */
export function inInventory(jump: JumpHost, hosts: Hosts) {
  const named = hosts.get(jump.host);
  if (named !== undefined && jump.port === undefined) return named;
  return [...hosts.values()].find(
    ({ connection }) =>
      (connection.transport === 'ssh' || connection.transport === 'openssh') &&
      connection.address.toLowerCase() === jump.host.toLowerCase() &&
      (jump.port === undefined || jump.port === (connection.port ?? 22)),
  );
}
