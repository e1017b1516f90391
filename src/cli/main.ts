import { Command, CommanderError } from 'commander';
import { exitCodes, LabError } from '../shared/errors.ts';
import { packageVersion } from '../shared/own-package.ts';
import { commands } from './commands.ts';
import { printError } from './print-error.ts';
import { meantSubcommand, suggestChoices } from './wrong-words.ts';

/** Runs the CLI; sets `process.exitCode`. */
export async function main(argv: readonly string[]): Promise<void> {
  const program = new Command('lab')
    .description("Brings a homelab's hosts over SSH to the state that typed roles declare.")
    .version(packageVersion(), '-V, --version')
    .option('--debug', 'show the stack of an unexpected error')
    .exitOverride()
    .enablePositionalOptions()
    .showHelpAfterError('(lab --help shows the commands)')
    .addHelpText('after', '\nExample:\n  lab run site.ts --check --diff');
  for (const event of ['unhandledRejection', 'uncaughtException'] as const)
    process.once(event, (thrown: unknown) => void stopOnUncaught(thrown, argv.includes('--debug')));
  // No option before the command takes a value.
  const wanted = argv.find((word) => !word.startsWith('-'));
  const load = wanted !== undefined && Object.hasOwn(commands, wanted) ? [commands[wanted]] : Object.values(commands);
  // `lab inventory | head`: the reader has seen enough.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  try {
    for (const command of load) (await command?.())?.register(program);
    for (const command of program.commands) command.exitOverride();
    suggestChoices(program);
    await program.parseAsync(argv, { from: 'user' });
  } catch (thrown) {
    await report(thrown, argv.includes('--debug'));
    if (isAboutWord(thrown)) tellSubcommand(meantSubcommand(program, argv));
  }
}

/** An argument too many, or one that names no host: it may be a subcommand misspelt. */
function isAboutWord(thrown: unknown): boolean {
  return thrown instanceof CommanderError
    ? thrown.code === 'commander.excessArguments'
    : thrown instanceof LabError && ['HOST_PATTERN', 'PLAYBOOK_NOT_FOUND', 'USAGE'].includes(thrown.code);
}

function tellSubcommand(meant: string | undefined): void {
  if (meant !== undefined) process.stderr.write(`(Did you mean ${meant}?)\n`);
}

/** From a promise that nobody awaited, or a timer: who started it does not know, so nothing that builds on it may go on. */
async function stopOnUncaught(thrown: unknown, debug: boolean): Promise<never> {
  await report(thrown, debug);
  process.exit();
}

async function report(anything: unknown, debug: boolean): Promise<void> {
  const thrown = await toldInUserCode(anything);
  if (thrown instanceof CommanderError) {
    process.exitCode = thrown.exitCode === 0 ? 0 : exitCodes.usage;
    return;
  }
  if (thrown instanceof LabError) {
    process.exitCode = thrown.exitCode;
    printError(thrown);
    if (debug) process.stderr.write(`${thrown.stack}\n`);
    return;
  }
  process.exitCode = exitCodes.hostFailed;
  const text = thrown instanceof Error ? (debug ? thrown.stack : thrown.message) : String(thrown);
  process.stderr.write(`INTERNAL: ${text}\n  hint      this is a mistake in lab; --debug shows where\n`);
}

/** What the user's own code threw is told with their file and line; anything else is as it was. */
async function toldInUserCode(thrown: unknown): Promise<unknown> {
  if (thrown instanceof LabError || thrown instanceof CommanderError) return thrown;
  const { asUserCodeError } = await import('../playbook/module-error.ts');
  return asUserCodeError(thrown) ?? thrown;
}
