import { insideOf } from '../../../../roles/firewall/policy.ts';
import type { ConfiguredEndpoint } from '../../../../roles/vps-gateway/exposure/judge-addresses.ts';
import { homeLogins } from '../../../../roles/vps-gateway/exposure/names.ts';
import { hostOfEndpoint, type Look } from '../../../../roles/vps-gateway/exposure/readings.ts';
import type { HomeAddress } from '../../../../roles/vps-gateway/exposure/secrets-of-home.ts';
import { parseAddress } from '../../../model/ip-address.ts';
import type { Inventory } from '../../../model/types.ts';
import type { PublicDns } from './public-dns.ts';

/** Where `lab` logs in to hosts at home over the internet. */
export async function homesOfLogins(inventory: Inventory, dns: PublicDns): Promise<HomeAddress[]> {
  const inside = insideOf(inventory);
  const found = await Promise.all(
    homeLogins(inventory).map(async (login) => {
      const isAddress = parseAddress(login) !== undefined;
      const types = login.includes('.') && !isAddress ? (['A', 'AAAA'] as const) : [];
      const addresses = isAddress ? [login] : (await Promise.all(types.map((type) => dns.ask(login, type)))).flat();
      return addresses.flatMap((address): HomeAddress[] =>
        address === null || inside.has(address) ? [] : [{ address, from: `lab logs in at ${login}` }],
      );
    }),
  );
  return found.flat();
}

/** Endpoints in the files of hosts, with the addresses that names among them lead to. */
export async function resolveEndpoints(
  looks: ReadonlyMap<string, Look>,
  dns: PublicDns,
): Promise<ConfiguredEndpoint[]> {
  const configured = [...looks].flatMap(([host, look]) => look.configured.map((one) => ({ host, ...one })));
  return Promise.all(
    configured.map(async ({ host, file, endpoint }) => {
      const name = hostOfEndpoint(endpoint);
      const isName = parseAddress(name) === undefined && name.includes('.');
      const resolved = isName ? await Promise.all([dns.ask(name, 'A'), dns.ask(name, 'AAAA')]) : [];
      return { where: `${host} ${file}`, endpoint, resolved: resolved.flatMap((one) => one ?? []) };
    }),
  );
}
