import type { ExposureFinding } from './finding.ts';
import type { SecretsOfHome } from './secrets-of-home.ts';

/** By which way a host sends what it begins with the internet. */
export interface WayOut {
  readonly host: string;
  readonly family: 4 | 6;
  /** Of the host itself, or the bridge of containers. */
  readonly of: string;
  readonly by: 'tunnel' | 'line' | 'nothing';
  /** The interface of the way. */
  readonly device: string | null;
  /** What an address in the internet said that it came from; null where none was asked. */
  readonly seenAs: string | null;
}

/**
 * Hosts of public services whose requests (webhooks, previews of links, updates) leave by the home's line. What somebody outside
 * has seen counts before what the routes say. Pure.
 */
export function judgeWaysOut(
  ways: readonly WayOut[],
  gatewayAddresses: ReadonlySet<string>,
  secrets: SecretsOfHome,
): readonly ExposureFinding[] {
  return ways.flatMap(({ host, family, of, by, device, seenAs }): ExposureFinding[] => {
    const isLeak = seenAs === null ? by === 'line' : !gatewayAddresses.has(seenAs);
    if (!isLeak) return [];
    const known = secrets.lines.find((address) => address.includes(':') === (family === 6));
    return [
      {
        kind: 'egress',
        where: `${host}, IPv${family}, ${of}${device === null ? '' : `, by ${device}`}`,
        found: seenAs ?? known ?? 'the line of the home',
        tells: 'from which its webhooks, previews of links and updates leave, although it offers public services',
        stop: `params: { firewall: { internet: 'tunnel' } } for ${host} lets it leave through the gateway; params: { 'vps-gateway': { accepted: ['egress'] } } says that it may be so`,
      },
    ];
  });
}
