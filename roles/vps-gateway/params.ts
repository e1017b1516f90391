import { z } from '../../src/index.ts';

/** Parameters of the role vps-gateway; all are optional. */
export const params = z.strictObject({
  /** `absent` takes the gateway away; certificates and the account of the authority stay in `/var/lib/caddy`. */
  state: z.enum(['present', 'absent']).default('present'),
  /** Who signs the certificates, by ACME (RFC 8555). Default: Caddy's own choice, Let's Encrypt and ZeroSSL. */
  acme: z
    .strictObject({
      /** URL of the directory. */
      directory: z
        .string()
        .regex(/^https:\/\/[A-Za-z0-9.:[\]/_~-]+$/, {
          error: 'an https URL such as "https://ca.example/acme/directory"',
        })
        .optional(),
      /** Where the authority writes to when a certificate is about to end. */
      email: z
        .string()
        .regex(/^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+$/, { error: 'a mail address' })
        .optional(),
      /** Root certificate of an authority of one's own, for its directory and not for browsers: PEM, or a file of the project. */
      root: z
        .string()
        .regex(
          /^(-----BEGIN CERTIFICATE-----\r?\n[A-Za-z0-9+/=\r\n]+-----END CERTIFICATE-----\s*|[^\n-][^\n]*\.(pem|crt))$/,
          {
            error: 'a certificate beginning with "-----BEGIN CERTIFICATE-----", or a file such as "files/root.pem"',
          },
        )
        .optional(),
      /**
       * Domains with one certificate for all of their names (`example.dev` for `*.example.dev`), which the authority gives for a record
       * in the zone (RFC 8555, 8.4). The zone is one that the role dns publishes.
       */
      wildcards: z
        .array(
          z.string().regex(/^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, {
            error: 'a domain in lower case, without "*.": "example.dev"',
          }),
        )
        .default([]),
    })
    .prefault({}),
  /** Seconds for which browsers remember to come by TLS alone (RFC 6797); 0 leaves the header out. */
  hstsSeconds: z.int().min(0).max(63_072_000).default(31_536_000),
  /** Access log of the gateway; its files together are `maxSize` times `keep` at most. */
  log: z
    .strictObject({
      /** Of one file. */
      maxSize: z
        .string()
        .regex(/^[1-9]\d*MiB$/, { error: 'a size such as "20MiB"' })
        .default('20MiB'),
      /** How many are kept. */
      keep: z.int().min(1).max(1000).default(5),
    })
    .prefault({}),
  /** Connections whose TLS is passed on by name. */
  passthrough: z
    .strictObject({
      /** At most so many at a time, with those for names whose TLS ends here. */
      connections: z.int().min(10).max(1_000_000).default(4000),
      /** A connection that is silent for so long is ended. */
      idle: z
        .string()
        .regex(/^[1-9]\d*[smhd]$/, { error: 'a time such as "1h"' })
        .default('1h'),
    })
    .prefault({}),
  /** Addresses that fail too often to log in are shut out for a while (fail2ban); null leaves that out. */
  ban: z
    .strictObject({
      /** Failures within ten minutes. */
      failures: z.int().min(1).max(1000).default(10),
      /** For how long. */
      minutes: z.int().min(1).max(525_600).default(60),
    })
    .nullable()
    .default({ failures: 10, minutes: 60 }),
  /**
   * What `lab verify exposure` does not tell of this host: `egress`, that what it sends to the internet leaves by the home's line
   * although it offers public services.
   */
  accepted: z.array(z.enum(['egress'])).default([]),
});

export type Params = z.output<typeof params>;
