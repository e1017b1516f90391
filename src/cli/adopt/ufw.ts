import { adoptUfw } from '../../adopt/ufw/compile.ts';
import { lookForUfw } from '../../adopt/ufw/look.ts';
import { FactLoader } from '../../remote/facts/loader.ts';
import { type ExitCode, exitCodes } from '../../shared/errors.ts';
import type { AdoptOptions } from '../adopt.ts';
import { inventoryOf, onHosts } from '../open-hosts.ts';
import { hasEntries, showAdoption } from './show.ts';

/** `lab adopt ufw` */
export async function adoptUfwRules(options: AdoptOptions): Promise<ExitCode> {
  const { inventory } = await inventoryOf(options.inventory);
  const patterns = options.limit.length > 0 ? options.limit : ['all'];
  const outcomes = await onHosts(patterns, options, (session, { name }) => lookForUfw(new FactLoader(session), name));
  const errors = outcomes.flatMap(({ error }) => error ?? []);
  const found = outcomes.flatMap(({ value }) => value ?? []);
  const adoption = adoptUfw(found, inventory);
  const next = hasEntries(adoption.entries)
    ? 'put the entries into the inventory: lab reach shows what they come to, and lab run with the role firewall writes them'
    : 'the inventory has a flow for every rule that can be one';
  const rest =
    "the rules of before stay in ufw, before the role's own; ufw delete takes those away that a flow repeats";
  await showAdoption({ ...adoption, differences: [], next: found.length === 0 ? [] : [next, rest] }, errors, options);
  if (errors.some(({ exitCode }) => exitCode === exitCodes.hostUnreachable)) return exitCodes.hostUnreachable;
  return found.length === 0 ? exitCodes.hostFailed : exitCodes.asDeclared;
}
