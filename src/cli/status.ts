import { Argument, type Command, Option } from 'commander';
import { tableLines } from '../report/table.ts';
import type { Verification } from '../report/verify/verification.ts';
import type { ExitCode } from '../shared/errors.ts';
import { KeptHosts } from './kept-hosts.ts';
import { addConnectOptions, addLimitOption, type ConnectOptions } from './run-options.ts';
import { show } from './show-verification.ts';

export type StatusOptions = ConnectOptions & {
  readonly inventory?: string;
  readonly limit: readonly string[];
  readonly output: 'plain' | 'json';
  readonly maxAge?: string;
  readonly strict?: boolean;
};

interface Subject {
  readonly description: string;
  /** The module that asks the hosts. */
  load(): Promise<(hosts: KeptHosts, options: StatusOptions) => Promise<Verification<object>>>;
}

/** What there is a status of. */
const subjects: Readonly<Record<string, Subject>> = {
  wireguard: {
    description: 'every link of the tunnel: state, last handshake, bytes, where the other end is, age of the keys',
    load: async () => (await import('./status/wireguard.ts')).wireguardStatus,
  },
};

export function register(program: Command): void {
  const command = program
    .command('status')
    .addArgument(new Argument('[what]', 'what is asked for').choices(Object.keys(subjects)))
    .description('what runs on the hosts: wireguard for every link of the tunnel')
    .option('-i, --inventory <file>', 'the inventory; default: that of this folder')
    .addOption(new Option('--output <form>', 'how to show it').choices(['plain', 'json']).default('plain'))
    .option('--max-age <time>', 'wireguard: tell which keys are older than this, such as 30d')
    .option('--strict', 'wireguard: exit code 2 also when a key is older than --max-age');
  addConnectOptions(addLimitOption(command))
    .addHelpText(
      'after',
      `
Reads the hosts in one round trip each and changes nothing. No private or preshared key is read.
Exit codes, for monitoring: 0 every link is up or idle, 1 a link is down or stale, 2 a rotation of keys is under way or was
interrupted, 3 a host could not be asked (and nothing is down), 4 usage or inventory error. Without a word: what there is.

Examples:
  lab status
  lab status wireguard
  lab status wireguard --limit nas
  lab status wireguard --max-age 30d --strict
  lab status wireguard --output json | jq -r '.links[] | select(.state != "up") | .problems[]'`,
    )
    .action(async (what: string | undefined, options: StatusOptions) => {
      if (what === undefined) process.stdout.write(`${subjectLines().join('\n')}\n`);
      else process.exitCode = await statusOf(subjects[what] as Subject, options);
    });
}

async function statusOf(subject: Subject, options: StatusOptions): Promise<ExitCode> {
  const ask = await subject.load();
  await using hosts = await KeptHosts.of(options);
  return show(await ask(hosts, options), options.output);
}

function subjectLines(): string[] {
  const rows = Object.entries(subjects).map(([name, { description }]) => [`lab status ${name}`, description]);
  return tableLines(['COMMAND', 'SHOWS'], rows);
}
