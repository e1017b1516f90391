import type { Command } from 'commander';
import { rollback } from '../runner/rollback.ts';
import { LabError } from '../shared/errors.ts';
import { type OperateOptions, operate } from './operate.ts';
import {
  addConnectOptions,
  addGuardOption,
  addLimitOption,
  addShowOptions,
  count,
  type GuardOption,
} from './run-options.ts';

type Options = OperateOptions &
  GuardOption & {
    readonly run?: string;
    readonly steps?: number;
    readonly check?: boolean;
    readonly force?: boolean;
  };

export function register(program: Command): void {
  const command = program
    .command('rollback [role]')
    .description('take back what a role, or a whole run, changed')
    .option('-i, --inventory <file>', 'the inventory; default: that of this folder')
    .option('-r, --run <run>', 'what this run changed; "lab history" lists them')
    .option('-n, --steps <n>', 'the last n runs that changed the role; default 1', count)
    .option('-c, --check', 'only say what would be put back; exit code 2 when something would')
    .option('--force', 'overwrite what was changed since');
  addGuardOption(addShowOptions(addConnectOptions(addLimitOption(command))))
    .addHelpText(
      'after',
      `
Everything comes from the journals of the hosts: no playbook is needed, and any controller can do it. Contents, modes,
owners, links, packages, units, users, groups and sysctls are put back as they were. What was changed since is shown, and
nothing is done without --force. A rollback is a run of its own: to take it back, name it with --run.
Exit codes: 0 rolled back, 1 a host failed or refused, 2 --check found something to put back, 3 a host unreachable,
4 nothing to roll back, 5 a host took the rollback back, because nobody could log in after it.

Examples:
  lab rollback web --check --diff        what a rollback of the role web would put back
  lab rollback web --limit vps           the last run that changed the role web, on one host
  lab rollback web --steps 2             the last two
  lab rollback --run 20261123T190205Z-5f3a9c`,
    )
    .action(async (role: string | undefined, options: Options) => {
      if (role === undefined && options.run === undefined)
        throw new LabError('USAGE', 'nothing says what to roll back', {
          expected: 'a role, or --run RUN',
          hint: '"lab history" lists the runs and the roles that each changed',
        });
      if (options.run !== undefined && options.steps !== undefined)
        throw new LabError('USAGE', '--run and --steps exclude each other', { expected: 'one of them' });
      const result = await operate(options, (operation) =>
        rollback({
          ...operation,
          selection: { role, run: options.run, steps: options.steps },
          check: options.check === true,
          force: options.force === true,
          guardSeconds: options.guardTimeout,
        }),
      );
      process.exitCode = result.exitCode;
    });
}
