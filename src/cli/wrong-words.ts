import { type Command, InvalidArgumentError } from 'commander';
import { nearest } from '../shared/suggest.ts';

/** Lets every option and argument with choices, also those of subcommands, answer a wrong word with the nearest right one. */
export function suggestChoices(command: Command): void {
  for (const word of [...command.options, ...command.registeredArguments]) {
    const { argChoices } = word;
    if (argChoices === undefined) continue;
    word.argParser((value: string) => {
      if (argChoices.includes(value)) return value;
      const near = nearest(value, argChoices);
      throw new InvalidArgumentError(
        `Allowed choices are ${argChoices.join(', ')}.${near === undefined ? '' : `\n(Did you mean ${near}?)`}`,
      );
    });
  }
  for (const subcommand of command.commands) suggestChoices(subcommand);
}

/**
 * The subcommand that was meant where a command takes arguments of its own as well, so that its parser cannot tell:
 * `lab history shwo RUN`.
 */
export function meantSubcommand(program: Command, argv: readonly string[]): string | undefined {
  let [command, name]: readonly [Command, string] = [program, 'lab'];
  for (const word of argv.filter((word) => !word.startsWith('-'))) {
    const next = command.commands.find((one) => one.name() === word);
    if (next === undefined) {
      const near = nearest(
        word,
        command.commands.map((one) => one.name()),
      );
      return near === undefined ? undefined : `${name} ${near}`;
    }
    command = next;
    name = `${name} ${word}`;
  }
  return undefined;
}
