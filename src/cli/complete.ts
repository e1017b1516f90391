import type { OptionHandler, RootCommand } from '@bomb.sh/tab';
import { Command } from 'commander';

/** The shells paste what they get into a command line, and bash expands it: other names are not offered. */
const safeName = /^[\w@][\w.@/-]*$/;
const playbookNames = new Set(['playbook']);
const hostNames = new Set(['host', 'hosts', 'limit', 'on', 'compromised']);
const deviceNames = new Set(['device']);

type Commands = Readonly<Record<string, () => Promise<{ register(program: Command): void }>>>;

/** The command that answers completion scripts; it knows all others. */
export function completing(commands: Commands): { register(program: Command): void } {
  return { register: (program) => register(program, commands) };
}

function register(program: Command, commands: Commands): void {
  program
    .command('complete', { hidden: true })
    .description('answers the completion scripts: what can follow these words')
    .argument('[words...]')
    .allowUnknownOption()
    .addHelpText('after', "\nExample:\n  lab complete -- run ''")
    .action(async (words: string[]) => {
      // What else runs while completing must not write between the answers.
      const print = console.log;
      console.log = console.error;
      const root = await describeCommands(commands);
      const [playbooks, { hosts, devices }] = await Promise.all([
        existingPlaybooks(),
        words.length > 1 ? existingNames() : nobody,
      ]);
      console.log = print;
      offer(root, playbookNames, playbooks);
      offer(root, hostNames, hosts);
      offer(root, deviceNames, devices);
      offer(root, new Set(['when']), ['hourly', 'daily', 'weekly', 'monthly']);
      root.parse(words);
    });
}

/** All commands and options, as the completion library wants them. */
async function describeCommands(commands: Commands): Promise<RootCommand> {
  const [{ default: root }, { default: describe }] = await Promise.all([
    import('@bomb.sh/tab'),
    import('@bomb.sh/tab/commander'),
  ]);
  const all = new Command('lab')
    .enablePositionalOptions()
    .option('--debug', 'show the stack of an unexpected error')
    .option('-V, --version');
  for (const [name, load] of Object.entries(commands)) {
    if (name !== 'complete') (await load()).register(all);
  }
  describe(all, { completionCommandName: 'describe-completion' });
  root.commands.delete('describe-completion');
  return root;
}

/** Puts values where an argument or option of one of these names stands. */
function offer(root: RootCommand, names: ReadonlySet<string>, values: readonly string[]): void {
  const handler: OptionHandler = (complete) => {
    for (const value of values) complete(value, '');
  };
  for (const command of root.commands.values()) {
    for (const argument of command.arguments.values()) {
      if (names.has(argument.name)) argument.handler = handler as never;
    }
    for (const option of command.options.values()) {
      if (names.has(option.value) && option.isBoolean !== true) option.handler = handler;
    }
  }
}

async function existingPlaybooks(): Promise<string[]> {
  const { listPlaybooks } = await import('../playbook/find.ts');
  return listPlaybooks(process.cwd()).filter((name) => safeName.test(name));
}

interface Names {
  /** Groups as well. */
  readonly hosts: readonly string[];
  readonly devices: readonly string[];
}

const nobody: Names = { hosts: [], devices: [] };

/** Who is in this folder's inventory; nobody when it has none that can be loaded. */
async function existingNames(): Promise<Names> {
  try {
    const [{ findInventory, loadInventory }, { loadModule }, { usePlaceholders }] = await Promise.all([
      import('../model/load-inventory.ts'),
      import('../playbook/load-module.ts'),
      import('../secrets/secret.ts'),
    ]);
    using _ = usePlaceholders();
    const file = await findInventory(process.cwd());
    const inventory = await loadInventory(file, { importModule: loadModule });
    const safe = (names: readonly string[]) => names.filter((name) => safeName.test(name));
    return {
      hosts: safe(['all', ...inventory.hosts.keys(), ...inventory.groups.keys()]),
      devices: safe([...inventory.devices.keys()]),
    };
  } catch {
    return nobody;
  }
}
