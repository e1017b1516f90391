import { adoptCaddy } from '../../adopt/caddy/compile.ts';
import { lookForCaddy } from '../../adopt/caddy/look.ts';
import { FactLoader } from '../../remote/facts/loader.ts';
import { type ExitCode, exitCodes } from '../../shared/errors.ts';
import type { AdoptOptions } from '../adopt.ts';
import { inventoryOf, onHosts } from '../open-hosts.ts';
import { hasEntries, showAdoption } from './show.ts';

/** `lab adopt caddy` */
export async function adoptCaddySites(options: AdoptOptions): Promise<ExitCode> {
  const { inventory } = await inventoryOf(options.inventory);
  const patterns = options.limit.length > 0 ? options.limit : ['all'];
  const outcomes = await onHosts(patterns, options, (session, { name }) => lookForCaddy(new FactLoader(session), name));
  const errors = outcomes.flatMap(({ error }) => error ?? []);
  const found = outcomes.flatMap(({ value }) => value ?? []);
  const adoption = adoptCaddy(found, inventory);
  const next = hasEntries(adoption.entries)
    ? 'put the entries into the inventory: lab run with the role vps-gateway writes the Caddyfile anew, and --check --diff shows it before'
    : 'the inventory has a service for every site that can be one';
  const rest = 'certificates and the account in /var/lib/caddy stay; what is left out is answered with 404 then';
  await showAdoption({ ...adoption, differences: [], next: found.length === 0 ? [] : [next, rest] }, errors, options);
  if (errors.some(({ exitCode }) => exitCode === exitCodes.hostUnreachable)) return exitCodes.hostUnreachable;
  return found.length === 0 ? exitCodes.hostFailed : exitCodes.asDeclared;
}
