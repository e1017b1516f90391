import { type ExposureFinding, withoutRepeats } from './finding.ts';
import type { PublicRecord } from './names.ts';
import { type SecretsOfHome, tellsOf } from './secrets-of-home.ts';

const stopRecord =
  'delete it where the zone is kept, or let it lead to the gateway; resolvers keep it until its TTL is over, and archives of old records for good: a new address of the line ends that';

/**
 * Records that show what nobody outside is to know. Pure.
 *
 * @param meant `photos.example.dev A` of those that the inventory says are meant
 */
export function judgeRecords(
  records: readonly PublicRecord[],
  secrets: SecretsOfHome,
  meant: ReadonlySet<string>,
): readonly ExposureFinding[] {
  const findings = records.flatMap(({ name, type, value, via }): ExposureFinding[] => {
    if (meant.has(`${name} ${type}`) || (via !== null && meant.has(via))) return [];
    const where = `${name} ${type}${via === null ? '' : ` (by ${via})`}`;
    const told = secrets.in(value).map((leak): ExposureFinding => {
      return { kind: 'record', where, found: leak.found, tells: tellsOf(leak), stop: stopRecord };
    });
    // RFC 7208, 5.6: networks in plain text.
    const networks = [...value.matchAll(/\bip[46]:([0-9a-fA-F.:]+\/\d+)/gi)].flatMap(([, prefix = '']) =>
      type === 'TXT' && secrets.isHomeIn(prefix) ? [prefix] : [],
    );
    return [
      ...told,
      ...networks.map((found): ExposureFinding => {
        return { kind: 'record', where, found, tells: "a network with the home's address", stop: stopRecord };
      }),
    ];
  });
  return withoutRepeats(findings);
}

/** A configuration that names where a tunnel is dialled. */
export interface ConfiguredEndpoint {
  /** `nas /etc/wireguard/wg0.conf` */
  readonly where: string;
  /** `203.0.113.7:51820`, `home.example.net:51820` */
  readonly endpoint: string;
  /** Addresses of a name, in the public DNS. */
  readonly resolved: readonly string[];
}

/** Endpoints of tunnels: only what is public may be dialled. Pure. */
export function judgeEndpoints(
  endpoints: readonly ConfiguredEndpoint[],
  secrets: SecretsOfHome,
): readonly ExposureFinding[] {
  const stop = 'let the home dial a gateway, and give no Endpoint for it anywhere: the role wireguard does so';
  return withoutRepeats(
    endpoints.flatMap(({ where, endpoint, resolved }): ExposureFinding[] => {
      const direct = secrets.in(endpoint).filter(({ what }) => what === 'home');
      if (direct.length > 0)
        return direct.map((leak) => ({ kind: 'endpoint', where, found: endpoint, tells: tellsOf(leak), stop }));
      const leads = resolved.find((address) => secrets.whatIs(address) === 'home');
      if (leads === undefined) return [];
      return [
        { kind: 'endpoint', where, found: endpoint, tells: `a name that leads to the home's address ${leads}`, stop },
      ];
    }),
  );
}
