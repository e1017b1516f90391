import { adoptTunnels } from '../../adopt/wireguard/compile.ts';
import { lookForTunnels } from '../../adopt/wireguard/look.ts';
import { FactLoader } from '../../remote/facts/loader.ts';
import { type ExitCode, exitCodes } from '../../shared/errors.ts';
import type { AdoptOptions } from '../adopt.ts';
import { inventoryOf, onHosts } from '../open-hosts.ts';
import { showAdoption } from './show.ts';

/** `lab adopt wireguard` */
export async function adoptWireguard(options: AdoptOptions): Promise<ExitCode> {
  const { inventory } = await inventoryOf(options.inventory);
  const patterns = options.limit.length > 0 ? options.limit : ['all'];
  const outcomes = await onHosts(patterns, options, (session, { name }) =>
    lookForTunnels(new FactLoader(session), name),
  );
  const errors = outcomes.flatMap(({ error }) => error ?? []);
  const adopted = adoptTunnels(
    outcomes.flatMap(({ value }) => value ?? []),
    inventory,
    options.interface,
  );
  await showAdoption({ ...adopted, next: nextSteps(adopted) }, errors, options);
  return errors.length > 0 ? exitCodes.hostUnreachable : exitCodes.asDeclared;
}

function nextSteps({ entries, differences }: ReturnType<typeof adoptTunnels>): string[] {
  const isNew = Object.values(entries).some((section) => Object.keys(section ?? {}).length > 0);
  if (isNew) return ['put the entries into the inventory, and run this again: it compares then'];
  const same =
    differences.length === 0 ? 'the inventory says exactly what is there' : 'the inventory has a place for all of it';
  return [`${same}; lab adopt wireguard --apply takes it over, or lab run of a playbook with the role wireguard`];
}
