import { Argument, type Command, InvalidArgumentError, Option } from 'commander';
import { sectionNames } from '../report/verify/report.ts';
import type { Verification } from '../report/verify/verification.ts';
import { type ExitCode, LabError } from '../shared/errors.ts';
import { nearest } from '../shared/suggest.ts';
import { echoUrl, homeList, serverAddress } from './exposure-options.ts';
import { KeptHosts } from './kept-hosts.ts';
import { portList } from './port-list.ts';
import { addConnectOptions, addLimitOption, type ConnectOptions, list } from './run-options.ts';
import { show } from './show-verification.ts';

export type VerifyOptions = ConnectOptions & {
  readonly inventory?: string;
  readonly limit: readonly string[];
  readonly output: 'plain' | 'json';
  readonly ports?: readonly number[];
  /** For exposure: addresses and prefixes of the home's line. */
  readonly home?: readonly string[];
  /** For exposure: a host that looks from outside. */
  readonly from?: string;
  /** For exposure: a resolver outside, with or without a port. */
  readonly resolver?: string;
  /** For exposure: URL that answers with the address of who asks. */
  readonly echo?: string;
  /** Of all at once, from here on: a file for the page. */
  readonly html?: string;
  /** Whose drift is looked for. */
  readonly playbook?: string;
  /** Names of verifications that are left out. */
  readonly skip?: readonly string[];
  /** Keys of the tunnel that are older are told. */
  readonly maxAge?: string;
};

interface Subject {
  readonly description: string;
  /** The module that tries it. */
  load(): Promise<(hosts: KeptHosts, options: VerifyOptions) => Promise<Verification<object>>>;
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
  exposure: {
    description: 'the home as strangers see it: its address shows nowhere, and nothing is open past the gateways',
    load: async () => (await import('./verify/exposure.ts')).verifyExposure,
  },
};

export function register(program: Command): void {
  const command = program
    .command('verify')
    .addArgument(new Argument('[what]', 'what is to be proven').choices(Object.keys(subjects)))
    .description('prove that the hosts hold what the inventory says: all of it, or firewall, containers, dns, exposure')
    .option('-i, --inventory <file>', 'the inventory; default: that of this folder')
    .addOption(new Option('--output <form>', 'how to show it').choices(['plain', 'json']).default('plain'))
    .addOption(new Option('--ports <list>', 'further ports to try, such as 5000,8000-8010').argParser(portList))
    .option(
      '--home <addresses>',
      "exposure: addresses or prefixes of the home's line, beside those that gateways see",
      homeList,
    )
    .option(
      '--from <host>',
      'exposure: the host that looks from outside; default: this machine, or a public host where this one is at home',
    )
    .option(
      '--resolver <address>',
      'exposure, dns: the resolver that is asked from outside; default: the servers in charge of each name',
      serverAddress,
    )
    .option(
      '--echo <url>',
      'exposure: a server that answers with the address of who asks, to see from where requests leave',
      echoUrl,
    )
    .option('--html <file>', 'all: write the report as a page, too; only you can read the file')
    .option('--playbook <playbook>', 'all: whose drift is looked for; default: site.ts')
    .option('--skip <names>', `all: not these: ${sectionNames.join(', ')}`, sectionList)
    .option('--max-age <time>', 'all: tell which keys of the tunnel are older than this, such as 30d');
  addConnectOptions(addLimitOption(command))
    .addHelpText(
      'after',
      `
Without a word: all that the inventory gives reason for, with the links of the tunnel (lab status wireguard) and drift (lab drift), over one
login to each host. What could not be looked at is not known, and never passed; the others go on. --html also writes a page of one file.
firewall: every host, and this machine, begins connections and sends datagrams to every address of every other host, on the ports
of the flows, on those beside them and on those that are often open by mistake. What comes to a host and what its rules let in is
noted there by a table of nftables that drops nothing, and that is gone afterwards. --limit says which hosts are tried; all of
them try.
containers: what Docker and Podman run on each host, and what of it is privileged, shares namespaces of the host, mounts the socket of
the engine or files of the host, or has more capabilities or devices. What is meant to be so is told to the role containers
(accepted).
dns: each resolver asks every resolver for every name of the inventory, in both directions and for both families; all hosts look the names up
as their programs do; and hosts ask the resolvers where they should answer nobody. --limit says from which hosts. This machine asks for the public
names in zones that hosts publish, as strangers do: the server that a host is itself, else those in charge, or --resolver.
exposure: the home's address is what gateways see of the hosts that dial them, and what --home says. It is looked for in the public DNS,
in what gateways answer, in greetings of mail servers and in configurations of tunnels; the home's line and public hosts are tried for
ports that no flow opens, and for certificates and answers under public names; and hosts of public services say by which way they leave.
Exit codes, for monitoring: 0 as declared, 1 something is open without a flow, a flow is blocked, a container has more than it should, a name is not as declared, or the home shows, 3 a host could not be asked,
4 usage or inventory error; without a word also 2 for drift, a rotation of keys or a key that is due.

Examples:
  lab verify
  lab verify --html report.html --max-age 90d
  lab verify --skip exposure --playbook home.ts --output json | jq -r .summary
  lab verify firewall
  lab verify firewall --limit vps --ports 5000,8000-8010
  lab verify containers --limit nas
  lab verify dns
  lab verify exposure
  lab verify exposure --home 203.0.113.7,2001:db8:7::/56 --from backup
  lab verify exposure --resolver 9.9.9.9 --echo https://ip.example.org/
  lab verify firewall --output json | jq -r '.findings[] | select(.kind == "open")'`,
    )
    .action(async (what: string | undefined, options: VerifyOptions) => {
      if (what === undefined) process.exitCode = await (await import('./verify/all.ts')).verifyAll(options);
      else process.exitCode = await verifyOne(subjects[what] as Subject, options);
    });
}

async function verifyOne(subject: Subject, options: VerifyOptions): Promise<ExitCode> {
  refuseForOne(options);
  const verify = await subject.load();
  await using hosts = await KeptHosts.of(options);
  return show(await verify(hosts, options), options.output);
}

/** @throws LabError USAGE for what only all at once have */
function refuseForOne({ html, playbook, skip, maxAge }: VerifyOptions): void {
  const words = Object.entries({ '--html': html, '--playbook': playbook, '--skip': skip, '--max-age': maxAge });
  for (const [word, value] of words)
    if (value !== undefined)
      throw new LabError('USAGE', `${word} is for all verifications at once`, {
        expected: 'lab verify, without the name of one',
        found: word,
      });
}

/** @throws InvalidArgumentError for a name that no verification has */
function sectionList(value: string, before?: readonly string[]): string[] {
  const names = list(value, before);
  const stranger = names.find((name) => !sectionNames.some((known) => known === name));
  if (stranger === undefined) return names;
  const near = nearest(stranger, sectionNames);
  const meant = near === undefined ? '' : ` Did you mean ${near}?`;
  throw new InvalidArgumentError(`"${stranger}" is none of ${sectionNames.join(', ')}.${meant}`);
}
