import { type Command, Option } from 'commander';
import { projectRoot } from '../model/project-root.ts';
import type { Host, Inventory } from '../model/types.ts';
import { visibleLine } from '../report/visible.ts';
import { findProject } from '../secrets/paths.ts';
import { asLabError, exitCodes, type LabError } from '../shared/errors.ts';
import { bad, type Finding, good, warning } from './doctor/finding.ts';
import { examineHost, type HostFindings } from './doctor/host.ts';
import { keyFindings, knownHostsFindings } from './doctor/keys.ts';
import { programFindings } from './doctor/programs.ts';
import { folderFindings, lockFindings } from './doctor/project.ts';
import { lockOf } from './host-keys.ts';
import { inventoryOf, onHosts } from './open-hosts.ts';
import { addConnectOptions, type ConnectOptions } from './run-options.ts';

type Options = ConnectOptions & { readonly inventory?: string; readonly output: 'plain' | 'json' };

export function register(program: Command): void {
  const command = program
    .command('doctor [hosts]')
    .description('is this machine, and each host, fit for lab? Says why not, and what to do')
    .option('-i, --inventory <file>', 'the inventory; default: that of this folder')
    .addOption(new Option('--output <form>', 'how to show it').choices(['plain', 'json']).default('plain'));
  addConnectOptions(command)
    .addHelpText(
      'after',
      `
Here: Node, SSH client and agent, keys, age identity, lock file, known_hosts, types, versions, clock, what git ignores.
On each host: the way to root, disks, packages, clock, names, routes, firewalls, WireGuard, locks, failed units, large packets.
Nothing is changed. Exit code 1 when something has to be mended.

Examples:
  lab doctor
  lab doctor nas
  lab doctor --output json | jq -r '.hosts[][] | select(.level == "bad") | .remedy'`,
    )
    .action(async (hosts: string | undefined, options: Options) => {
      const { controller, found } = await examine(hosts ?? 'all', options);
      if (options.output === 'json') process.stdout.write(`${jsonOf(controller, found)}\n`);
      else process.stdout.write([['this machine', controller] as const, ...found].map(textOf).join(''));
      const all = [controller, ...found.values()].flat();
      process.exitCode = all.some(({ level }) => level === 'bad') ? exitCodes.hostFailed : exitCodes.asDeclared;
    });
}

interface Examined {
  readonly controller: readonly Finding[];
  readonly found: ReadonlyMap<string, readonly Finding[]>;
}

async function examine(hosts: string, options: Options): Promise<Examined> {
  const controller = await programFindings();
  let loaded: Awaited<ReturnType<typeof inventoryOf>>;
  try {
    loaded = await inventoryOf(options.inventory);
  } catch (thrown) {
    controller.push(...(await folderOf(options)), inventoryFinding(asLabError(thrown)));
    return { controller, found: new Map() };
  }
  const { inventory, file } = loaded;
  const { hosts: declared, services } = inventory;
  controller.push(good('inventory', `${file}: ${declared.size} hosts, ${services.size} services`));
  const root = projectRoot(inventory.source?.file ?? file);
  controller.push(
    ...(await folderFindings(root)),
    ...(await lockFindings(inventory, file)),
    ...(await keyFindings(inventory)),
  );
  const lock = await lockOf(inventory, file).catch(() => undefined); // already among the findings
  if (lock === undefined) return { controller, found: new Map() };
  controller.push(...(await knownHostsFindings(inventory, lock)));
  const outcomes = await onHosts([hosts], options, (session, host) =>
    examineHost(session, host, isInTunnel(host, inventory)),
  );
  controller.push(...ownClock(outcomes.flatMap(({ value }) => value ?? [])));
  const found = outcomes.map(
    ({ host, value, error }) => [host.name, value?.findings ?? (error ? [unreached(error)] : [])] as const,
  );
  return { controller, found: new Map(found) };
}

/** The findings of a project whose inventory does not load. */
async function folderOf({ inventory }: Options): Promise<Finding[]> {
  try {
    return await folderFindings(inventory === undefined ? findProject(process.cwd()) : projectRoot(inventory));
  } catch {
    return [];
  }
}

function inventoryFinding({ message, details }: LabError): Finding {
  return bad(
    'inventory',
    message,
    'without an inventory there is no host to look at',
    details.hint ?? 'lab init writes an example to begin with',
  );
}

/** An error on the way to a host, with what was found there. */
function unreached({ code, message, details }: LabError): Finding {
  const { found, output, hint } = details;
  const why = [found, output].flatMap((text) => (text === undefined || text === '' ? [] : [String(text)]));
  return bad(
    code.toLowerCase().replaceAll('_', '-'),
    message,
    why.join('; ') || 'nothing can be done there before it is reached',
    hint ?? 'ssh -v to the host tells more',
  );
}

function isInTunnel(host: Host, { networks }: Inventory): boolean {
  return [...host.addresses.keys()].some((name) => networks.get(name)?.tunnel === true);
}

const mostSkewSeconds = 30;

/** When all hosts agree against this machine, it is this one that is wrong. */
function ownClock(outcomes: readonly HostFindings[]): Finding[] {
  const skews = outcomes.map(({ skewSeconds }) => skewSeconds);
  const [one = 0] = skews;
  const agree = skews.length > 1 && skews.every((skew) => Math.abs(skew - one) < mostSkewSeconds);
  if (!agree || Math.abs(one) <= mostSkewSeconds) return [];
  return [
    warning(
      'own-clock',
      `the clock of this machine is ${Math.abs(one)} s ${one > 0 ? 'behind' : 'ahead of'} that of all hosts`,
      'certificates and the ages of keys are judged by it',
      'timedatectl set-ntp true',
    ),
  ];
}

function jsonOf(controller: readonly Finding[], found: Examined['found']): string {
  return JSON.stringify({ version: 1, controller, hosts: Object.fromEntries(found) });
}

function textOf([title, findings]: readonly [string, readonly Finding[]]): string {
  const marks = { good: '✔', warning: '!', bad: '✖' };
  const lines = findings.map(({ level, text, reason, remedy }) =>
    [
      `  ${marks[level]} ${visibleLine(text)}`,
      ...(reason === null ? [] : [`      ${visibleLine(reason)}`]),
      ...(remedy === null ? [] : [`      → ${visibleLine(remedy)}`]),
    ]
      .map((line) => `${line}\n`)
      .join(''),
  );
  return `${title}\n${lines.join('')}`;
}
