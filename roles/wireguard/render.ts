import { internetTable, tunnelMark } from './internet.ts';
import { alone, endpoint, type Tunnel } from './mesh.ts';
import { type Params, portOf } from './params.ts';
import { linkLocalOf } from './probe-address.ts';
import { activeEnd, type LinkEnd, linkLines, type TunnelState } from './state.ts';

const folder = '/etc/wireguard';

/** The script on the host that does what wg-quick(8) does not. */
export const hostScript = '/usr/local/sbin/lab-wireguard';

/** Where the host keeps the private key of an interface, which it made itself and which never leaves it. */
export function keyFile(interfaceName: string): string {
  return `${folder}/${interfaceName}.key`;
}

/** The public key beside it, for everybody to read. */
export function publicKeyFile(interfaceName: string): string {
  return `${folder}/${interfaceName}.pub`;
}

export function configFile(interfaceName: string): string {
  return `${folder}/${interfaceName}.conf`;
}

export function presharedKeyFile(interfaceName: string, peer: string): string {
  return `${folder}/${interfaceName}.${peer}.psk`;
}

/** Which interface carries which link, and the routes that make it so. */
export function linksFile({ interface: name }: Pick<Params, 'interface'>): string {
  return `${folder}/${name}.links`;
}

/** Ends of links that stand on one interface. */
export interface PeerOn {
  readonly peer: string;
  readonly end: LinkEnd;
}

export function peersOn(interfaceName: string, links: TunnelState['links']): readonly PeerOn[] {
  return [...links].flatMap(([peer, ends]) =>
    ends.filter((end) => end.interface === interfaceName).map((end) => ({ peer, end })),
  );
}

/**
 * The configuration of one interface as wg-quick(8) reads it. It holds no private and no preshared key: the script of the role
 * sets them from their files when the interface comes up. Routes are in the links file.
 */
export function renderConfig(
  host: string,
  interfaceName: string,
  tunnel: Tunnel,
  links: TunnelState['links'],
  params: Params,
): string {
  const peers = peersOn(interfaceName, links).flatMap(({ peer, end }) => {
    const model = tunnel.peers.find(({ name }) => name === peer);
    if (model === undefined || end.peerKey === null) return [];
    return [
      '',
      `# ${peer}`,
      ...(end.presharedKey === null ? [] : [`# PresharedKey = ${presharedKeyFile(interfaceName, peer)}`]),
      '[Peer]',
      `PublicKey = ${end.peerKey}`,
      `AllowedIPs = ${[...model.allowedIps, ...internetOf(tunnel, peer)].join(', ')}`,
      ...(model.dial === null ? [] : [`Endpoint = ${endpoint(model.dial, portOf(model.base, end.peerInterface))}`]),
      ...(model.keepalive === 0 ? [] : [`PersistentKeepalive = ${model.keepalive}`]),
    ];
  });
  return [
    '# Managed by lab (role wireguard).',
    ...tunnel.addresses.filter(isV6).map((address) => `# IPv6 = ${alone(address)}`),
    `# IPv6 = ${linkLocalOf(host)}/64`,
    `# Links = ${linksFile(params)}`,
    '[Interface]',
    ...tunnel.addresses.filter((address) => !isV6(address)).map((address) => `Address = ${alone(address)}`),
    ...(tunnel.listens ? [`ListenPort = ${portOf(params, interfaceName)}`] : []),
    ...(tunnel.internet === null ? [] : [`FwMark = ${tunnelMark}`]),
    `MTU = ${params.mtu}`,
    'Table = off',
    `PostUp = ${hostScript} up %i`,
    ...peers,
    '',
  ].join('\n');
}

/** What goes through this peer beside its own: everything, of the families that the tunnel has. */
function internetOf({ internet, addresses }: Tunnel, peer: string): string[] {
  if (internet !== peer) return [];
  return [
    ...(addresses.some((address) => !isV6(address)) ? ['0.0.0.0/0'] : []),
    ...(addresses.some(isV6) ? ['::/0'] : []),
  ];
}

function isV6(address: string): boolean {
  return address.includes(':');
}

/** Metric of our routes: a network that the host has a wire to wins over a site of the same prefix. */
const metric = 1000;

/**
 * The links file: what each link is, as comments, and the routes of those that are active, as ip(8) reads them with -batch.
 * One file, so that both change at once.
 */
export function renderLinks(tunnel: Tunnel, links: TunnelState['links']): string {
  const routes = tunnel.peers.flatMap((peer) => {
    const end = activeEnd(links.get(peer.name));
    if (end === undefined) return [];
    const route = (prefix: string, table = '') => {
      const source = tunnel.addresses.find((address) => isV6(address) === isV6(prefix));
      return `route replace ${prefix} dev ${end.interface} proto 76 metric ${metric}${source === undefined ? '' : ` src ${source}`}${table}`;
    };
    return [
      ...peer.allowedIps.filter((prefix) => !prefix.startsWith('fe80:')).map((prefix) => route(prefix)),
      ...internetOf(tunnel, peer.name).map((prefix) => route(prefix, ` table ${internetTable}`)),
    ];
  });
  return [
    '# Managed by lab (role wireguard): which interface carries which link.',
    ...linkLines(links),
    ...routes,
    '',
  ].join('\n');
}

/** Routes of a links file: `INTERFACE PREFIX`. */
export function routesIn(text: string): string[] {
  return [...text.matchAll(/^route replace (\S+) dev (\S+) /gm)].map(([, prefix, device]) => `${device} ${prefix}`);
}

/** Peers of a configuration: public key → prefixes, in order. */
export function peersIn(config: string): ReadonlyMap<string, string> {
  const peers = new Map<string, string>();
  let key = '';
  for (const line of config.split('\n')) {
    const [, name, value] = /^(PublicKey|AllowedIPs) = (.+)$/.exec(line) ?? [];
    if (name === 'PublicKey') key = value ?? '';
    if (name === 'AllowedIPs') peers.set(key, (value ?? '').split(', ').sort().join(' '));
  }
  return peers;
}
