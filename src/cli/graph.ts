import { extname, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { findInventory, loadInventory } from '../model/load-inventory.ts';
import type { Inventory } from '../model/types.ts';
import { loadModule } from '../playbook/load-module.ts';
import { usePlaceholders } from '../secrets/secret.ts';
import { writeWhole } from '../secrets/write-whole.ts';
import { LabError } from '../shared/errors.ts';

interface Options {
  readonly inventory?: string;
  readonly format?: 'svg' | 'html';
  readonly out?: string;
}

/** `lab graph`: the homelab as a picture, or as a page with the picture and tables. */
export function register(program: Command): void {
  program
    .command('graph')
    .description('the homelab as a picture: networks, hosts, services, public names, tunnels and flows')
    .option('-i, --inventory <file>', 'inventory instead of the one found from here upwards')
    .addOption(
      new Option('--format <form>', 'a picture, or a page; default: as the name of the file ends, else svg').choices([
        'svg',
        'html',
      ]),
    )
    .option('-o, --out <file>', 'where to write it; default: standard output')
    .addHelpText(
      'after',
      `
Nothing is connected to, and secrets are not opened. The page is a single file with the picture and tables: a click on a host
leaves what has to do with it. Neither loads anything from anywhere. Addresses and reasons are in them: publish them with care.
Exit codes: 0, 4 usage or inventory error.

Examples:
  lab graph -o homelab.html
  lab graph > homelab.svg
  lab graph -i inventory/cabin.yml --format html -o /var/www/lan/index.html`,
    )
    .action(graph);
}

async function graph({ inventory: file, format, out }: Options): Promise<void> {
  const asPage = (format ?? formatOf(out)) === 'html';
  const { graphOf } = await import('../report/graph/graph.ts');
  const model = graphOf(await load(file));
  const text = asPage
    ? (await import('../report/graph/page.ts')).drawPage(model)
    : (await import('../report/graph/svg.ts')).drawGraph(model);
  for (const problem of model.tunnels.problems) process.stderr.write(`no tunnel is drawn: ${problem}\n`);
  if (out === undefined) process.stdout.write(text);
  else await write(out, text);
}

function formatOf(file: string | undefined): 'svg' | 'html' {
  return file !== undefined && /^\.x?html?$/i.test(extname(file)) ? 'html' : 'svg';
}

async function load(file: string | undefined): Promise<Inventory> {
  using _ = usePlaceholders();
  const path = file === undefined ? await findInventory(process.cwd()) : resolve(file);
  return await loadInventory(path, { importModule: loadModule });
}

/** @throws LabError USAGE */
async function write(file: string, text: string): Promise<void> {
  try {
    await writeWhole(file, text, 0o644);
  } catch (cause) {
    throw new LabError('USAGE', `the picture cannot be written to ${file}`, {
      expected: 'a file in a folder that is there and can be written to',
      found: (cause as Error).message,
      cause,
    });
  }
  process.stderr.write(`wrote ${file}\n`);
}
