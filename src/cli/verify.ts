import { type Command, Option } from 'commander';
import { tableLines } from '../report/table.ts';
import { LabError } from '../shared/errors.ts';
import { suggestion } from '../shared/suggest.ts';
import { portList } from './port-list.ts';
import { addConnectOptions, addLimitOption, type ConnectOptions } from './run-options.ts';

export type VerifyOptions = ConnectOptions & {
  readonly inventory?: string;
  readonly limit: readonly string[];
  readonly output: 'plain' | 'json';
  readonly ports?: readonly number[];
};

interface Subject {
  readonly description: string;
  /** The module that tries it and shows what came of it; gives the exit code. */
  load(): Promise<(options: VerifyOptions) => Promise<number>>;
}

/** What there is to be proven. */
const subjects: Readonly<Record<string, Subject>> = {
  firewall: {
    description: 'packets from every host and from here: what a flow allows is let in, and nothing else',
    load: async () => (await import('./verify/firewall.ts')).verifyFirewall,
  },
  containers: {
    description: 'running containers: none has what leads to its host, such as the socket of the engine',
    load: async () => (await import('./verify/containers.ts')).verifyContainers,
  },
  dns: {
    description: 'names: every resolver and every host has what the inventory declares, and strangers get no answer',
    load: async () => (await import('./verify/dns.ts')).verifyDns,
  },
};

export function register(program: Command): void {
  const command = program
    .command('verify [what]')
    .description('prove that the hosts hold what the inventory says: firewall, containers, dns')
    .option('-i, --inventory <file>', 'the inventory; default: that of this folder')
    .addOption(new Option('--output <form>', 'how to show it').choices(['plain', 'json']).default('plain'))
    .addOption(new Option('--ports <list>', 'further ports to try, such as 5000,8000-8010').argParser(portList));
  addConnectOptions(addLimitOption(command))
    .addHelpText(
      'after',
      `
firewall: every host, and this machine, begins connections and sends datagrams to every address of every other host, on the ports
of the flows, on those beside them and on those that are often open by mistake. What comes to a host and what its rules let in is
noted there by a table of nftables that drops nothing, and that is gone afterwards. --limit says which hosts are tried; all of
them try.
containers: what Docker and Podman run on each host, and what of it is privileged, shares namespaces of the host, mounts the socket of
the engine or files of the host, or has more capabilities or devices. What is meant to be so is told to the role containers
(accepted).
dns: each resolver asks every resolver for every name of the inventory, in both directions and for both families; all hosts look the names up
as their programs do; and hosts ask the resolvers where they should answer nobody. --limit says from which hosts.
Exit codes, for monitoring: 0 as declared, 1 something is open without a flow, a flow is blocked, a container has more than it should, or a name is not as declared, 3 a host could not be asked,
4 usage or inventory error. Without a word: what there is.

Examples:
  lab verify
  lab verify firewall
  lab verify firewall --limit vps --ports 5000,8000-8010
  lab verify containers --limit nas
  lab verify dns
  lab verify firewall --output json | jq -r '.findings[] | select(.kind == "open")'`,
    )
    .action(async (what: string | undefined, options: VerifyOptions) => {
      if (what === undefined) process.stdout.write(`${subjectLines().join('\n')}\n`);
      else process.exitCode = await (await subjectOf(what).load())(options);
    });
}

function subjectLines(): string[] {
  const rows = Object.entries(subjects).map(([name, { description }]) => [`lab verify ${name}`, description]);
  return tableLines(['COMMAND', 'PROVES'], rows);
}

/** @throws LabError USAGE */
function subjectOf(what: string): Subject {
  const subject = Object.hasOwn(subjects, what) ? subjects[what] : undefined;
  if (subject !== undefined) return subject;
  throw new LabError('USAGE', `there is nothing called "${what}" to be verified`, {
    expected: `one of ${Object.keys(subjects).join(', ')}`,
    found: what,
    hint: suggestion(what, Object.keys(subjects)),
  });
}
