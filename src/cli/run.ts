import type { Command } from 'commander';
import {
  addConnectOptions,
  addGuardOption,
  addLoadOptions,
  addSelectOptions,
  addShowOptions,
  type ConnectOptions,
  type GuardOption,
  type LoadOptions,
  type SelectOptions,
  type ShowOptions,
} from './run-options.ts';
import { runPlaybook } from './run-playbook.ts';

type Options = SelectOptions &
  ConnectOptions &
  ShowOptions &
  LoadOptions &
  GuardOption & { readonly check?: boolean; readonly prune?: boolean };

export function register(program: Command): void {
  const command = program
    .command('run <playbook>')
    .description('bring hosts to the state that a playbook declares')
    .option('-c, --check', 'only say what would change; exit code 2 when something would')
    .option('--prune', 'remove what lab created and is no longer declared, restore what it only changed');
  addLoadOptions(addGuardOption(addShowOptions(addConnectOptions(addSelectOptions(command)))))
    .addHelpText(
      'after',
      `
The playbook is looked up in this folder, then in playbooks/.
Ctrl-C once stops every host after the step it is in; twice stops at once.
Exit codes: 0 as declared, 1 a host failed, 2 --check found changes, 3 a host unreachable, 4 usage or playbook error,
5 a host took changes back, because nobody could log in after them.

Examples:
  lab run site.ts                        bring all hosts to the declared state
  lab run site.ts --check --diff         what would change, and how
  lab run site.ts --limit 'home:!nas'    only the group home, without the host nas
  lab run site.ts --limit @failed        only the hosts that failed the last time
  lab run site.ts --prune --check        what would be removed or restored because nothing declares it any more`,
    )
    .action(async (playbook: string, options: Options) => {
      const result = await runPlaybook(playbook, {
        ...options,
        mode: options.check ? 'check' : 'run',
        guardSeconds: options.guardTimeout,
      });
      process.exitCode = result.exitCode;
    });
}
