import { publicAddressesOf } from '../../../../roles/dns/public/records.ts';
import type { Look } from '../../../../roles/vps-gateway/exposure/readings.ts';
import type { SecretsOfHome } from '../../../../roles/vps-gateway/exposure/secrets-of-home.ts';
import type { Host, Inventory } from '../../../model/types.ts';
import { LabError } from '../../../shared/errors.ts';
import { suggestion } from '../../../shared/suggest.ts';
import type { Connection } from '../../../transport/contract.ts';
import { reachHosts } from '../../endpoints.ts';
import { inventoryOf } from '../../open-hosts.ts';
import { withPasswords } from '../../passwords.ts';
import type { VerifyOptions } from '../../verify.ts';
import { hostVantage } from './host-vantage.ts';
import { here, isHereInside, type Vantage } from './vantage.ts';

/** From where what is looked at. */
export interface Vantages extends AsyncDisposable {
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
 * @throws LabError USAGE for a `--from` that is no host; as `connect`
 */
export async function vantagesOf(
  inventory: Inventory,
  hosts: readonly Host[],
  looks: ReadonlyMap<string, Look>,
  secrets: SecretsOfHome,
  options: VerifyOptions,
): Promise<Vantages> {
  const self = here();
  const isPublic = (host: Host) => publicAddressesOf(host, inventory).length > 0;
  const logins = hosts.filter(isPublic).flatMap(({ name }) => looks.get(name)?.login ?? []);
  const isAtHome = isHereInside(inventory) || logins.some((address) => secrets.whatIs(address) !== undefined);
  const from =
    options.from ?? (isAtHome ? hosts.find((host) => isPublic(host) && looks.has(host.name))?.name : undefined);
  const connection = from === undefined ? undefined : await connectionTo(from, inventory, options);
  const other = connection === undefined ? undefined : hostVantage(connection.connection, connection.host);
  return {
    outside: other ?? (isAtHome ? undefined : self),
    for: ({ name }) => (other === undefined || other.name === name ? self : other),
    isStranger: (vantage) => vantage !== self || !isAtHome,
    [Symbol.asyncDispose]: async () => connection?.connection[Symbol.asyncDispose](),
  };
}

async function connectionTo(
  name: string,
  inventory: Inventory,
  options: VerifyOptions,
): Promise<{ readonly host: Host; readonly connection: Connection }> {
  const declared = inventory.hosts.get(name);
  if (declared === undefined)
    throw new LabError('USAGE', `--from names no host: "${name}"`, {
      expected: 'a host of the inventory that is outside of the home',
      found: name,
      hint: suggestion(name, [...inventory.hosts.keys()]),
    });
  const { file } = await inventoryOf(options.inventory);
  const [host = declared] = await withPasswords([declared], options);
  const reach = await reachHosts(inventory, file, { accept: options.acceptNewHostKeys === true });
  return { host, connection: (await reach(host, 'any')).connection };
}
