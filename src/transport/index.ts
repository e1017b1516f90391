import type { Connection, ConnectionSettings, HostKeyPolicy, Transport } from './contract.ts';

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
  options: { readonly hostKeys: HostKeyPolicy; readonly signal?: AbortSignal | undefined },
): Promise<Connection> {
  const transport = await transports[settings.transport]();
  return transport.connect(host, settings, options);
}

/** Starts loading a transport while something else is waited for. */
export function preload(kind: ConnectionSettings['transport']): void {
  transports[kind]().catch(() => {}); // the one who uses it is told
}

export { collect } from './collect.ts';
export { fingerprint } from './known-hosts.ts';
