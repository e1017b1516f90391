import { Secret, z } from '../../../src/index.ts';
import { parseAddress } from '../../../src/model/ip-address.ts';
import { isName, ownerName } from './names.ts';
import { recordTypes } from './record-set.ts';
import { declaredValue } from './values.ts';

const secret = z.instanceof(Secret, { error: "has to be a secret: secret('…')" });
/** RFC 2181, 8; more than a week is nobody's wish. */
const ttl = z.int().min(1).max(604_800);
const server = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9.:-]*$|^::[0-9A-Fa-f:.]*$/, { error: 'an address or name of a DNS server' });
const port = z.int().min(1).max(65_535);

const absoluteName = z.string().refine((name) => isName(name) && name !== '.', {
  error: 'an absolute name in lower case, with a dot at its end: "ns1.example.dev."',
});

/** RFC 2136 with TSIG (RFC 8945): BIND, Knot, PowerDNS and many providers. */
const rfc2136 = z.strictObject({
  type: z.literal('rfc2136'),
  /** The primary server of the zone. */
  server,
  /** Of that server. */
  port: port.default(53),
  key: z.strictObject({
    /** Of the key, on the server. */
    name: z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,200}$/, { error: 'the name of a key, as the server has it' }),
    /** Of the key, on the server. */
    algorithm: z.enum(['hmac-sha256', 'hmac-sha384', 'hmac-sha512']).default('hmac-sha256'),
    /** In base64. */
    secret,
  }),
});

/** Version 4 of Cloudflare's API. */
const cloudflare = z.strictObject({
  type: z.literal('cloudflare'),
  /** With the permissions Zone:Read and DNS:Edit for this zone, and no more. */
  token: secret,
  /** Another address of it. */
  api: z
    .url({ protocol: /^https$/, error: 'an address that begins with https://' })
    .default('https://api.cloudflare.com/client/v4'),
  /** Certificates, in PEM, that are believed instead of those of the host. */
  ca: z.string().optional(),
});

/** The server that the role sets up on this host: Knot. */
const own = z.strictObject({ type: z.literal('authoritative') });

/** A zone file for a server that somebody else set up. All of the zone is in it. */
const asFile = z.strictObject({
  type: z.literal('file'),
  /** Where the zone file lies on this host. */
  path: z.string().regex(/^(\/[A-Za-z0-9._@-]+)+$/, { error: 'an absolute path' }),
  /** Those of the zone. */
  nameservers: z.array(absoluteName).min(1),
  /** Address of the person in charge, with a dot for the "@"; default `hostmaster.ZONE.` */
  contact: absoluteName.optional(),
  /** Makes the server read it: `['rndc', 'reload', 'example.dev']`. */
  reload: z.array(z.string().min(1)).min(1).optional(),
});

const record = z.strictObject({
  /** `@`, `mail`, or absolute with a dot at its end. */
  name: z.string().min(1),
  /** Of the record. */
  type: z.enum(recordTypes),
  /** As in a zone file; a TXT record is the text itself, without quotes, of any length. */
  value: z.string().min(1),
  /** Seconds that others keep it. Default: that of the zone. */
  ttl: ttl.optional(),
  /** It is meant that the world sees an address which is not of a public network. */
  private: z.boolean().default(false),
});

const zone = z.strictObject({
  /** Where the zone is kept. */
  provider: z.discriminatedUnion('type', [rfc2136, cloudflare, own, asFile]),
  /** Seconds that others keep an answer. */
  ttl: ttl.default(300),
  /** The name of the zone itself leads to the gateways. */
  apex: z.boolean().default(false),
  /** Names that nobody declared lead to the gateways as well. */
  wildcard: z.boolean().default(false),
  /** Records beside those of services; see [public zones](../../roles/dns/PUBLIC.md#what-is-in-a-zone). */
  records: z.array(record).default([]),
  /** Seconds that the name servers of the zone get to say the same after a change; 0 does not ask them. */
  agreeSeconds: z.int().min(0).max(3600).default(60),
  /** Let a run change or remove more than 30 % of ten or more record sets. */
  massChange: z.boolean().default(false),
});

const zoneName = z
  .string()
  .max(253)
  .regex(/^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, {
    error: 'the name of a zone, in lower case and without a dot at its end, such as "example.dev"',
  });

/** Zones that a host publishes, by name. */
export const zones = z.record(zoneName, zone).superRefine((all, context) => {
  for (const [name, { records }] of Object.entries(all))
    for (const [index, one] of records.entries()) {
      const problem = (key: 'name' | 'value' | 'type', message: string) =>
        context.addIssue({ code: 'custom', path: [name, 'records', index, key], message });
      const owner = ownerName(one.name, name);
      if ('problem' in owner) problem('name', owner.problem);
      const checked = declaredValue(one.type, one.value, name);
      if ('problem' in checked) problem('value', `the value of ${one.name} ${one.type} ${checked.problem}`);
    }
});

const address = z.string().refine((text) => parseAddress(text) !== undefined, { error: 'an address' });

/** The DNS server of this host, for zones with the provider `authoritative`. */
export const authoritative = z
  .strictObject({
    /** Names of the name servers of its zones; default `ns1.ZONE.`, which is this host. */
    nameservers: z.array(absoluteName).min(1).optional(),
    /** Default: the host's addresses on public networks. */
    listen: z.array(address).min(1).optional(),
    /** Whoever walks along the names of the zone sees hashes (RFC 5155). */
    nsec3: z.boolean().default(false),
    /** Answers of the same kind a second for one network of askers. */
    rateLimit: z.int().min(1).max(100_000).default(200),
  })
  .prefault({});

export type Authoritative = z.output<typeof authoritative>;
export type ZoneParams = z.output<typeof zone>;
export type Zones = z.output<typeof zones>;
export type DeclaredRecord = z.output<typeof record>;
export type ZoneFile = z.output<typeof asFile>;
export type Cloudflare = z.output<typeof cloudflare>;
export type Rfc2136 = z.output<typeof rfc2136>;
