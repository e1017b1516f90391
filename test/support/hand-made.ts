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

/** Of new interfaces, for wg-quick(8): some engines turn it off. */
async function allowIpv6(host: StartedHost): Promise<void> {
  await host.sh('sysctl -q -w net.ipv6.conf.default.disable_ipv6=0');
}

/** Writes it and starts it, now and at boot. */
export async function startByHand(host: StartedHost, name: string, config: string): Promise<void> {
  await allowIpv6(host);
  await host.exec(['sh', '-c', `umask 077; mkdir -p /etc/wireguard; cat >/etc/wireguard/${name}.conf`], config);
  await host.sh(
    `systemctl enable --now wg-quick@${name} || { journalctl -u wg-quick@${name} | tail -20 >&2; exit 1; }`,
  );
}

/**
 * Files as systemd-networkd has them, and the interface as it makes it. Its own way needs the kernel's WireGuard: where there is
 * none, it is brought up by hand.
 */
export async function networkdFiles(
  host: StartedHost,
  name: string,
  keys: HandMadeKeys,
  address: string,
  peer: HandMadePeer,
): Promise<void> {
  await allowIpv6(host);
  const netdev = `[NetDev]\nName=${name}\nKind=wireguard\n\n[WireGuard]\nPrivateKey=${keys.privateKey}\n\n[WireGuardPeer]\nPublicKey=${peer.publicKey}\nAllowedIPs=${peer.allowedIps}\nEndpoint=${peer.endpoint}\nPersistentKeepalive=${peer.keepalive}\n`;
  const links = `[Match]\nName=${name}\n\n[Network]\nAddress=${address}\nDNS=10.90.0.1\n`;
  await host.exec(['sh', '-c', `umask 027; cat >/etc/systemd/network/50-${name}.netdev`], netdev);
  await host.exec(['sh', '-c', `cat >/etc/systemd/network/50-${name}.network`], links);
  const config = handMadeConfig(keys, [`Address = ${address}`], [peer]);
  await host.exec(['sh', '-c', `umask 077; mkdir -p /run/${name}; cat >/run/${name}/${name}.conf`], config);
  await host.sh(`wg-quick up /run/${name}/${name}.conf; rm -r /run/${name}`);
}

/** The inventory that a person makes of the entries that `lab adopt wireguard` printed. */
export function adoptedInventory(hosts: Readonly<Record<string, StartedHost>>, entries: string): string {
  const lines = Object.entries(hosts).map(
    ([name, { address }]) => `    ${name}: { address: '${address}', ...adopted.hosts.${name} },`,
  );
  return `import { defineInventory } from 'labwright';
const adopted = {
${entries}};
export default defineInventory({
  ...adopted,
  ssh: { user: 'root', identityFile: '${Object.values(hosts)[0]?.identityFile}' },
  hosts: {
${lines.join('\n')}
  },
});
`;
}
