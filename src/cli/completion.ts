import { type Command, Option } from 'commander';
import { LabError } from '../shared/errors.ts';
import { suggestion } from '../shared/suggest.ts';

const shells = ['bash', 'zsh', 'fish'];

export function register(program: Command): void {
  program
    .command('completion')
    .argument('<shell>', shells.join(', '))
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
      if (!shells.includes(shell)) {
        throw new LabError('USAGE', `there is no completion for "${shell}"`, {
          expected: shells.join(', '),
          found: shell,
          hint: suggestion(shell, shells),
        });
      }
      const { script } = await import('@bomb.sh/tab');
      script(shell, command, command);
    });
}
