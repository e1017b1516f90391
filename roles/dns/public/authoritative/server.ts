import { type Host, type Inventory, LabError, packages, type ResourceTree, unit } from '../../../../src/index.ts';
import { parseAddress } from '../../../../src/model/ip-address.ts';
import { readRoleFile } from '../../../../src/shared/own-package.ts';
import { isIn } from '../names.ts';
import type { Authoritative } from '../params.ts';
import type { Provider } from '../provider.ts';
import { keyOf, type RecordSet } from '../record-set.ts';
import { publicAddressesOf } from '../records.ts';
import { toolPackages } from '../rfc2136.ts';
import { loopback, renderKnot } from './render.ts';
import { knot, localKey } from './resource.ts';

/** The key by which the host changes its own zones. */
export const keyFile = '/etc/lab/dns/local.key';

/**
 * A signing server on the host for its own zones: Knot, which answers strangers and takes updates from the host alone.
 *
 * @throws LabError ROLE_PARAMS without an address at which anybody could ask
 */
export function authoritativeServer(
  host: Host,
  zones: readonly string[],
  params: Authoritative,
  inventory: Inventory,
): ResourceTree {
  if (zones.length === 0) return [];
  const listen = params.listen ?? publicAddressesOf(host, inventory);
  if (listen.length === 0)
    throw new LabError('ROLE_PARAMS', `nobody could ask the DNS server of ${host.name}`, {
      path: ['params', 'dns', 'authoritative', 'listen'],
      host: host.name,
      expected: 'an address of the host on a network with public: true, or authoritative: { listen: […] }',
      found: 'none',
    });
  return [
    packages({ names: ['knot'], recommends: false }),
    toolPackages,
    localKey({ path: keyFile }),
    unit({ name: 'knot.service', enabled: true }),
    knot({
      config: renderKnot(zones, listen, params),
      zones: zones.map((name) => ({
        name,
        nameservers: nameserversOf(name, params),
        contact: `hostmaster.${name}.`,
      })),
    }),
  ];
}

/** Its own zones are changed like those of others, by updates. */
export function authoritative(): Provider {
  const { address, port } = loopback;
  return {
    primary: [address, String(port)],
    program: readRoleFile('dns/public/rfc2136.sh'),
    settings: [address, String(port)],
    secretFile: keyFile,
    needs: [],
  };
}

/** Records of the name servers of a zone that are this host, where nobody declared others. */
export function ownRecords(
  zone: string,
  wanted: readonly RecordSet[],
  host: Host,
  params: Authoritative,
  inventory: Inventory,
  ttl: number,
): RecordSet[] {
  const taken = new Set(wanted.map(({ name }) => name));
  const addresses = publicAddressesOf(host, inventory);
  return nameserversOf(zone, params)
    .filter((name) => isIn(name, zone) && !taken.has(name))
    .flatMap((name) =>
      (['A', 'AAAA'] as const).flatMap((type): RecordSet[] => {
        const values = addresses.filter((one) => (parseAddress(one)?.kind() === 'ipv6') === (type === 'AAAA')).sort();
        return values.length === 0 ? [] : [{ name, type, ttl, values }];
      }),
    )
    .sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

function nameserversOf(zone: string, { nameservers }: Authoritative): string[] {
  return nameservers ?? [`ns1.${zone}.`];
}
