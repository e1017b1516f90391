import { Command, CommanderError } from 'commander';
import { commands } from '../../src/cli/commands.ts';
import type { Page } from './markdown.ts';

export interface DocumentedCommand {
  readonly at: string;
  /** Without `npx` and `lab`. */
  readonly words: readonly string[];
  /** Named in a sentence: what it takes may be left out. */
  readonly named: boolean;
}

/** Every `lab …` that a page tells its reader to call: in blocks for a shell, behind a `$` in output, and in sentences. */
export function commandsOf({ path, blocks, prose }: Page): DocumentedCommand[] {
  const called = blocks.flatMap(({ language, line, text }) => {
    const lines = text.replace(/\\\n\s*/g, (joint) => ` ${' '.repeat(joint.length - 1)}`).split('\n');
    const shell = ['sh', 'bash', 'console'].includes(language);
    return lines.flatMap((one, index) => {
      const command = /^\s*\$ (.*)/.exec(one)?.[1] ?? (shell && language !== 'console' ? one : undefined);
      return command === undefined ? [] : found(command, `${path}:${line + index}`, false);
    });
  });
  const inSentences = prose.flatMap((line, index) =>
    [...line.matchAll(/`([^`]+)`/g)].flatMap(([, code = '']) => found(code, `${path}:${index + 1}`, true)),
  );
  return [...called, ...inSentences];
}

function found(text: string, at: string, named: boolean): DocumentedCommand[] {
  return simpleCommands(text).flatMap((words) => {
    const start = words[0] === 'npx' ? words.findIndex((word, index) => index > 0 && word !== '--no') : 0;
    if (words[start] !== 'lab' || (named && words.length === start + 1)) return [];
    // "…" stands for what the reader knows.
    return [{ at, named, words: words.slice(start + 1).filter((word) => word !== '…') }];
  });
}

/** The commands of a line, with quotes taken away; without redirections and comments. */
function simpleCommands(line: string): string[][] {
  const all: string[][] = [[]];
  for (const [token, quoted] of line.matchAll(/'([^']*)'|"([^"]*)"|#.*|[|;&]+|[<>]+\s*\S*|[^\s'"|;&<>]+/g)) {
    if (/^[|;&]/.test(token)) all.push([]);
    else if (!/^[#<>]/.test(token)) all.at(-1)?.push(quoted ?? token.replace(/^"|"$/g, ''));
  }
  return all;
}

/** The command line as it is, of which nothing is carried out. */
class Rehearsal extends Command {
  override createCommand(name?: string): Command {
    return new Rehearsal(name).exitOverride().configureOutput({ writeErr: () => {}, writeOut: () => {} });
  }

  override action(): this {
    return super.action(() => {});
  }
}

/** The same command line for any number of commands: each is parsed anew. */
export async function rehearsal(): Promise<Command> {
  const program = new Rehearsal().createCommand('lab').option('--debug').version('0', '-V, --version');
  program.enablePositionalOptions();
  for (const load of Object.values(commands)) (await load()).register(program);
  return program;
}

/** What the command line itself says of a command, which is not run; nothing when it is one. `SHELL` in a sentence stands for any. */
export function problemOf(program: Command, { words, named }: DocumentedCommand): string | undefined {
  try {
    program.parse(words, { from: 'user' });
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) return String(thrown);
    const stands = words.some((word) => /^[A-Z]+$/.test(word)) && thrown.code === 'commander.invalidArgument';
    return thrown.exitCode === 0 || (named && (stands || incomplete.has(thrown.code))) ? undefined : thrown.message;
  }
}

/** What is left out of a command when it is only named. */
const incomplete = new Set(['commander.missingArgument', 'commander.missingMandatoryOptionValue', 'commander.help']);
