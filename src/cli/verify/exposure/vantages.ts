import { publicAddressesOf } from '../../../../roles/dns/public/records.ts';
import type { Look } from '../../../../roles/vps-gateway/exposure/readings.ts';
import type { SecretsOfHome } from '../../../../roles/vps-gateway/exposure/secrets-of-home.ts';
import type { Host } from '../../../model/types.ts';
import type { KeptHosts } from '../../kept-hosts.ts';
import type { VerifyOptions } from '../../verify.ts';
import { hostVantage } from './host-vantage.ts';
import { here, isHereInside, type Vantage } from './vantage.ts';

/** From where what is looked at. */
export interface Vantages {
  /** For the home's line: a stranger to it. Undefined where there is none. */
  readonly outside: Vantage | undefined;
  /** For a public host: not that host itself, which its own rules let in. */
  for(host: Host): Vantage;
  /** Whether nobody who is asked from there sees the home's address. */
  isStranger(vantage: Vantage): boolean;
}

/**
 * `--from`, else this machine; where this one is at home, the first public host that could be asked.
 *
 * @throws LabError as connecting to it does
 */
export async function vantagesOf(
  kept: KeptHosts,
  looks: ReadonlyMap<string, Look>,
  secrets: SecretsOfHome,
  { from }: VerifyOptions,
): Promise<Vantages> {
  const { inventory, targets } = kept;
  const self = here();
  const isPublic = (host: Host) => publicAddressesOf(host, inventory).length > 0;
  const logins = targets.filter(isPublic).flatMap(({ name }) => looks.get(name)?.login ?? []);
  const isAtHome = isHereInside(inventory) || logins.some((address) => secrets.whatIs(address) !== undefined);
  const stranger = isAtHome ? targets.find((host) => isPublic(host) && looks.has(host.name)) : undefined;
  const host = from === undefined ? stranger : inventory.hosts.get(from);
  const other = host === undefined ? undefined : hostVantage(await kept.connectionTo(host), host);
  return {
    outside: other ?? (isAtHome ? undefined : self),
    for: ({ name }) => (other === undefined || other.name === name ? self : other),
    isStranger: (vantage) => vantage !== self || !isAtHome,
  };
}
