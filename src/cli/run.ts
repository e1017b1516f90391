import type { Command } from 'commander';
import { exitCodes, LabError } from '../shared/errors.ts';
import { askPasswords } from './passwords.ts';
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
    readonly verify?: boolean;
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
    .option('--verify', 'prove afterwards that the hosts hold what the inventory says, as "lab verify" does')
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
5 a host took changes back, because nobody could log in after them. With --verify, those of "lab verify" after a run that was 0.

Examples:
  lab run site.ts                        bring all hosts to the declared state
  lab run site.ts --verify               the same, and then the proof, from inside and outside
  lab run site.ts --check --diff         what would change, and how
  lab run site.ts --limit 'home:!nas'    only the group home, without the host nas
  lab run site.ts --limit @failed        only the hosts that failed the last time
  lab run rotate-keys.ts --check         which WireGuard keys are due, and each step
  lab run rotate-keys.ts --compromised nas
  lab run site.ts --prune --check        what would be removed or restored because nothing declares it any more`,
    )
    .action(async (playbook: string, options: RunCommandOptions) => {
      refuseVerify(options);
      const passwords = await askPasswords(options);
      const result = await runPlaybook(playbook, {
        ...options,
        passwords,
        mode: options.check ? 'check' : 'run',
        guardSeconds: options.guardTimeout,
        given: givenOf(options),
      });
      process.exitCode = result.exitCode;
      if (!options.verify || result.exitCode !== exitCodes.asDeclared) return;
      const { verifyAfterRun } = await import('./verify/after-run.ts');
      // A procedure tells no hosts, and declares nothing that could drift.
      const limit = result.hosts.map(({ host }) => host);
      process.exitCode = await verifyAfterRun({
        ...options,
        passwords,
        output: 'plain',
        limit,
        ...(limit.length > 0 && { playbook }),
      });
    });
}

/**
 * A check changes nothing that could be proven; JSON is the events of a run, and the report of a verification another document.
 *
 * @throws LabError USAGE
 */
function refuseVerify({ verify, check, output }: RunCommandOptions): void {
  if (!verify || (!check && output !== 'json')) return;
  throw new LabError('USAGE', `--verify does not go with ${check ? '--check' : '--output json'}`, {
    expected: check ? 'a run' : '--output pretty or plain',
    hint: `"lab verify${check ? '' : ' --output json'}" looks at the hosts as they are`,
  });
}

/** Parameters that are for a procedure alone. */
export function givenOf({ maxAge, compromised, drain, abort }: RunCommandOptions): Readonly<Record<string, unknown>> {
  return { maxAge, compromised, drain, abort };
}
