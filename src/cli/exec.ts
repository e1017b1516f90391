import { type Command, Option } from 'commander';
import { visible } from '../report/visible.ts';
import { type ExitCode, exitCodes, LabError } from '../shared/errors.ts';
import { quoteAll } from '../shared/quote.ts';
import { onHosts } from './open-hosts.ts';
import { printError } from './print-error.ts';
import { addConnectOptions, type ConnectOptions, count } from './run-options.ts';

type Options = ConnectOptions & {
  readonly inventory?: string;
  readonly timeout: number;
  readonly output: 'plain' | 'json';
};

export function register(program: Command): void {
  const command = program
    .command('exec <hosts> <command...>')
    .description('run one command on the hosts that a pattern selects, and show what each says')
    .option('-i, --inventory <file>', 'the inventory; default: that of this folder')
    .option('--timeout <seconds>', 'kill the command after this long', count, 300)
    .addOption(new Option('--output <form>', 'how to show it').choices(['plain', 'json']).default('plain'))
    .passThroughOptions();
  addConnectOptions(command)
    .addHelpText(
      'after',
      `
The words after -- are the command and its arguments, as they are: no shell of the host reads them. For pipes and the
like: lab exec all -- sh -c 'df -h | head -3'. It runs as root when the inventory says become.
Exit codes: 0 the command succeeded everywhere, 1 it failed somewhere, 3 a host was unreachable.

Examples:
  lab exec all -- uptime
  lab exec 'home:!nas' -- systemctl is-active ssh`,
    )
    .action(async (hosts: string, words: string[], options: Options) => {
      const argv = commandOf(words);
      const seconds = options.timeout;
      const outcomes = await onHosts([hosts], options, async (session) => {
        const output: Buffer[] = [];
        let status = -1;
        // Standard error goes with standard output, in the order in which the command wrote them.
        const script = `{ lab_run exec ${seconds} ${quoteAll(argv)} 2>&1; } </dev/null`;
        await session.exchange(
          script,
          (token) => {
            if (token.kind === 'data') output.push(Buffer.from(token.bytes));
            else if (token.fields[0] === 'e') status = Number(token.fields.at(-1));
          },
          seconds + 30,
        );
        return { exitCode: status, output: Buffer.concat(output).toString() };
      });
      for (const { host, value, error } of outcomes) {
        if (options.output === 'json') {
          const line = value ?? { error: { code: error?.code, message: error?.message } };
          process.stdout.write(`${JSON.stringify({ host: host.name, ...line })}\n`);
        } else if (error !== undefined) printError(error);
        else {
          const output = value?.output ?? '';
          const lines = output === '' ? [] : output.replace(/\n$/, '').split('\n');
          process.stdout.write(lines.map((line) => `${host.name} | ${visible(line)}\n`).join(''));
          if (value?.exitCode !== 0) {
            const why = value?.exitCode === 124 ? `no end within ${seconds} s` : `exit code ${value?.exitCode}`;
            process.stderr.write(`${host.name} | ${why}\n`);
          }
        }
      }
      process.exitCode = exitCodeOf(
        outcomes.map(({ value, error }) => error?.exitCode ?? (value?.exitCode === 0 ? 0 : 1)),
      );
    });
}

/** An option after the hosts would silently become the command. */
function commandOf(words: readonly string[]): readonly string[] {
  if (words[0] === '--') return words.slice(1);
  if (!words[0]?.startsWith('-')) return words;
  throw new LabError('USAGE', `${words[0]} stands where the command begins`, {
    expected: 'lab exec [OPTIONS] HOSTS -- COMMAND …',
    hint: 'options of lab come before the hosts; a command that begins with a dash comes after --',
  });
}

function exitCodeOf(codes: readonly ExitCode[]): ExitCode {
  return (
    codes.find((code) => code === exitCodes.hostFailed) ?? codes.find((code) => code !== 0) ?? exitCodes.asDeclared
  );
}
