import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Inventory } from '../model/types.ts';

interface CommonOptions {
  readonly inventory?: string;
  readonly name: string;
}

/** `lab sandbox up|down|status|shell`: an inventory's hosts as containers. */
export function register(program: Command): void {
  const sandbox = program
    .command('sandbox')
    .enablePositionalOptions()
    .description("boot the inventory's hosts as containers, to try a playbook before it meets a real host")
    .addHelpText(
      'after',
      `
Examples:
  lab sandbox up                    boot every host of the inventory, and a client outside
  lab run site.ts --diff            bring them to the declared state
  lab sandbox shell nas             look at one
  lab sandbox shell internet curl -sv http://10.77.0.10
  lab sandbox down                  remove all of it`,
    );

  withCommon(sandbox.command('up'))
    .description('boot what is not up yet; what is up stays as it is')
    .addHelpText('after', '\nExample:\n  lab sandbox up --inventory inventory/index.ts')
    .action(up);

  withCommon(sandbox.command('status'))
    .description('show the hosts, their state and addresses, and whether sshd answers')
    .addOption(outputOption())
    .addHelpText('after', '\nExample:\n  lab sandbox status --output json')
    .action(status);

  withCommon(sandbox.command('down'))
    .description('remove the containers, volumes, networks and keys')
    .option('--image', 'remove the images as well; the next "up" builds them anew')
    .addHelpText('after', '\nExample:\n  lab sandbox down --image')
    .action(down);

  withName(sandbox.command('shell'))
    .description('open a shell in a host, past SSH; "internet" is the client outside')
    .argument('<host>', 'name of the host')
    .argument('[command...]', 'run this instead of a shell')
    .passThroughOptions()
    .addHelpText('after', '\nExample:\n  lab sandbox shell nas systemctl --failed')
    .action(shell);
}

function withCommon(command: Command): Command {
  return withName(command).option('-i, --inventory <file>', 'inventory instead of the one found from here upwards');
}

function withName(command: Command): Command {
  return command.addOption(
    new Option('--name <name>', 'name of the sandbox: containers are called NAME-HOST')
      .default('lab')
      .argParser(parseName),
  );
}

/** It becomes part of names of containers, networks and folders. */
function parseName(value: string): string {
  if (!/^[a-z0-9][a-z0-9-]{0,30}$/.test(value)) {
    throw new InvalidArgumentError('lower-case letters, digits and dashes are expected.');
  }
  return value;
}

function outputOption(): Option {
  return new Option('-o, --output <form>', 'how to show it').choices(['pretty', 'json']).default('pretty');
}

async function up(options: CommonOptions): Promise<void> {
  const { sandboxUp } = await import('../sandbox/up.ts');
  const { inventory, projectFolder } = await project(options);
  const progress = (message: string) => process.stderr.write(`${message}\n`);
  const { topology, made } = await sandboxUp({ inventory, projectFolder, sandbox: options.name, onProgress: progress });
  for (const host of topology.withoutAddress) progress(`${host} has no address on a network: not booted`);
  const { addressesOf } = await import('../sandbox/state-folder.ts');
  for (const machine of topology.hosts) print(`${machine.container.padEnd(16)} ${addressesOf(machine).join(' ')}`);
  print(made.length === 0 ? 'all was up' : 'the sandbox is up');
}

async function status(options: CommonOptions & { readonly output: 'pretty' | 'json' }): Promise<void> {
  const { sandboxStatus } = await import('../sandbox/status.ts');
  const machines = await sandboxStatus((await project(options)).inventory, options.name);
  if (options.output === 'json') {
    print(JSON.stringify({ version: 1, machines }, null, 2));
    return;
  }
  const rows = machines.map(({ name, container, state, addresses, ssh }) => [
    name,
    container,
    state,
    ssh === null ? '-' : ssh ? 'answers' : 'no answer',
    addresses.join(' '),
  ]);
  printTable([['HOST', 'CONTAINER', 'STATE', 'SSH', 'ADDRESSES'], ...rows]);
}

async function down(options: CommonOptions & { readonly image?: boolean }): Promise<void> {
  const { sandboxDown } = await import('../sandbox/down.ts');
  const removed = await sandboxDown({
    projectFolder: await folderOf(options),
    sandbox: options.name,
    images: options.image,
  });
  for (const name of removed) print(`removed ${name}`);
  if (removed.length === 0) print('there was no sandbox');
}

async function shell(host: string, command: readonly string[], options: { readonly name: string }): Promise<void> {
  const { sandboxShell } = await import('../sandbox/shell.ts');
  // `shell nas -- ls -l` as well as `shell nas ls -l`.
  const argv = command[0] === '--' ? command.slice(1) : command;
  process.exitCode = await sandboxShell(host, argv, options.name);
}

/** Also without an inventory that can be loaded there is something to remove. */
async function folderOf(options: CommonOptions): Promise<string> {
  const { findInventory } = await import('../model/load-inventory.ts');
  const { projectRoot } = await import('../model/project-root.ts');
  const { resolve } = await import('node:path');
  if (options.inventory !== undefined) return projectRoot(resolve(options.inventory));
  return await findInventory(process.cwd()).then(projectRoot, () => process.cwd());
}

async function project(options: CommonOptions): Promise<{ inventory: Inventory; projectFolder: string }> {
  const { findInventory, loadInventory } = await import('../model/load-inventory.ts');
  const { projectRoot } = await import('../model/project-root.ts');
  const { loadModule } = await import('../playbook/load-module.ts');
  const { Secret } = await import('../shared/secret.ts');
  const { resolve } = await import('node:path');
  const file = options.inventory === undefined ? await findInventory(process.cwd()) : resolve(options.inventory);
  // The sandbox logs in with a key of its own; no secret has to be opened for it.
  const resolveSecret = (path: string) => new Secret('', path);
  const inventory = await loadInventory(file, { importModule: loadModule, resolveSecret });
  return { inventory, projectFolder: projectRoot(file) };
}

function printTable(rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of rows)
    print(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
