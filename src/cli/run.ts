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
  list,
  type SelectOptions,
  type ShowOptions,
} from './run-options.ts';
import { runPlaybook } from './run-playbook.ts';

export type RunCommandOptions = SelectOptions &
  ConnectOptions &
  ShowOptions &
  LoadOptions &
  GuardOption & {
    readonly check?: boolean;
    readonly prune?: boolean;
    readonly maxAge?: string;
    readonly compromised?: readonly string[];
    readonly drain?: string;
    readonly abort?: boolean;
  };

export function register(program: Command): void {
  const command = program
    .command('run <playbook>')
    .description('bring hosts to the state that a playbook declares')
    .option('-c, --check', 'only say what would change; exit code 2 when something would')
    .option('--prune', 'remove what lab created and is no longer declared, restore what it only changed')
    .option('--max-age <time>', 'rotate-keys: rotate keys older than this, such as 30d; 0s is all')
    .option(
      '--compromised <hosts>',
      'rotate-keys: rotate all keys of these hosts, and destroy the old ones at once',
      list,
    )
    .option('--drain <time>', 'rotate-keys: how long old keys are still accepted; default 3m')
    .option('--abort', 'rotate-keys: take back what an interrupted rotation began');
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
  lab run rotate-keys.ts --check         which WireGuard keys are due, and each step
  lab run rotate-keys.ts --compromised nas
  lab run site.ts --prune --check        what would be removed or restored because nothing declares it any more`,
    )
    .action(async (playbook: string, options: RunCommandOptions) => {
      const result = await runPlaybook(playbook, {
        ...options,
        mode: options.check ? 'check' : 'run',
        guardSeconds: options.guardTimeout,
        given: givenOf(options),
      });
      process.exitCode = result.exitCode;
    });
}

/** Parameters that are for a procedure alone. */
export function givenOf({ maxAge, compromised, drain, abort }: RunCommandOptions): Readonly<Record<string, unknown>> {
  return { maxAge, compromised, drain, abort };
}
