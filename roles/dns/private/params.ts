import { z } from '../../../src/index.ts';
import { parseAddress } from '../../../src/model/ip-address.ts';
import { isDnsName } from './dns-name.ts';

const dnsName = z
  .string()
  .refine(isDnsName, { error: 'a DNS name in lower case without a dot at the end, such as "home.arpa"' });
/** Names of a reverse zone and the root have the same form. */
const zoneName = dnsName;
const address = z
  .string()
  .refine((text) => parseAddress(text) !== undefined, { error: 'an address such as "9.9.9.9"' });
const port = z.int().min(1).max(65535);
const visible = /^[\x20-\x7e]*$/;

const upstream = z
  .strictObject({
    /** Of the server that is asked. */
    address,
    /** Default 853, without TLS 53. */
    port: port.optional(),
    /** The name in its certificate. Needed with TLS: without it anybody could answer in its place. */
    name: dnsName.optional(),
    /** DNS over TLS (RFC 7858). */
    tls: z.boolean().default(true),
  })
  .refine(({ tls, name }) => !tls || name !== undefined, {
    error: 'with TLS the name in its certificate is needed: name: "dns.quad9.net" (or tls: false)',
    path: ['name'],
  });

const record = z
  .strictObject({
    /** Without a domain (`printer`, `_sip._tcp`) it stands below the own one. */
    name: dnsName,
    /** Of the record. */
    type: z.enum(['A', 'AAAA', 'CNAME', 'MX', 'SRV', 'TXT', 'CAA']),
    /** As in a zone file, names without a dot at the end. */
    value: z.string().min(1).max(2000).regex(visible, { error: 'visible ASCII characters' }),
  })
  .superRefine(({ type, value }, context) => {
    const expected = problemOfValue(type, value);
    if (expected !== undefined)
      context.addIssue({ code: 'custom', path: ['value'], message: `the value of ${type} is ${expected}` });
  });

function problemOfValue(type: string, value: string): string | undefined {
  const words = value.split(' ');
  const numbers = (count: number) =>
    words.slice(0, count).every((word) => /^(0|[1-9]\d{0,4})$/.test(word) && Number(word) <= 65535);
  switch (type) {
    case 'A':
      return parseAddress(value)?.kind() === 'ipv4' ? undefined : 'an IPv4 address';
    case 'AAAA':
      return parseAddress(value)?.kind() === 'ipv6' ? undefined : 'an IPv6 address';
    case 'CNAME':
      return isDnsName(value) ? undefined : 'a DNS name in lower case without a dot at the end';
    case 'MX':
      return words.length === 2 && numbers(1) && isDnsName(words[1] ?? '')
        ? undefined
        : 'a preference and a name, such as "10 mail.example.dev"';
    case 'SRV':
      return words.length === 4 && numbers(3) && isDnsName(words[3] ?? '')
        ? undefined
        : 'priority, weight, port and a name, such as "0 5 5060 sip.home.arpa"';
    case 'CAA':
      return /^(0|128) (issue|issuewild|iodef) "[^"\\]*"$/.test(value)
        ? undefined
        : 'flags, tag and value, such as \'0 issue "letsencrypt.org"\'';
    default:
      return undefined;
  }
}

/** `example.dev. IN DS 12345 13 2 …`, as dig(1) prints a DS or DNSKEY record. */
const trustAnchor = z
  .string()
  .regex(/^[a-z0-9_.-]+\.?( \d+)?( IN)? (DS( \d+){3}( [0-9A-Fa-f]+)+|DNSKEY( \d+){3}( [A-Za-z0-9+/=]+)+)$/, {
    error: 'a DS or DNSKEY record such as "example.dev. IN DS 12345 13 2 49FD46E6…"',
  });

/** Parameters of the private half: names that are answered inside. All are optional; without `resolvers` nothing is done. */
export const privateParams = {
  /** Hosts that resolve names for all of them; two, so that one may be down. Belongs in the inventory, as the role firewall reads it too. */
  resolvers: z.array(z.string()).default([]),
  /** Networks of the inventory that are answered. Default: those that the resolver is on and that are not public. */
  networks: z.array(z.string()).optional(),
  /** Where hosts and devices have their names. */
  domain: dnsName.default('home.arpa'),
  /** Zone → servers that are asked for it: `{ 'cluster.local': ['10.43.0.10'] }`. A port may follow: `10.43.0.10@1053`. */
  stubs: z
    .record(
      zoneName,
      z
        .array(
          z.string().refine(
            (text) => {
              const [host = '', at, ...rest] = text.split('@');
              return (
                parseAddress(host) !== undefined &&
                rest.length === 0 &&
                (at === undefined || port.safeParse(Number(at)).success)
              );
            },
            { error: 'an address such as "10.43.0.10", or "10.43.0.10@1053"' },
          ),
        )
        .min(1),
    )
    .default({}),
  /** Servers that are asked for all else. Default: none, the resolvers ask the internet themselves, from the root on. */
  upstreams: z.array(upstream).default([]),
  /** Names that do not exist, with all below them. */
  blocked: z.array(dnsName).default([]),
  /** Files of the project with more of them, one a line or as in hosts(5); relative to the folder that holds the inventory. */
  blockLists: z.array(z.string().min(1)).default([]),
  /** Further names. */
  records: z.array(record).default([]),
  /** Keys of signed zones that the root does not lead to (RFC 4033); the root's own comes with Debian. */
  trustAnchors: z.array(trustAnchor).default([]),
  /** Domains whose public names may have addresses of private networks; of all others such answers are dropped. */
  privateDomains: z.array(dnsName).default([]),
  /** For what this host asks the resolvers: everything, only private names (where systemd-resolved is), or nothing. */
  clients: z.enum(['all', 'domain', 'none']).default('all'),
  /** Whether the name servers that a host had before are asked when none of the resolvers answers. */
  fallback: z.enum(['previous', 'none']).default('previous'),
} as const;

const shape = z.strictObject(privateParams);

export type PrivateParams = z.output<typeof shape>;
export const privateParamsSchema = shape;
