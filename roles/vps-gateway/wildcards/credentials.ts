import { type Host, type Inventory, LabError, type Secret, secretText } from '../../../src/index.ts';
import { loopback } from '../../dns/public/authoritative/render.ts';
import { type Zones, zones } from '../../dns/public/params.ts';

/** How the records of a domain are changed, as variables of lego (go-acme.github.io/lego/dns). */
export type Credentials = Readonly<Record<string, string | Secret>>;

const localKeyFile = '/etc/lab/dns/local.key';

/**
 * Between the record for `*.example.dev` and that for `example.dev` lego would wait a minute, for authorities that ask a resolver: it has
 * forgotten the first after a second.
 */
const atOnce = { RFC2136_SEQUENCE_INTERVAL: '5', RFC2136_TTL: '1' };

/**
 * By whom the zone that holds a domain is published, in the parameters of the role dns of any host.
 *
 * @throws LabError PLAN_IMPOSSIBLE when nobody publishes it, or in a way that takes no records of a moment
 */
export function credentialsFor(domain: string, host: Host, inventory: Inventory): Credentials {
  const published = [...inventory.hosts.values()].flatMap(({ name, params }) =>
    Object.entries(zonesIn(params.get('dns')?.zones)).map(([zone, { provider }]) => ({ zone, provider, by: name })),
  );
  const holding = published
    .filter(({ zone }) => domain === zone || domain.endsWith(`.${zone}`))
    .sort((a, b) => b.zone.length - a.zone.length)[0];
  const problem = (expected: string, found: string) =>
    new LabError('PLAN_IMPOSSIBLE', `${host.name} cannot have a certificate for *.${domain}`, {
      at: inventory.source,
      path: ['params', 'vps-gateway', 'acme', 'wildcards'],
      expected,
      found,
    });
  if (holding === undefined)
    throw problem(
      'a zone that holds it, published by the role dns: its provider takes the record that proves who asks',
      published.length === 0 ? 'no zone' : published.map(({ zone }) => zone).join(', '),
    );
  const { provider, zone, by } = holding;
  switch (provider.type) {
    case 'rfc2136': {
      const server = provider.server.includes(':') ? `[${provider.server}]` : provider.server;
      return {
        LAB_ACME_PROVIDER: 'rfc2136',
        LAB_ACME_RESOLVER: `${server}:${provider.port}`,
        RFC2136_NAMESERVER: `${server}:${provider.port}`,
        ...atOnce,
        RFC2136_TSIG_KEY: provider.key.name,
        RFC2136_TSIG_ALGORITHM: `${provider.key.algorithm}.`,
        RFC2136_TSIG_SECRET: provider.key.secret,
      };
    }
    case 'cloudflare':
      return { LAB_ACME_PROVIDER: 'cloudflare', CF_DNS_API_TOKEN: provider.token };
    case 'authoritative':
      if (by !== host.name)
        throw problem(`the gateway that serves the zone ${zone} itself, whose key never leaves it`, `${by} serves it`);
      return {
        LAB_ACME_PROVIDER: 'rfc2136',
        LAB_ACME_RESOLVER: `${loopback.address}:${loopback.port}`,
        LAB_ACME_ALONE: 'yes',
        LAB_ACME_KEY_FILE: localKeyFile,
        RFC2136_NAMESERVER: `${loopback.address}:${loopback.port}`,
        ...atOnce,
        RFC2136_TSIG_KEY: 'lab-local',
        RFC2136_TSIG_ALGORITHM: 'hmac-sha256.',
      };
    case 'file':
      throw problem(
        'a provider that takes changes of a moment: rfc2136, cloudflare or authoritative',
        `${zone} is a file`,
      );
  }
}

/** What is wrong with them is told by the role dns itself. */
function zonesIn(given: unknown): Zones {
  const parsed = zones.safeParse(given ?? {});
  return parsed.success ? parsed.data : {};
}

/** A file of variables for systemd.exec(5), each value in quotes in which nothing has a meaning. */
export function environmentFile(variables: Credentials): Secret {
  const lines = Object.entries(variables).map(([name, value]) => secretText`${name}='${value}'\n`);
  return lines.reduce((all, line) => secretText`${all}${line}`);
}
