import type { StartedHost } from './host.ts';

export interface HandMadePeer {
  readonly publicKey: string;
  readonly presharedKey?: string;
  readonly allowedIps: string;
  readonly endpoint?: string;
  readonly keepalive?: number;
  /** Lines above it. */
  readonly comment?: string;
}

export interface HandMadeKeys {
  readonly privateKey: string;
  readonly publicKey: string;
}

/** Keys as a person makes them, on the host itself. */
export async function handMadeKeys(host: StartedHost): Promise<HandMadeKeys> {
  const [privateKey = '', publicKey = ''] = (await host.sh('key=$(wg genkey); echo "$key"; echo "$key" | wg pubkey'))
    .trim()
    .split('\n');
  return { privateKey, publicKey };
}

export async function presharedKey(host: StartedHost): Promise<string> {
  return (await host.sh('wg genpsk')).trim();
}

/** A configuration as guides for wg-quick(8) have it. */
export function handMadeConfig(
  { privateKey }: HandMadeKeys,
  lines: readonly string[],
  peers: readonly HandMadePeer[],
): string {
  return [
    '[Interface]',
    `PrivateKey = ${privateKey}`,
    ...lines,
    ...peers.flatMap((peer) => [
      '',
      ...(peer.comment === undefined ? [] : [`# ${peer.comment}`]),
      '[Peer]',
      `PublicKey = ${peer.publicKey}`,
      ...(peer.presharedKey === undefined ? [] : [`PresharedKey = ${peer.presharedKey}`]),
      `AllowedIPs = ${peer.allowedIps}`,
      ...(peer.endpoint === undefined ? [] : [`Endpoint = ${peer.endpoint}`]),
      ...(peer.keepalive === undefined ? [] : [`PersistentKeepalive = ${peer.keepalive}`]),
    ]),
    '',
  ].join('\n');
}

/** Writes it and starts it, now and at boot. */
export async function startByHand(host: StartedHost, name: string, config: string): Promise<void> {
  await host.exec(['sh', '-c', `umask 077; mkdir -p /etc/wireguard; cat >/etc/wireguard/${name}.conf`], config);
  await host.sh(
    `systemctl enable --now wg-quick@${name} || { journalctl -u wg-quick@${name} | tail -20 >&2; exit 1; }`,
  );
}
