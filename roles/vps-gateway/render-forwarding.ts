import type { Family } from '../firewall/address-set.ts';
import { internetTable } from '../wireguard/internet.ts';
import { authority, type Forwarded, loopback, passthroughPort } from './routes.ts';

/** How a host is reached by strangers through the tunnel: what comes that way is answered that way. */
export interface Answering {
  readonly tunnelInterfaces: readonly string[];
  /** Prefixes from which no stranger comes. */
  readonly inside: readonly string[];
  /** The host's own addresses in the tunnel. */
  readonly addresses: readonly string[];
  /** Those on its own line: where a socket that is bound to no address answers from. */
  readonly wired: readonly string[];
  /** UDP ports that strangers reach. */
  readonly udpPorts: readonly number[];
}

/** Bit of the connection mark, and of the firewall mark, of what strangers began through the tunnel. */
const mark = '0x02000000';

/** Routing table in which every address is the gateway's own; the script of the role empties it. */
const ownTable = 77;

const word = { ipv4: 'ip', ipv6: 'ip6' } as const;
const flagOf = (address: string) => (address.includes(':') ? '-6' : '-4');
const familyOf = (address: string) => (address.includes(':') ? 'ipv6' : 'ipv4');

/**
 * What forwards packets, for nft(8): on a gateway the translation of the destination alone, so that the service sees the client's
 * own address, and what asks for TLS goes to the port where it is told apart by name; on the host of the service that answers leave by the tunnel, as the host's own way to the client is another. The
 * comments that begin with `# rule` and `# route` are those of ip-rule(8) and ip-route(8), which the script of the role sets. Null
 * when there is nothing to do.
 */
export function renderForwarding({
  forwarded,
  answering,
  passesOn,
}: {
  readonly forwarded: readonly Forwarded[];
  readonly answering: Answering | null;
  /** Families in which TLS is passed on by name. */
  readonly passesOn: readonly Family[];
}): string | null {
  if (forwarded.length === 0 && answering === null && passesOn.length === 0) return null;
  return [
    '# Managed by lab (role vps-gateway).',
    ...(answering === null
      ? []
      : [
          // What has the tunnel's address goes back by the tunnel, but for what is inside.
          ...answering.addresses.flatMap((address) => [
            `# rule ${flagOf(address)} from ${address} lookup main suppress_prefixlength 0 pref 7590`,
            `# rule ${flagOf(address)} from ${address} lookup ${internetTable} pref 7591`,
          ]),
          ...['-4', '-6'].map((flag) => `# rule ${flag} fwmark ${mark}/${mark} lookup ${internetTable} pref 7592`),
        ]),
    // Caddy on loopback is asked under the client's address. What it answers, from loopback to a stranger, stays on the host.
    ...passesOn.flatMap((family) => [
      `# route ${flagOf(loopback[family])} local default dev lo table ${ownTable}`,
      `# rule ${flagOf(loopback[family])} from ${loopback[family]} lookup ${ownTable} pref 7593`,
    ]),
    'add table inet lab_gateway',
    'delete table inet lab_gateway',
    'table inet lab_gateway {',
    ...(forwarded.length === 0
      ? []
      : chain('forwarded', 'type nat hook prerouting priority dstnat; policy accept;', forwarded.flatMap(translation))),
    ...(passesOn.length === 0
      ? []
      : chain('by_name', 'type filter hook prerouting priority mangle; policy accept;', passesOn.map(byName))),
    ...(answering === null ? [] : answerChains(answering)),
    '}',
    '',
  ].join('\n');
}

/** Where nobody listens on that port, and for connections that stand, the rule does nothing: Caddy has them. */
function byName(family: Family): string {
  const target = authority(loopback[family], passthroughPort);
  const notLoopback = `${word[family]} daddr != ${family === 'ipv4' ? '127.0.0.0/8' : '::1'}`;
  return `fib daddr type local tcp dport 443 ${notLoopback} tproxy ${word[family]} to ${target}`;
}

function translation({ service, protocol, port, at, to }: Forwarded): string[] {
  return at.flatMap((address) => {
    const family = familyOf(address);
    const target = to.find((one) => familyOf(one) === family);
    return target === undefined
      ? []
      : [
          `${word[family]} daddr ${address} ${protocol} dport ${port} dnat ${word[family]} to ${target} comment "${service}"`,
        ];
  });
}

/**
 * A datagram socket that is bound to no address answers from the address of the way out, whichever it was asked at. So it is asked
 * at that one, and the kernel puts the tunnel's back.
 */
function datagramRules({ addresses, wired, udpPorts }: Answering, names: string): string[] {
  return addresses.flatMap((address) => {
    const own = wired.find((one) => familyOf(one) === familyOf(address));
    if (own === undefined || udpPorts.length === 0) return [];
    const family = word[familyOf(address)];
    return [
      `iifname ${names} ct mark & ${mark} == ${mark} ${family} daddr ${address} udp dport { ${udpPorts.join(', ')} } dnat ${family} to ${own}`,
    ];
  });
}

function answerChains(answering: Answering): string[] {
  const { tunnelInterfaces, inside } = answering;
  const names = `{ ${tunnelInterfaces.map((name) => `"${name}"`).join(', ')} }`;
  const strangers = (['ipv4', 'ipv6'] as const).map((family) => {
    const prefixes = inside.filter((prefix) => familyOf(prefix) === family);
    const who =
      prefixes.length === 0 ? `meta nfproto ${family}` : `${word[family]} saddr != { ${prefixes.join(', ')} }`;
    return `iifname ${names} ct state new ${who} ct mark set ct mark or ${mark}`;
  });
  const answer = `ct direction reply ct mark & ${mark} == ${mark} meta mark set meta mark or ${mark}`;
  const datagrams = datagramRules(answering, names);
  return [
    ...(datagrams.length === 0
      ? []
      : chain('datagrams', 'type nat hook prerouting priority dstnat; policy accept;', datagrams)),
    ...chain('arriving', 'type filter hook prerouting priority mangle; policy accept;', [
      ...strangers,
      // What containers of this host answer passes through it.
      `iifname != ${names} ${answer}`,
    ]),
    ...chain('answering', 'type route hook output priority mangle; policy accept;', [answer]),
  ];
}

function chain(name: string, head: string, rules: readonly string[]): string[] {
  return [`\tchain ${name} {`, `\t\t${head}`, ...rules.map((rule) => `\t\t${rule}`), '\t}'];
}
