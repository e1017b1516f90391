import type { Command } from 'commander';
import { resume } from '../runner/resume.ts';
import { type OperateOptions, operate } from './operate.ts';
import { addConnectOptions, addGuardOption, addLimitOption, addShowOptions, type GuardOption } from './run-options.ts';

type Options = OperateOptions & GuardOption;

export function register(program: Command): void {
  const command = program
    .command('resume')
    .description('read on where a run lost its controller, and finish what was cut short')
    .option('-i, --inventory <file>', 'the inventory; default: that of this folder');
  addGuardOption(addShowOptions(addConnectOptions(addLimitOption(command))))
    .addHelpText(
      'after',
      `
A host works on its plan by itself: a lost connection, a closed laptop or a killed lab does not stop it (a playbook says
otherwise with onDisconnect). This follows a run that is under way, tells what a run did after its controller was gone, and
does the rest of one that a reboot cut short. It works from any controller, with the playbook gone.
Exit codes: 0 finished, or nothing to resume, 1 a host failed, 3 a host unreachable, 5 a host took changes back because
nobody could log in after them, 130 a host stopped before the end.

Examples:
  lab resume                 on all hosts
  lab resume --limit vps`,
    )
    .action(async (options: Options) => {
      const found = await operate(options, (operation) => resume({ ...operation, guardSeconds: options.guardTimeout }));
      process.exitCode = found.exitCode;
      if (options.output === 'json') return;
      for (const playbook of found.playbooks)
        process.stdout.write(`for what comes after: lab run ${playbook}.ts --limit ${found.hosts.join(',')}\n`);
    });
}
