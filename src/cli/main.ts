import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { exitCodes, formatError, LabError } from '../shared/errors.ts';
import { commands } from './commands.ts';

/** Runs the CLI; sets `process.exitCode`. */
export async function main(argv: readonly string[]): Promise<void> {
  const program = new Command('lab')
    .description("Brings a homelab's hosts over SSH to the state that typed roles declare.")
    .version(version(), '-V, --version')
    .option('--debug', 'show the stack of an unexpected error')
    .exitOverride()
    .enablePositionalOptions()
    .showHelpAfterError('(lab --help shows the commands)')
    .addHelpText('after', '\nExample:\n  lab run site.ts --check --diff');
  const wanted = argv.find((word) => Object.hasOwn(commands, word));
  const load = wanted === undefined ? Object.values(commands) : [commands[wanted]];
  try {
    for (const command of load) (await command?.())?.register(program);
    for (const command of program.commands) command.exitOverride();
    await program.parseAsync(argv, { from: 'user' });
  } catch (thrown) {
    report(thrown, argv.includes('--debug'));
  }
}

function report(thrown: unknown, debug: boolean): void {
  if (thrown instanceof CommanderError) {
    process.exitCode = thrown.exitCode === 0 ? 0 : exitCodes.usage;
    return;
  }
  if (thrown instanceof LabError) {
    process.exitCode = thrown.exitCode;
    process.stderr.write(`${formatError(thrown)}\n`);
    if (debug) process.stderr.write(`${thrown.stack}\n`);
    return;
  }
  process.exitCode = exitCodes.hostFailed;
  const text = thrown instanceof Error ? (debug ? thrown.stack : thrown.message) : String(thrown);
  process.stderr.write(`INTERNAL: ${text}\n  hint      this is a mistake in lab; --debug shows where\n`);
}

function version(): string {
  for (const path of ['../../../package.json', '../../package.json']) {
    try {
      const content = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
      if (content.name === 'labwright') return content.version;
    } catch {
      // dist/src/cli and src/cli lie at different depths.
    }
  }
  return 'unknown';
}
