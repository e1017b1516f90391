import { Command, CommanderError } from 'commander';
import { LabError } from '../../shared/errors.ts';
import { givenOf, type RunCommandOptions, register } from '../run.ts';

/** Options that need somebody at a terminal, or what only this machine has. */
const impossible: readonly (readonly [keyof RunCommandOptions, string])[] = [
  ['askPass', '--ask-pass needs somebody to ask: the job logs in with a key of its own'],
  ['askBecomePass', '--ask-become-pass needs somebody to ask: let the login use sudo without a password'],
  [
    'acceptNewHostKeys',
    '--accept-new-host-keys would trust whoever answers: the job knows hosts by the lock file alone',
  ],
];

export interface RunWords {
  /** As the job gets them. */
  readonly words: readonly string[];
  /** Patterns of `--limit`; empty for all hosts. */
  readonly limit: readonly string[];
  /** Parameters of a procedure. */
  readonly given: Readonly<Record<string, unknown>>;
}

/**
 * What `lab schedule` does not know itself, and all after `--`, are options of `lab run`: a mistake in them is told now and
 * not in the night when it first runs.
 *
 * @throws LabError USAGE
 */
export function runWordsOf(all: readonly string[]): RunWords {
  // After a word that it does not know, commander leaves the mark where it is.
  const words = all.filter((word) => word !== '--');
  const program = new Command('lab').exitOverride();
  let said = '';
  const write = (text: string) => {
    said += text;
  };
  program.configureOutput({ writeErr: write, writeOut: write });
  register(program);
  const [run] = program.commands;
  let options: RunCommandOptions | undefined;
  run
    ?.copyInheritedSettings(program)
    .exitOverride()
    .action((_playbook: string, given: RunCommandOptions) => {
      options = given;
    });
  try {
    program.parse(['run', ...words, '--', 'playbook'], { from: 'user' });
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    throw new LabError('USAGE', 'these are options of neither lab schedule nor lab run', {
      found: words.join(' '),
      output: said.split('\n')[0],
      hint: 'lab schedule --help and lab run --help show them',
    });
  }
  if (options === undefined)
    throw new LabError('INTERNAL', 'lab run did not take its options', { found: words.join(' ') });
  for (const [name, why] of impossible) if (options[name] === true) throw new LabError('USAGE', why);
  const { limit } = options;
  if (limit.includes('@failed'))
    throw new LabError(
      'USAGE',
      'the hosts that failed the last time are others each time: a job has its hosts by name',
      {
        found: '--limit @failed',
      },
    );
  return { words, limit, given: givenOf(options) };
}
