import { AddressSet, families } from '../../firewall/address-set.ts';
import { isWithin } from './dns-name.ts';
import type { PrivateParams } from './params.ts';
import { byName, type NameRecord } from './records.ts';
import type { Resolver } from './resolvers.ts';

/** Seconds that others may keep our answers: short, as they change with the inventory. */
const ttl = 300;

const heading = '# Written by lab, role dns.';

/**
 * Where Unbound listens and whom it answers: what it takes up at a start alone. An address may come later than it does, as those
 * of tunnels do (`ip-freebind`).
 */
export function renderListening({ addresses, networks }: Resolver): string {
  const prefixes = AddressSet.of(networks.flatMap((network) => network.prefixes));
  return lines([
    heading,
    'server:',
    ...['127.0.0.1', '::1', ...addresses].map((address) => `  interface: ${address}`),
    '  ip-freebind: yes',
    '  access-control: 0.0.0.0/0 refuse',
    '  access-control: ::/0 refuse',
    '  access-control: 127.0.0.0/8 allow',
    '  access-control: ::1/128 allow',
    ...families.flatMap((family) => prefixes.prefixes(family).map((prefix) => `  access-control: ${prefix} allow`)),
  ]);
}

/**
 * Addresses that no name of the internet has any business to lead to (DNS rebinding): private ones (RFC 1918, 4193, 6598), link-local
 * ones, loopback, and IPv4 mapped into IPv6.
 */
const privateAddresses = [
  ...['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '169.254.0.0/16', '127.0.0.0/8', '0.0.0.0/8'],
  ...['fc00::/7', 'fe80::/10', '::1/128', '::/128', '::ffff:0:0/96'],
];

/** The rest of the configuration (unbound.conf(5)); a reload takes it up. */
export function renderNames(records: readonly NameRecord[], params: PrivateParams): string {
  const { upstreams, stubs } = params;
  const others = [...upstreams.map(({ address }) => address), ...Object.values(stubs).flat()];
  const asksItself = others.some((address) => address.startsWith('127.') || /^::1(@|$)/.test(address));
  const local = [...new Set([params.domain, ...records.map(({ name }) => name)])].filter((name) =>
    isWithin(name, 'local'),
  );
  return lines([
    heading,
    ...(local.length === 0 ? [] : [`# ${localWarning(local)}`]),
    'server:',
    ...settings,
    ...(asksItself ? ['  do-not-query-localhost: no'] : []),
    ...privateAddresses.map((prefix) => `  private-address: ${prefix}`),
    ...params.privateDomains.map((name) => `  private-domain: "${name}"`),
    ...params.trustAnchors.map((anchor) => `  trust-anchor: "${anchor}"`),
    ...Object.keys(stubs).flatMap(ofStubZone),
    '',
    ...ownDomain(records, params),
    '',
    ...otherNames(records, params),
    ...Object.entries(stubs).flatMap(([zone, servers]) => [
      '',
      'stub-zone:',
      `  name: "${zone}"`,
      ...servers.map((address) => `  stub-addr: ${address}`),
    ]),
    ...forwarding(upstreams),
  ]);
}

/** What breaks with names that are resolved by multicast elsewhere (RFC 6762, 3). */
export function localWarning(names: readonly string[]): string {
  const [first] = names;
  return `${first}${names.length > 1 ? ` and ${names.length - 1} more` : ''}: "local" belongs to mDNS (RFC 6762). Where mdns4_minimal is in nsswitch.conf, and on Apple and Android, such names are not asked here.`;
}

const settings = [
  // Without Debian's subnetcache, which is for servers that answer by where one is, and keeps the rest from working with it.
  '  module-config: "validator iterator"',
  // Tells strangers nothing, and others no more than they need (RFC 9156).
  ...[
    '  hide-identity: yes',
    '  hide-version: yes',
    '  qname-minimisation: yes',
    '  minimal-responses: yes',
    '  deny-any: yes',
  ],
  // What is proven not to be is not asked for (RFC 8198), and what is signed has to be.
  ...['  aggressive-nsec: yes', '  harden-glue: yes', '  harden-dnssec-stripped: yes', '  harden-below-nxdomain: yes'],
  ...['  harden-large-queries: yes', '  harden-short-bufsize: yes', '  unwanted-reply-threshold: 10000000'],
  // No fragments (RFC 9715).
  '  edns-buffer-size: 1232',
  // Names go on while the internet does not; what is asked often is asked for again before it ends (RFC 8767).
  ...['  prefetch: yes', '  prefetch-key: yes', '  serve-expired: yes', '  serve-expired-ttl: 86400'],
  ...['  serve-expired-client-timeout: 1800', '  cache-max-ttl: 86400', '  cache-max-negative-ttl: 600'],
  ...['  msg-cache-size: 16m', '  rrset-cache-size: 32m', '  key-cache-size: 8m', '  neg-cache-size: 4m'],
  // Questions a second: of one client, and to the servers of one zone.
  ...['  ip-ratelimit: 1000', '  ratelimit: 1000'],
  '  tls-cert-bundle: "/etc/ssl/certs/ca-certificates.crt"',
];

function ofStubZone(zone: string): string[] {
  return [
    // Some zones are empty by themselves (RFC 6303); this one is not.
    `  local-zone: "${zone}." transparent`,
    `  domain-insecure: "${zone}"`,
    `  private-domain: "${zone}"`,
  ];
}

/**
 * What is not declared does not exist, and nobody outside is asked for it. Where the domain is one of the internet, as the public name
 * of a service says, its other names are asked for there.
 */
function ownDomain(records: readonly NameRecord[], { domain }: PrivateParams): string[] {
  const mine = records.filter(({ name }) => isWithin(name, domain));
  const isInternet = mine.some(({ isPublic }) => isPublic);
  const authority = [
    `  local-data: '${domain}. ${ttl} IN SOA localhost. nobody.invalid. 1 3600 1200 604800 ${ttl}'`,
    `  local-data: '${domain}. ${ttl} IN NS localhost.'`,
  ];
  return [
    `  local-zone: "${domain}." ${isInternet ? 'transparent' : 'static'}`,
    ...(isInternet ? [] : authority),
    ...mine.flatMap(ofRecord),
  ];
}

/**
 * Names elsewhere are answered alone: for a type that one does not have there is no answer (and not the public one), and other names
 * of its domain are asked for as ever.
 */
function otherNames(records: readonly NameRecord[], { domain }: PrivateParams): string[] {
  return [...byName(records.filter(({ name }) => !isWithin(name, domain)))].flatMap(([name, all]) => [
    // Addresses have no zone of their own: what is not ours stays empty, or is asked for, as it is by default.
    ...(all[0].type === 'PTR' || all[0].type === 'CNAME' ? [] : [`  local-zone: "${name}." transparent`]),
    ...all.flatMap(ofRecord),
  ]);
}

function ofRecord({ name, type, value }: NameRecord): string[] {
  const data = `  local-data: '${name}. ${ttl} IN ${type} ${zoneText(type, value)}'`;
  // Elsewhere an alias is not followed.
  return type === 'CNAME' ? [`  local-zone: "${name}." redirect`, data] : [data];
}

/** As in a zone file, where a quote would end what it stands in. */
function zoneText(type: NameRecord['type'], value: string): string {
  switch (type) {
    case 'TXT':
      return (value.match(/.{1,255}/gs) ?? []).map((part) => `"${escaped(part)}"`).join(' ');
    case 'CAA':
      return value.replaceAll("'", '\\039');
    case 'A':
    case 'AAAA':
      return value;
    default:
      return `${value}.`;
  }
}

function escaped(text: string): string {
  return text.replaceAll(
    /[^A-Za-z0-9 =:;.,_+/@*()<>!?-]/g,
    (sign) => `\\${String(sign.charCodeAt(0)).padStart(3, '0')}`,
  );
}

function forwarding(upstreams: PrivateParams['upstreams']): string[] {
  // A zone is asked for with TLS or without.
  const [first] = upstreams;
  if (first === undefined) return [];
  return [
    '',
    'forward-zone:',
    '  name: "."',
    `  forward-tls-upstream: ${first.tls ? 'yes' : 'no'}`,
    ...upstreams.map(({ address, port, name, tls }) =>
      tls ? `  forward-addr: ${address}@${port ?? 853}#${name}` : `  forward-addr: ${address}@${port ?? 53}`,
    ),
  ];
}

/** Names that do not exist, in a file of their own: lists are long. */
export function renderBlocked(names: readonly string[]): string {
  return lines([heading, 'server:', ...names.map((name) => `  local-zone: "${name}." always_nxdomain`)]);
}

function lines(all: readonly string[]): string {
  return `${all.join('\n')}\n`;
}
