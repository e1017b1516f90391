import { type Command, Option } from 'commander';
import { policyOf } from '../../roles/firewall/policy.ts';
import { type PolicyProblem, problemsOf } from '../../roles/firewall/problems.ts';
import { type Opening, openingsOf, type Party, partiesOf, throughPort } from '../../roles/firewall/reach.ts';
import type { Inventory } from '../model/types.ts';
import { drawReach } from '../report/reach-picture.ts';
import { reachLines, reachRecord } from '../report/reach-table.ts';
import { exitCodes, LabError } from '../shared/errors.ts';
import { suggestion } from '../shared/suggest.ts';
import { inventoryOf } from './open-hosts.ts';

interface Options {
  readonly inventory?: string;
  readonly output: 'plain' | 'json' | 'svg';
  readonly strict?: boolean;
}

/** `lab reach`: what the flows of the inventory come to, before anything is applied. */
export function register(program: Command): void {
  program
    .command('reach [from] [to]')
    .description('who can reach what, and by which flow')
    .option('-i, --inventory <file>', 'the inventory; default: that of this folder')
    .addOption(new Option('--output <form>', 'how to show it').choices(['plain', 'json', 'svg']).default('plain'))
    .option('--strict', 'exit code 2 when a flow is superfluous or can never match, or a service cannot be reached')
    .addHelpText(
      'after',
      `
FROM and TO are hosts, groups, devices, networks, services or internet; TO may have a port (nas:445, dns:53/udp). Nothing is
connected to: this is the policy as the role firewall compiles it, and lab verify shows whether the hosts hold it.
Exit codes: 0, or with a port 1 when it cannot be reached; 2 with --strict; 4 usage or inventory error.

Examples:
  lab reach
  lab reach internet
  lab reach phone nas:445
  lab reach --output svg > reach.svg
  lab reach --output json | jq -r '.openings[] | select(.from == "internet") | .to'`,
    )
    .action(async (from: string | undefined, to: string | undefined, options: Options) => {
      process.exitCode = await reach(from, to, options);
    });
}

async function reach(from: string | undefined, to: string | undefined, options: Options): Promise<number> {
  const { inventory } = await inventoryOf(options.inventory);
  const policy = policyOf(inventory);
  const target = to === undefined ? undefined : targetOf(to, inventory);
  const sources = from === undefined ? undefined : partiesNamed(from, inventory);
  const all = openingsOf(policy, inventory);
  const openings = throughTarget(all, target).filter((one) => sources === undefined || sources.has(one.from.name));
  const problems = from === undefined && to === undefined ? problemsOf(policy, inventory) : [];
  process.stdout.write(`${shown(openings, problems, inventory, options.output)}\n`);
  if (target?.port !== undefined && openings.length === 0) return exitCodes.hostFailed;
  return options.strict === true && problems.length > 0 ? exitCodes.changesFound : exitCodes.asDeclared;
}

function shown(
  openings: readonly Opening[],
  problems: readonly PolicyProblem[],
  inventory: Inventory,
  output: Options['output'],
): string {
  if (output === 'json') return JSON.stringify(reachRecord(openings, problems), null, 2);
  if (output === 'svg') return drawReach(openings, partiesOf(inventory));
  return reachLines(openings, problems).join('\n');
}

interface Target {
  readonly names: ReadonlySet<string>;
  readonly port: number | undefined;
  readonly protocol: 'tcp' | 'udp' | undefined;
}

function throughTarget(openings: readonly Opening[], target: Target | undefined): Opening[] {
  const there = openings.filter(({ to }) => target === undefined || target.names.has(to.name));
  return target?.port === undefined ? there : throughPort(there, target.port, target.protocol ?? 'tcp');
}

/** @throws LabError USAGE */
function targetOf(text: string, inventory: Inventory): Target {
  const [, name = text, digits, protocol] = /^(.+?)(?::(\d{1,5}))?(?:\/(tcp|udp))?$/.exec(text) ?? [];
  const service = inventory.services.get(name);
  const port = digits === undefined ? service?.port : Number(digits);
  if (port !== undefined && (port < 1 || port > 65535))
    throw new LabError('USAGE', `"${digits}" is no port`, { expected: '1 to 65535', found: digits });
  return {
    names: partiesNamed(name, inventory),
    port,
    protocol: (protocol as 'tcp' | 'udp' | undefined) ?? service?.protocol,
  };
}

/** @throws LabError USAGE */
function partiesNamed(name: string, inventory: Inventory): ReadonlySet<string> {
  const parties: readonly Party[] = partiesOf(inventory);
  if (name === 'all') return new Set(inventory.hosts.keys());
  const group = inventory.groups.get(name);
  if (group !== undefined) return new Set(group.hosts);
  const service = inventory.services.get(name);
  if (service !== undefined) return new Set([service.host]);
  if (parties.some((party) => party.name === name)) return new Set([name]);
  const known = [...parties.map((party) => party.name), ...inventory.groups.keys(), ...inventory.services.keys()];
  throw new LabError('USAGE', `the inventory has nobody called "${name}"`, {
    expected: 'a host, group, device, network or service, all, or internet',
    found: name,
    hint: suggestion(name, known),
  });
}
