import { Command, CommanderError } from 'commander';
import { LabError } from '../../shared/errors.ts';
import { register } from '../run.ts';

/** Options that need somebody at a terminal, or what only this machine has. */
const impossible: Readonly<Record<string, string>> = {
  askPass: '--ask-pass needs somebody to ask: the job logs in with a key of its own',
  askBecomePass: '--ask-become-pass needs somebody to ask: let the login use sudo without a password',
  acceptNewHostKeys: '--accept-new-host-keys would trust whoever answers: the job knows hosts by the lock file alone',
};

/**
 * The words after `--` are options of `lab run`: a mistake in them is told now and not in the night when it first runs.
 *
 * @returns the patterns of `--limit`; empty for all hosts
 * @throws LabError USAGE
 */
export function limitOfRun(words: readonly string[]): readonly string[] {
  const program = new Command('lab').exitOverride();
  let said = '';
  const write = (text: string) => {
    said += text;
  };
  program.configureOutput({ writeErr: write, writeOut: write });
  register(program);
  const [run] = program.commands;
  let options: Readonly<Record<string, unknown>> = {};
  run
    ?.copyInheritedSettings(program)
    .exitOverride()
    .action((_playbook: string, given: Readonly<Record<string, unknown>>) => {
      options = given;
    });
  try {
    program.parse(['run', ...words, '--', 'playbook'], { from: 'user' });
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    throw new LabError('USAGE', 'the words after -- are no options of lab run', {
      found: words.join(' '),
      output: said.split('\n')[0],
      hint: 'lab run --help shows them',
    });
  }
  for (const [name, why] of Object.entries(impossible)) if (options[name] === true) throw new LabError('USAGE', why);
  const limit = options.limit as readonly string[];
  if (limit.includes('@failed'))
    throw new LabError(
      'USAGE',
      'the hosts that failed the last time are others each time: a job has its hosts by name',
      {
        found: '--limit @failed',
      },
    );
  return limit;
}
