import type { Tunnel } from './mesh.ts';
import type { Params } from './params.ts';

/** Where the host keeps its private key, which it made itself and which never leaves it. */
export function keyFile({ interface: name }: Pick<Params, 'interface'>): string {
  return `/etc/wireguard/${name}.key`;
}

/** The public key beside it, for everybody to read. */
export function publicKeyFile({ interface: name }: Pick<Params, 'interface'>): string {
  return `/etc/wireguard/${name}.pub`;
}

/**
 * The configuration as wg-quick(8) reads it. It holds no private key: that is set from its file when the interface comes up.
 *
 * @param keys host → its public key; a peer whose key nobody knows yet is left out
 */
export function renderConfig(tunnel: Tunnel, keys: ReadonlyMap<string, string>, params: Params): string {
  const interfaceLines = [
    '[Interface]',
    ...tunnel.addresses.map((address) => `Address = ${address}`),
    ...(tunnel.listens ? [`ListenPort = ${params.port}`] : []),
    `MTU = ${params.mtu}`,
    `PostUp = wg set %i private-key ${keyFile(params)}`,
  ];
  const peers = tunnel.peers.flatMap(({ host, allowedIps, endpoint, keepalive }) => {
    const key = keys.get(host);
    if (key === undefined) return [];
    return [
      '',
      `# ${host}`,
      '[Peer]',
      `PublicKey = ${key}`,
      `AllowedIPs = ${allowedIps.join(', ')}`,
      ...(endpoint === null ? [] : [`Endpoint = ${endpoint}`]),
      ...(keepalive === 0 ? [] : [`PersistentKeepalive = ${keepalive}`]),
    ];
  });
  return [...['# Managed by lab (role wireguard).'], ...interfaceLines, ...peers, ''].join('\n');
}
