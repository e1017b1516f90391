import type { Connection, ConnectionSettings, ConnectOptions, Transport } from './contract.ts';

/** Only what is used is loaded: ssh2 alone takes 40 ms. */
const transports: Readonly<Record<ConnectionSettings['transport'], () => Promise<Transport>>> = {
  ssh: async () => (await import('./ssh-transport.ts')).sshTransport,
  openssh: async () => (await import('./openssh-transport.ts')).opensshTransport,
  docker: async () => (await import('./docker-transport.ts')).dockerTransport,
  local: async () => (await import('./local-transport.ts')).localTransport,
};

/**
 * Connects to a host of the inventory and logs in.
 *
 * @throws LabError UNREACHABLE, AUTH_FAILED, HOST_KEY_UNKNOWN, HOST_KEY_CHANGED, SSH_CONFIG; the reason of `signal` when
 * that aborts
 * @example
 * await using connection = await connect('nas', { transport: 'ssh', address: '10.0.0.2', become: 'none' }, { hostKeys });
 * const { code, stdout } = await collect(await connection.start(['uname', '-r']));
 */
export async function connect(
  host: string,
  settings: ConnectionSettings,
  options: ConnectOptions,
): Promise<Connection> {
  const transport = await transports[settings.transport]();
  return transport.connect(host, settings, options);
}

export { collect } from './collect.ts';
export { fingerprint } from './known-hosts.ts';
