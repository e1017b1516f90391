import { type Command, Option } from 'commander';
import { LabError } from '../shared/errors.ts';
import { addConnectOptions, addLimitOption, type ConnectOptions } from './run-options.ts';

export type StatusOptions = ConnectOptions & {
  readonly inventory?: string;
  readonly limit: readonly string[];
  readonly output: 'plain' | 'json';
};

/** What there is a status of → its module. */
const subjects: Record<string, () => Promise<(options: StatusOptions) => Promise<number>>> = {
  wireguard: async () => (await import('./status/wireguard.ts')).wireguardStatus,
};

export function register(program: Command): void {
  const command = program
    .command('status <what>')
    .description('what runs on the hosts: wireguard for every link of the tunnel')
    .option('-i, --inventory <file>', 'the inventory; default: that of this folder')
    .addOption(new Option('--output <form>', 'how to show it').choices(['plain', 'json']).default('plain'));
  addConnectOptions(addLimitOption(command))
    .addHelpText(
      'after',
      `
Reads the hosts in one round trip each and changes nothing. No private or preshared key is read.
Exit codes, for monitoring: 0 every link is up or idle, 1 a link is down or stale, 2 a rotation of keys is under way or was
interrupted, 3 a host could not be asked (and nothing is down), 4 usage or inventory error.

Examples:
  lab status wireguard
  lab status wireguard --limit nas
  lab status wireguard --output json | jq -r '.links[] | select(.state != "up") | .problems[]'`,
    )
    .action(async (what: string, options: StatusOptions) => {
      const load = Object.hasOwn(subjects, what) ? subjects[what] : undefined;
      if (load === undefined)
        throw new LabError('USAGE', `there is no status of "${what}"`, {
          expected: `one of ${Object.keys(subjects).join(', ')}`,
          found: what,
        });
      process.exitCode = await (await load())(options);
    });
}
