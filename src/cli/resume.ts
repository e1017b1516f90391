import type { Command } from 'commander';
import { isRunOfStep } from '../playbook/procedure.ts';
import { resume } from '../runner/resume.ts';
import { exitCodes } from '../shared/errors.ts';
import { type OperateOptions, operate } from './operate.ts';
import { resumeRotation } from './resume-rotation.ts';
import { addConnectOptions, addGuardOption, addLimitOption, addShowOptions, type GuardOption } from './run-options.ts';

type Options = OperateOptions & GuardOption & { readonly abort?: boolean };

export function register(program: Command): void {
  const command = program
    .command('resume')
    .description('read on where a run lost its controller, and finish what was cut short')
    .option('-i, --inventory <file>', 'the inventory; default: that of this folder')
    .option('--abort', 'take an interrupted rotation of keys back instead of finishing it');
  addGuardOption(addShowOptions(addConnectOptions(addLimitOption(command))))
    .addHelpText(
      'after',
      `
A host works on its plan by itself: a lost connection, a closed laptop or a killed lab does not stop it (a playbook says
otherwise with onDisconnect). This follows a run that is under way, tells what a run did after its controller was gone, and
does the rest of one that a reboot cut short. It works from any controller, with the playbook gone.
A rotation of WireGuard keys that was interrupted is finished after that, or taken back with --abort.
Exit codes: 0 finished, or no run to resume, 1 a host failed, 3 a host unreachable, 5 a host took changes back because
nobody could log in after them, 130 a host stopped before the end.

Examples:
  lab resume                 on all hosts
  lab resume --limit vps
  lab resume --abort         back to the old keys`,
    )
    .action(async (options: Options) => {
      const found = await operate(options, (operation) => resume({ ...operation, guardSeconds: options.guardTimeout }));
      const rotation = await resumeRotation({ ...options, guardSeconds: options.guardTimeout }, options.abort === true);
      process.exitCode = found.exitCode === exitCodes.asDeclared ? rotation : found.exitCode;
      if (options.output === 'json') return;
      for (const playbook of [...found.playbooks].filter((name) => !isRunOfStep(name)))
        process.stdout.write(`for what comes after: lab run ${playbook}.ts --limit ${found.hosts.join(',')}\n`);
    });
}
