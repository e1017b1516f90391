import { directory, type Inventory, LabError, type ResourceTree, type RoleContext } from '../../../src/index.ts';
import { authoritative, authoritativeServer, ownRecords } from './authoritative/server.ts';
import { cloudflare } from './cloudflare.ts';
import type { Authoritative, Zones } from './params.ts';
import type { Provider } from './provider.ts';
import { recordsOf } from './records.ts';
import { dnsRecords, ledgersFolder } from './resource.ts';
import { rfc2136, secretsFolder } from './rfc2136.ts';
import { dnsServers } from './servers.ts';
import { renderZone, zoneFile } from './zone-file.ts';

/** What of the role's parameters the public half reads. */
interface PublicParams {
  readonly zones: Zones;
  readonly authoritative: Authoritative;
}

/**
 * The public zones that a host publishes, as its parameters name them.
 *
 * @throws LabError ROLE_PARAMS
 */
export function publicZones({ host, params, inventory }: RoleContext<PublicParams>): ResourceTree {
  const names = Object.keys(params.zones);
  if (names.length === 0) return [];
  const all = [...new Set([...names, ...publishedBy(inventory, host.name, names)])];
  const signed = names.filter((name) => params.zones[name]?.provider.type === 'authoritative');
  return [
    directory({ path: '/etc/lab', mode: '0700' }),
    directory({ path: secretsFolder, mode: '0700' }),
    directory({ path: ledgersFolder, mode: '0700' }),
    authoritativeServer(host, signed, params.authoritative, inventory),
    Object.entries(params.zones).map(([name, zone]) => {
      const { massChange, agreeSeconds: seconds, provider, ttl } = zone;
      const named = recordsOf({ name, params: zone, all }, inventory);
      if (provider.type === 'file') {
        const { path, reload = null } = provider;
        return zoneFile({ zone: name, path, content: renderZone(name, ttl, named, provider), reload });
      }
      const own = signed.includes(name) ? ownRecords(name, named, host, params.authoritative, inventory, ttl) : [];
      const wanted = [...named, ...own];
      const { needs, primary, program, settings, secretFile } = providerOf(name, provider);
      const records = dnsRecords({ zone: name, wanted, program, settings, secretFile, massChange });
      return [
        needs,
        records,
        seconds > 0 && dnsServers({ zone: name, wanted, seconds, primary }, { runOn: [records] }),
      ];
    }),
  ];
}

function providerOf(zone: string, provider: Exclude<Zones[string]['provider'], { type: 'file' }>): Provider {
  if (provider.type === 'authoritative') return authoritative();
  return provider.type === 'cloudflare' ? cloudflare(zone, provider) : rfc2136(zone, provider);
}

/** Zones of other hosts. What is published from two hosts would be changed to and fro. */
function publishedBy(inventory: Inventory, self: string, own: readonly string[]): string[] {
  return [...inventory.hosts.values()].flatMap(({ name, params }) => {
    const zones = name === self ? undefined : params.get('dns')?.zones;
    const names = zones !== null && typeof zones === 'object' ? Object.keys(zones) : [];
    const both = names.find((zone) => own.includes(zone));
    if (both !== undefined)
      throw new LabError('ROLE_PARAMS', `the zone ${both} is published from two hosts`, {
        path: ['params', 'dns', 'zones', both],
        expected: 'one host: each would take away what the other has published',
        found: `${self} and ${name}`,
      });
    return names;
  });
}
