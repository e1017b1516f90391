import { relative, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { findInventory, loadInventory } from '../model/load-inventory.ts';
import type { DocumentPath } from '../model/problems.ts';
import type { Host, Inventory, Provenance } from '../model/types.ts';
import { loadModule } from '../playbook/load-module.ts';
import { usePlaceholders } from '../secrets/secret.ts';
import type { SourceLocation } from '../shared/errors.ts';

interface Options {
  readonly inventory?: string;
  readonly host?: string;
  readonly graph?: 'tree' | 'mermaid';
  readonly output: 'pretty' | 'json';
}

/** `lab inventory`: what is declared, how it hangs together, and where a host's values come from. */
export function register(program: Command): void {
  program
    .command('inventory')
    .description('list hosts, groups, devices, networks, services and flows')
    .option('-i, --inventory <file>', 'inventory instead of the one found from here upwards')
    .option('--host <pattern>', 'the resolved settings and parameters of these hosts, and where each was declared')
    .addOption(
      new Option('--graph [form]', 'draw groups, hosts, services and flows')
        .choices(['tree', 'mermaid'])
        .preset('tree')
        .conflicts(['host', 'output']),
    )
    .addOption(new Option('--output <form>', 'how to show it').choices(['pretty', 'json']).default('pretty'))
    .addHelpText(
      'after',
      `
Nothing is connected to, and secrets are not opened.

Examples:
  lab inventory
  lab inventory --host nas            every value of nas, with file and line
  lab inventory --graph
  lab inventory --graph=mermaid       for a README
  lab inventory --output json | jq '.hosts[].name'`,
    )
    .action(show);
}

async function show(options: Options): Promise<void> {
  const inventory = await load(options.inventory);
  const lines = await (options.output === 'json' ? asJson(inventory, options) : asText(inventory, options));
  process.stdout.write(`${lines.join('\n')}\n`);
}

async function load(file: string | undefined): Promise<Inventory> {
  using _ = usePlaceholders();
  const path = file === undefined ? await findInventory(process.cwd()) : resolve(file);
  return await loadInventory(path, { importModule: loadModule });
}

async function asText(inventory: Inventory, { host, graph }: Options): Promise<string[]> {
  if (graph !== undefined) {
    const { drawTree, drawMermaid } = await import('../report/inventory-graph.ts');
    return graph === 'mermaid' ? drawMermaid(inventory) : drawTree(inventory);
  }
  const { hostLines, inventoryLines } = await import('../report/inventory-tables.ts');
  if (host === undefined) return inventoryLines(inventory);
  const where = await locator(inventory);
  const { connectionOf, paramsOf } = await import('../report/inventory-record.ts');
  const shownFile = (file: string): string => relative(process.cwd(), file);
  return (await select(inventory, host)).flatMap((selected, index) => {
    const values = { connection: connectionOf(selected, where), params: paramsOf(selected, where) };
    return [...(index === 0 ? [] : ['']), ...hostLines(selected, values, shownFile)];
  });
}

async function asJson(inventory: Inventory, { host }: Options): Promise<string[]> {
  const { hostRecord, inventoryRecord } = await import('../report/inventory-record.ts');
  const where = await locator(inventory);
  const record =
    host === undefined
      ? inventoryRecord(inventory)
      : { version: 1, hosts: (await select(inventory, host)).map((selected) => hostRecord(selected, where)) };
  return [JSON.stringify(record, null, 2)];
}

async function select(inventory: Inventory, pattern: string): Promise<Host[]> {
  const { selectHosts } = await import('../model/select-hosts.ts');
  return selectHosts(inventory, pattern);
}

/** YAML knows its lines; those of TypeScript are found by parsing the file. */
async function locator(inventory: Inventory): Promise<(provenance: Provenance) => SourceLocation | undefined> {
  const isTypeScript = /\.[cm]?[jt]s$/.test(inventory.source?.file ?? '');
  if (!isTypeScript) return (provenance) => provenance.at;
  const { locateInTypeScript } = await import('../model/locate-in-typescript.ts');
  return ({ path = [] }: { path?: DocumentPath | undefined }) => locateInTypeScript(inventory.source, path);
}
