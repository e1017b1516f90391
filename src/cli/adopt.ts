import { type Command, Option } from 'commander';
import { tableLines } from '../report/table.ts';
import { type ExitCode, LabError } from '../shared/errors.ts';
import { suggestion } from '../shared/suggest.ts';
import {
  addConnectOptions,
  addGuardOption,
  addLimitOption,
  addShowOptions,
  type ConnectOptions,
  type GuardOption,
  type ShowOptions,
} from './run-options.ts';

export type AdoptOptions = ConnectOptions &
  ShowOptions &
  GuardOption & {
    readonly inventory?: string;
    readonly limit: readonly string[];
    readonly format: 'ts' | 'yaml';
    readonly interface?: string;
    readonly apply?: boolean;
  };

interface Subject {
  readonly description: string;
  /** The module that reads the hosts and shows what is there as entries of the inventory; gives the exit code. */
  load(): Promise<(options: AdoptOptions) => Promise<ExitCode>>;
}

/** What can be taken over. */
const subjects: Readonly<Record<string, Subject>> = {
  wireguard: {
    description: 'a tunnel of wg-quick or systemd-networkd → network, hosts, devices and parameters; keys stay',
    load: async () => (await import('./adopt/wireguard.ts')).adoptWireguard,
  },
  ufw: {
    description: 'rules of ufw → flows, the networks that they name, and the parameters of the role firewall',
    load: async () => (await import('./adopt/ufw.ts')).adoptUfwRules,
  },
  caddy: {
    description: 'sites of a Caddyfile → services with public names, and the parameters of the role vps-gateway',
    load: async () => (await import('./adopt/caddy.ts')).adoptCaddySites,
  },
};

export function register(program: Command): void {
  const command = program
    .command('adopt [what]')
    .description('shows what was set up by hand as entries of the inventory: wireguard, ufw, caddy')
    .option('-i, --inventory <file>', 'the inventory; default: that of this folder')
    .addOption(new Option('--format <form>', 'how entries are written').choices(['ts', 'yaml']).default('ts'))
    .option('--interface <name>', 'wireguard: which interface to take, on hosts that have several')
    .option('--apply', 'wireguard: take it over now, when the inventory says exactly what is there');
  addGuardOption(addConnectOptions(addShowOptions(addLimitOption(command))))
    .addHelpText(
      'after',
      `
Reads the hosts and changes nothing, unless --apply is given. No private and no preshared key is read. The entries go to
standard output, what the model has no place for to standard error, each with file and line and what there is for it.
Without a word: what can be taken over.

Exit codes: 0 everything was read, 3 a host could not be asked, 1 there is nothing to take over, 4 usage or inventory error.

Examples:
  lab adopt
  lab adopt wireguard --limit vps,nas
  lab adopt wireguard --format yaml > adopted.yml
  lab adopt wireguard --apply
  lab adopt ufw --limit vps
  lab adopt caddy --limit vps --output json | jq .entries.services`,
    )
    .action(async (what: string | undefined, options: AdoptOptions) => {
      if (what === undefined) process.stdout.write(`${subjectLines().join('\n')}\n`);
      else process.exitCode = await (await subjectOf(what).load())(options);
    });
}

function subjectLines(): string[] {
  const rows = Object.entries(subjects).map(([name, { description }]) => [`lab adopt ${name}`, description]);
  return tableLines(['COMMAND', 'TAKES OVER'], rows);
}

/** @throws LabError USAGE */
function subjectOf(what: string): Subject {
  const subject = Object.hasOwn(subjects, what) ? subjects[what] : undefined;
  if (subject !== undefined) return subject;
  throw new LabError('USAGE', `"${what}" cannot be adopted`, {
    expected: `one of ${Object.keys(subjects).join(', ')}`,
    found: what,
    hint: suggestion(what, Object.keys(subjects)),
  });
}
