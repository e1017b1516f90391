import { showPorts } from '../../src/model/port-range.ts';
import { AddressSet, type Family, families, formatRange } from './address-set.ts';
import { cellsOf, disjoint, forwardCellsOf } from './cells.ts';
import type { HostRules, Rule } from './host-rules.ts';
import { oneLine } from './one-line.ts';
import type { Params } from './params.ts';
import type { Who } from './permit.ts';

/** The one table that is ours; what else is in the kernel is somebody else's, and stays. */
export const tableName = 'lab';

/** In the file of a gateway: whose way to the internet it is. */
export const carriesComment = '# Carries to the internet: ';

/** Bit of the connection mark of what may come in: port forwarding (DNAT) hides which port it came to. */
const mark = '0x01000000';

const keyword = { ipv4: 'ip', ipv6: 'ip6' } as const;
const addressType = { ipv4: 'ipv4_addr', ipv6: 'ipv6_addr' } as const;
const digit = { ipv4: '4', ipv6: '6' } as const;

/**
 * The rules of a host for nft(8), loaded as a whole or not at all. What a packet is held against are sets, whose lookup takes
 * the same time however many flows there are.
 *
 * @param sshPort where new connections from the internet are limited by `sshRate`
 */
export function renderNftables(rules: HostRules, params: Params, sshPort: number): string {
  return [
    '# Managed by lab (role firewall): loaded by lab-firewall, and a change here is lost with the next run.',
    ...(rules.carries.length === 0 ? [] : [`${carriesComment}${rules.carries.join(' ')}`]),
    `add table inet ${tableName}`,
    `delete table inet ${tableName}`,
    `table inet ${tableName} {`,
    ...setsOf(rules),
    ...chainsOf(rules, params, sshPort),
    '}',
    '',
  ].join('\n');
}

function setsOf(rules: HostRules): string[] {
  return [
    ...families.flatMap((family) => [
      ...set(`inside${digit[family]}`, addressType[family], rules.inside.format(family)),
      ...set(`known${digit[family]}`, addressType[family], rules.known.format(family)),
      ...set(`through_tunnel${digit[family]}`, addressType[family], rules.throughTunnel.format(family)),
    ]),
    ...set('tunnel_interfaces', 'ifname', rules.tunnelInterfaces.map(quoted)),
    ...[
      ...groupsOf('in', rules.input),
      ...groupsOf('out', rules.output),
      ...groupsOf('outward', rules.outward),
    ].flatMap(({ name, rules: here }) => directionSets(name, here)),
    ...families.flatMap((family) => forwardSets(family, rules)),
    ...families
      .flatMap((family) => [meter(`ssh${digit[family]}`, family), meter(`connections${digit[family]}`, family)])
      .flat(),
  ];
}

/** Rules that hold at the same addresses of this host. */
interface Group {
  /** Of its sets: `in`, `in_at1`, … */
  readonly name: string;
  readonly at: AddressSet | null;
  readonly rules: readonly Rule[];
}

/** Those that hold at every address first; they are always there. */
function groupsOf(name: string, rules: readonly Rule[]): Group[] {
  const parts = new Map<string, { readonly at: AddressSet; readonly rules: Rule[] }>();
  for (const rule of rules) {
    if (rule.at === null) continue;
    const part = parts.get(rule.at.key) ?? { at: rule.at, rules: [] };
    part.rules.push(rule);
    parts.set(rule.at.key, part);
  }
  return [
    { name, at: null, rules: rules.filter(({ at }) => at === null) },
    ...[...parts.values()].map((part, index) => ({ ...part, name: `${name}_at${index + 1}` })),
  ];
}

/** Who may talk on which port, and who on every port; certain addresses, the internet, anybody. */
function directionSets(name: string, rules: readonly Rule[]): string[] {
  const ports = (who: Who) =>
    cellsOf(
      rules.filter((rule) => rule.who === who).map((rule) => ({ ...rule, addresses: AddressSet.everything })),
    ).map(({ protocol, ports, comment }) => `${protocol} . ${showPorts(ports)}${commented(comment)}`);
  const certain = rules.filter(({ who }) => who === 'addresses');
  const cells = cellsOf(certain);
  const always = disjoint(certain.filter(({ protocol }) => protocol === 'any'));
  return [
    ...families.flatMap((family) => [
      ...set(
        `${name}${digit[family]}`,
        `${addressType[family]} . inet_proto . inet_service`,
        cells.flatMap(({ protocol, ports: here, addresses, comment }) =>
          addresses.format(family).map((range) => `${range} . ${protocol} . ${showPorts(here)}${commented(comment)}`),
        ),
      ),
      ...set(
        `${name}_any${digit[family]}`,
        addressType[family],
        always.flatMap(({ addresses, comment }) =>
          addresses.format(family).map((range) => `${range}${commented(comment)}`),
        ),
      ),
    ]),
    ...set(`${name}_internet`, 'inet_proto . inet_service', ports('internet')),
    ...set(`${name}_anyone`, 'inet_proto . inet_service', ports('anyone')),
  ];
}

function forwardSets(family: Family, { forward, passedOn }: HostRules): string[] {
  const always = forward.filter(({ protocol }) => protocol === 'any');
  return [
    ...set(
      `forward${digit[family]}`,
      `${addressType[family]} . ${addressType[family]} . inet_proto . inet_service`,
      forwardCellsOf(forward, family).flatMap(({ addresses, to, protocol, ports, comment }) =>
        addresses
          .format(family)
          .map(
            (range) => `${range} . ${formatRange(family, to)} . ${protocol} . ${showPorts(ports)}${commented(comment)}`,
          ),
      ),
    ),
    ...set(
      `forward_any${digit[family]}`,
      `${addressType[family]} . ${addressType[family]}`,
      forwardCellsOf(
        always.map((rule) => ({ ...rule, protocol: 'tcp', ports: [] })),
        family,
      ).flatMap(({ addresses, to, comment }) =>
        addresses.format(family).map((range) => `${range} . ${formatRange(family, to)}${commented(comment)}`),
      ),
    ),
    ...set(
      `passed_on${digit[family]}`,
      `${addressType[family]} . inet_proto . inet_service`,
      forwardCellsOf(
        passedOn.map((rule) => ({ ...rule, addresses: AddressSet.everything })),
        family,
      ).map(
        ({ to, protocol, ports, comment }) =>
          `${formatRange(family, to)} . ${protocol} . ${showPorts(ports)}${commented(comment)}`,
      ),
    ),
  ];
}

function chainsOf(rules: HostRules, params: Params, sshPort: number): string[] {
  const echo = ['icmp type echo-request accept', 'icmpv6 type echo-request accept'];
  return [
    ...chain('source', 'type filter hook prerouting priority raw; policy accept;', sourceChain(rules, params)),
    ...chain('published', 'type filter hook prerouting priority mangle; policy accept;', [
      ...jumps('may_come_in', groupsOf('in', rules.input), 'daddr').map(
        (jump) => `ct state new fib daddr type local ${jump}`,
      ),
    ]),
    ...groupChains('may_come_in', groupsOf('in', rules.input), 'saddr', `ct mark set ct mark or ${mark} return`),
    ...chain('input', 'type filter hook input priority filter; policy drop;', inputChain(rules, params)),
    ...chain('outside', null, outsideChain(params, sshPort)),
    ...groupChains('incoming', groupsOf('in', rules.input), 'saddr', 'accept'),
    ...groupChains('outgoing', groupsOf('out', rules.output), 'daddr', 'accept'),
    ...chain('errors', null, [
      'icmp type { destination-unreachable, time-exceeded, parameter-problem } accept',
      'icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } accept',
    ]),
    // Neighbours find each other (RFC 4861: only with the hop limit that no router leaves), and addresses are leased.
    ...chain('neighbours', null, [
      'icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, nd-router-advert } ip6 hoplimit 255 accept',
      'icmpv6 type { mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report } accept',
      'udp sport 67 udp dport 68 accept',
      'ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept',
    ]),
    ...chain('forward', 'type filter hook forward priority filter; policy drop;', [
      'iifname @tunnel_interfaces tcp flags syn tcp option maxseg size set rt mtu',
      'oifname @tunnel_interfaces tcp flags syn tcp option maxseg size set rt mtu',
      'ct state vmap { established : accept, related : accept, invalid : drop }',
      'jump errors',
      `ct status dnat ct mark & ${mark} == ${mark} accept`,
      ...families.map(
        (family) =>
          `ct status dnat ${keyword[family]} saddr != @inside${digit[family]} ${keyword[family]} daddr . meta l4proto . th dport @passed_on${digit[family]} accept`,
      ),
      'iifname @tunnel_interfaces jump from_tunnel',
      ...families.flatMap((family) => forwardLookups(family)),
      ...params.containers.map((name) => `iifname ${quoted(name)} jump from_containers`),
      'jump denied',
    ]),
    ...chain('from_tunnel', null, [
      ...echo.map((rule) => `oifname @tunnel_interfaces ${rule}`),
      `oifname != @tunnel_interfaces jump outward`,
    ]),
    ...chain('outward', null, [
      'ip daddr @known4 return',
      'ip6 daddr @known6 return',
      ...lookups('outward', 'saddr', rules.outward, 'accept'),
    ]),
    // What runs in containers may go where its host may; between those of one bridge their engine decides.
    ...chain('from_containers', null, [
      ...params.containers.map((name) => `oifname ${quoted(name)} accept`),
      ...echo,
      ...groupsOf('out', rules.output).map((_, index) => `jump ${groupChain('outgoing', index)}`),
    ]),
    ...(params.egress === 'open'
      ? []
      : chain('output', 'type filter hook output priority filter; policy drop;', [
          'ct state vmap { established : accept, related : accept, invalid : drop }',
          'oifname "lo" accept',
          'meta l4proto { icmp, ipv6-icmp } accept',
          'udp sport 68 udp dport 67 accept',
          'udp sport 546 udp dport 547 accept',
          ...jumps('outgoing', groupsOf('out', rules.output), 'saddr'),
          'jump denied',
        ])),
    ...natChain(rules),
    ...chain('denied', null, [
      ...(params.log ? ['limit rate 10/minute burst 20 packets log prefix "lab denied: "'] : []),
      'counter drop',
    ]),
  ];
}

/** Where a packet may come in that says it is from there. */
function sourceChain({ bound, wayOut }: HostRules, { reversePath }: Params): string[] {
  return [
    'iifname "lo" accept',
    'iifname @tunnel_interfaces accept',
    'ip saddr @through_tunnel4 counter drop',
    'ip6 saddr @through_tunnel6 counter drop',
    // Before it has an address, a host asks for one.
    'ip saddr 0.0.0.0 accept',
    'ip6 saddr { ::, fe80::/10 } accept',
    ...bound.flatMap(({ addresses, interfaces }) =>
      families.flatMap((family) => {
        const ranges = addresses.format(family);
        return ranges.length === 0
          ? []
          : [
              `${keyword[family]} saddr { ${ranges.join(', ')} } iifname != { ${interfaces.map(quoted).join(', ')} } counter drop`,
            ];
      }),
    ),
    // The way back to the tunnel's other end, and to routers in between, would lead through the tunnel.
    ...(reversePath && wayOut !== undefined
      ? [
          ...families.flatMap((family) => {
            const ranges = wayOut.dialled.format(family);
            const { first, last } = wayOut.ports;
            return ranges.length === 0
              ? []
              : [`${keyword[family]} saddr { ${ranges.join(', ')} } udp sport ${first}-${last} accept`];
          }),
          'icmp type { destination-unreachable, time-exceeded } accept',
          'icmpv6 type { destination-unreachable, packet-too-big, time-exceeded } accept',
        ]
      : []),
    ...(reversePath ? ['fib saddr . iif oif missing counter drop'] : []),
  ];
}

function inputChain({ input }: HostRules, { ping }: Params): string[] {
  const echoes = (condition: string) => [
    `${condition === '' ? '' : `ip ${condition}4 `}icmp type echo-request limit rate 100/second burst 200 packets accept`,
    `${condition === '' ? '' : `ip6 ${condition}6 `}icmpv6 type echo-request limit rate 100/second burst 200 packets accept`,
  ];
  return [
    'ct state vmap { established : accept, related : accept, invalid : drop }',
    'iifname "lo" accept',
    // A stream that nobody answers was let in once, and goes on. While rules are loaded the kernel may find a set empty for a moment:
    // new sets of intervals count from then on, and have their elements a little later (nf_tables_commit).
    `ct status confirmed ct mark & ${mark} == ${mark} accept`,
    'jump errors',
    'jump neighbours',
    ...(ping === 'none' ? [] : echoes(ping === 'all' ? '' : 'saddr @inside')),
    ...families.map((family) => `${keyword[family]} saddr != @inside${digit[family]} jump outside`),
    ...jumps('incoming', groupsOf('in', input), 'daddr'),
    'jump denied',
  ];
}

/** What one address of the internet may begin in a time, whatever it is allowed. */
function outsideChain({ sshRate, connectionRate }: Params, sshPort: number): string[] {
  const limited = (name: string, match: string, { rate, burst }: { rate: string; burst: number }) =>
    families.map(
      (family) =>
        `${match}update @${name}${digit[family]} { ${keyword[family]} saddr limit rate over ${rate} burst ${burst} packets } counter drop`,
    );
  return [
    ...(sshRate === null ? [] : limited('ssh', `tcp dport ${sshPort} ct state new `, sshRate)),
    ...(connectionRate === null ? [] : limited('connections', 'ct state new ', connectionRate)),
  ];
}

/** A chain for each group, with a look into each of its sets. */
function groupChains(name: string, groups: readonly Group[], other: 'saddr' | 'daddr', verdict: string): string[] {
  return groups.flatMap((group, index) =>
    chain(groupChain(name, index), null, lookups(group.name, other, group.rules, verdict)),
  );
}

function groupChain(name: string, index: number): string {
  return index === 0 ? name : `${name}_at${index}`;
}

/** @param own where a packet has this host's own address */
function jumps(name: string, groups: readonly Group[], own: 'saddr' | 'daddr'): string[] {
  return groups.flatMap(({ at }, index) => {
    const jump = `jump ${groupChain(name, index)}`;
    if (at === null) return [jump];
    return families.flatMap((family) => {
      const addresses = at.format(family);
      return addresses.length === 0 ? [] : [`${keyword[family]} ${own} { ${addresses.join(', ')} } ${jump}`];
    });
  });
}

/** A look into each of the sets that `directionSets` makes. */
function lookups(name: string, side: 'saddr' | 'daddr', rules: readonly Rule[], verdict: string): string[] {
  // Whoever comes from outside is not inside; who is reached outside is no host of the inventory either.
  const notInternet = side === 'saddr' ? 'inside' : 'known';
  const everyPort = rules.some(({ who, protocol }) => who === 'internet' && protocol === 'any');
  return [
    ...families.flatMap((family) => [
      `${keyword[family]} ${side} . meta l4proto . th dport @${name}${digit[family]} ${verdict}`,
      `${keyword[family]} ${side} @${name}_any${digit[family]} ${verdict}`,
      `${keyword[family]} ${side} != @${notInternet}${digit[family]} meta l4proto . th dport @${name}_internet ${verdict}`,
      ...(everyPort ? [`${keyword[family]} ${side} != @${notInternet}${digit[family]} ${verdict}`] : []),
    ]),
    `meta l4proto . th dport @${name}_anyone ${verdict}`,
  ];
}

function forwardLookups(family: Family): string[] {
  const pair = `${keyword[family]} saddr . ${keyword[family]} daddr`;
  return [
    `${pair} . meta l4proto . th dport @forward${digit[family]} accept`,
    `${pair} @forward_any${digit[family]} accept`,
  ];
}

/** What leaves the tunnel for the internet has this host's own address: `snat`, which a changing interface does not disturb. */
function natChain({ outward, publicAddresses }: HostRules): string[] {
  if (outward.length === 0 || publicAddresses.length === 0) return [];
  return chain('nat', 'type nat hook postrouting priority srcnat; policy accept;', [
    'oifname @tunnel_interfaces return',
    ...publicAddresses.map((address) => {
      const family: Family = address.includes(':') ? 'ipv6' : 'ipv4';
      const inside = `${keyword[family]} daddr != @known${digit[family]}`;
      return `${keyword[family]} saddr @through_tunnel${digit[family]} ${inside} snat ${keyword[family]} to ${address}`;
    }),
  ]);
}

function set(name: string, type: string, elements: readonly string[]): string[] {
  const flags = type === 'ifname' ? [] : ['\t\tflags interval'];
  const list = elements.length === 0 ? [] : [`\t\telements = {\n\t\t\t${elements.join(',\n\t\t\t')}\n\t\t}`];
  return [`\tset ${name} {`, `\t\ttype ${type}`, ...flags, ...list, '\t}'];
}

/** Remembers for a while how often an address has come. */
function meter(name: string, family: Family): string[] {
  return [
    `\tset ${name} {`,
    `\t\ttype ${addressType[family]}`,
    '\t\tflags dynamic,timeout',
    '\t\tsize 65535',
    '\t\ttimeout 5m',
    '\t}',
  ];
}

function chain(name: string, head: string | null, rules: readonly string[]): string[] {
  return [`\tchain ${name} {`, ...(head === null ? [] : [`\t\t${head}`]), ...rules.map((rule) => `\t\t${rule}`), '\t}'];
}

function quoted(text: string): string {
  return `"${text}"`;
}

/** What nft(8) takes between quotes: one line without quotes, and at most 127 bytes (libnftnl, NFTNL_UDATA_COMMENT_MAXLEN). */
export function commented(text: string): string {
  return ` comment "${oneLine(text, 123).replaceAll('"', "'")}"`;
}
