import { Argument, type Command, Option } from 'commander';

const shells = ['bash', 'zsh', 'fish'];

export function register(program: Command): void {
  program
    .command('completion')
    .addArgument(new Argument('<shell>', 'the shell that you use').choices(shells))
    .description('print a script that lets your shell complete commands, options, playbooks and hosts')
    .addOption(new Option('--command <name>', 'name that you call lab by').default('lab'))
    .addHelpText(
      'after',
      `
The script calls lab, which has to be found by that name (npm install --global, or node_modules/.bin in PATH). To
complete hosts, lab loads the inventory of the folder that you are in. bash needs the package bash-completion.

Examples:
  source <(lab completion bash)                                    in ~/.bashrc
  source <(lab completion zsh)                                     in ~/.zshrc
  lab completion fish > ~/.config/fish/completions/lab.fish        once`,
    )
    .action(async (shell: string, { command }: { command: string }) => {
      const { script } = await import('@bomb.sh/tab');
      process.stdout.write(repeatable(printedBy(() => script(shell, command, command))));
    });
}

/** The library prints and gives nothing back. */
function printedBy(print: () => void): string {
  const { log } = console;
  const lines: string[] = [];
  console.log = (line: string) => void lines.push(line);
  try {
    print();
  } finally {
    console.log = log;
  }
  return `${lines.join('\n')}\n`;
}

/** bash refuses to set a readonly variable again, even to the same value: when a start file is sourced a second time. */
function repeatable(script: string): string {
  return script.replaceAll(/^readonly (\w+)=/gm, (_, name: string) => `[[ -n \${${name}-} ]] || readonly ${name}=`);
}
