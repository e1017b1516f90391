import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ChildRun, startChild } from './child-process.ts';
import { collect } from './collect.ts';
import type { ConnectionSettings, HostKey } from './contract.ts';
import type { Endpoint } from './endpoint.ts';
import { type KnownHostKeys, knownHostsName } from './host-keys.ts';
import { type KnownHostsEntry, lookupName, parseKnownHosts } from './known-hosts.ts';

const readyMark = 'lab-connected';
const stderrKept = 8192;

export interface Failed {
  readonly stderr: string;
}

/** The `ssh -M` process of one host, its socket and its known hosts, in a directory only this user can read. */
export class OpensshMaster {
  /** What ssh said last. */
  stderr = '';
  readonly #directory: string;
  readonly #arguments: readonly string[];
  /** The key that the host presented, whatever became of it; none with an ssh older than 8.5, or for a certificate. */
  presented: HostKey | undefined;
  #run: ChildRun | undefined;

  private constructor(directory: string, endpoint: Endpoint, settings: ConnectionSettings) {
    this.#directory = directory;
    this.#arguments = argumentsFor(endpoint, settings);
  }

  static async create(endpoint: Endpoint, settings: ConnectionSettings, known: KnownHostKeys): Promise<OpensshMaster> {
    const directory = await mkdtemp(join(tmpdir(), 'lab-ssh-'));
    const master = new OpensshMaster(directory, endpoint, settings);
    await writeFile(master.#knownHosts, knownHostsText(endpoint, known), { mode: 0o600 });
    return master;
  }

  /** Settles when the process has ended. */
  get ended(): Promise<unknown> {
    return this.#run?.code ?? Promise.resolve();
  }

  /** Resolves once logged in; with what ssh said, when it ended before that or was aborted. */
  async start(signal: AbortSignal): Promise<Failed | undefined> {
    const options = {
      ...onlyOurKeys,
      StrictHostKeyChecking: 'yes',
      UserKnownHostsFile: `"${this.#knownHosts}"`,
      // It names no further key: it is where ssh tells which one the host presents.
      KnownHostsCommand: commandLine('/bin/sh', '-c', 'echo "$1 $2" >"$3"', 'sh', '%t', '%K', this.#presented),
      PermitLocalCommand: 'yes',
      LocalCommand: `echo ${readyMark}`,
    };
    const run = await startChild(['ssh', '-M', '-N', '-S', this.#socket, ...flags(options), ...this.#arguments]);
    this.#run = run;
    this.stderr = '';
    run.process.stderr.on('data', (chunk: Buffer) => {
      this.stderr = (this.stderr + chunk.toString()).slice(-stderrKept);
    });
    const ready = new Promise<true>((resolve) => {
      let output = '';
      run.process.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        if (output.includes(readyMark)) resolve(true);
      });
    });
    const onAbort = () => run.process.kill();
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    const outcome = await Promise.race([ready, run.process.exit]);
    signal.removeEventListener('abort', onAbort);
    const key = parseKnownHosts(`* ${await readIfThere(this.#presented)}`, '')[0]?.key;
    this.presented = key === undefined || isCertificate(key) ? undefined : key;
    return outcome === true ? undefined : { stderr: this.stderr };
  }

  /** The `known_hosts` line of the key that the host presents, or ''. No way to log in is tried, so nothing is given away. */
  async fetchHostKey(signal: AbortSignal): Promise<string> {
    const seen = join(this.#directory, 'seen');
    const options = {
      ...onlyOurKeys,
      StrictHostKeyChecking: 'accept-new',
      UserKnownHostsFile: `"${seen}"`,
      KnownHostsCommand: 'none',
      HashKnownHosts: 'no',
      PreferredAuthentications: 'none',
      ControlPath: 'none',
    };
    const { process } = await startChild(['ssh', ...flags(options), ...this.#arguments, 'exit']);
    const onAbort = () => process.kill();
    signal.addEventListener('abort', onAbort, { once: true });
    await collect(process);
    signal.removeEventListener('abort', onAbort);
    return readIfThere(seen);
  }

  async trust(endpoint: Endpoint, key: HostKey): Promise<void> {
    await appendFile(this.#knownHosts, lineFor(knownHostsName(endpoint), key));
  }

  /** The local command line that runs `command` through this master, and only through it. */
  clientCommand(command: string): string[] {
    // Were the master gone, ssh would dial by itself; the proxy command makes that fail.
    const options = { ControlMaster: 'no', ProxyCommand: 'exit 1', LogLevel: 'ERROR', BatchMode: 'yes' };
    return ['ssh', '-F', '/dev/null', '-T', '-S', this.#socket, ...flags(options), '--', 'host', command];
  }

  async dispose(): Promise<void> {
    const run = this.#run;
    run?.process.kill();
    await run?.code;
    await rm(this.#directory, { recursive: true, force: true });
  }

  get #socket(): string {
    return join(this.#directory, 'control');
  }

  get #knownHosts(): string {
    return join(this.#directory, 'known_hosts');
  }

  get #presented(): string {
    return join(this.#directory, 'presented');
  }
}

/**
 * What could let anything but the file of our own decide on a host key: DNS, what the host itself announces, a key exchange
 * that needs no host key, and `localhost`, which would be taken on trust.
 */
const onlyOurKeys = {
  // Options that this ssh is too old for, or was built without. The user's own file has been checked by then.
  IgnoreUnknown: '*',
  GlobalKnownHostsFile: '/dev/null',
  VerifyHostKeyDNS: 'no',
  UpdateHostKeys: 'no',
  CheckHostIP: 'no',
  NoHostAuthenticationForLocalhost: 'no',
  GSSAPIKeyExchange: 'no',
};

/** What ssh may know: keys of the lock file alone if there are any, else those of the user's files; and all revocations. */
function knownHostsText(endpoint: Endpoint, { pinned, entries, withoutPort, revoked }: KnownHostKeys): string {
  const name = knownHostsName(endpoint);
  const lines = revoked.map(({ key }) => `@revoked ${lineFor('*', key)}`);
  const marked = (entry: KnownHostsEntry, host: string) =>
    `${entry.marker === undefined ? '' : `@${entry.marker} `}${lineFor(host, entry.key)}`;
  if (pinned.length > 0) lines.push(...pinned.map((key) => lineFor(name, key)));
  else {
    lines.push(...entries.map((entry) => marked(entry, name)));
    lines.push(...withoutPort.map((entry) => marked(entry, lookupName(endpoint.address, 22))));
  }
  return lines.join('');
}

function lineFor(host: string, { type, base64 }: HostKey): string {
  return `${host} ${type} ${base64}\n`;
}

/** A certificate is trusted for its authority; it changes each time that it is renewed. */
function isCertificate({ type }: HostKey): boolean {
  return type.includes('-cert-v');
}

/** As ssh splits the command lines of its options itself, without a shell. */
function commandLine(...words: readonly string[]): string {
  return words.map((word) => `"${word.replaceAll(/["\\]/g, '\\$&')}"`).join(' ');
}

async function readIfThere(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '');
}

/** What both processes share: how to reach the host, and nothing of the user's that would get in the way. */
function argumentsFor(endpoint: Endpoint, settings: ConnectionSettings): string[] {
  const { identityFile, configFile, proxyJump, address } = settings;
  const options = {
    BatchMode: 'yes',
    LogLevel: 'ERROR',
    ControlPersist: 'no',
    ConnectTimeout: String(Math.ceil(endpoint.connectTimeoutSeconds)),
    ServerAliveInterval: String(endpoint.keepAliveSeconds),
    ServerAliveCountMax: String(endpoint.keepAliveCount),
    ClearAllForwardings: 'yes',
    ForwardAgent: 'no',
    ForwardX11: 'no',
    RemoteCommand: 'none',
    RequestTTY: 'no',
    ForkAfterAuthentication: 'no',
    ...(identityFile === undefined ? {} : { IdentitiesOnly: 'yes' }),
  };
  return [
    ...(configFile === undefined ? [] : ['-F', configFile]),
    ...flags(options),
    ...['-p', String(endpoint.port), '-l', endpoint.user],
    ...(identityFile === undefined ? [] : ['-i', identityFile]),
    ...(proxyJump === undefined || proxyJump.length === 0 ? [] : ['-J', proxyJump.join(',')]),
    '--',
    address.replace(/^\[(.*)\]$/, '$1'),
  ];
}

function flags(options: Readonly<Record<string, string>>): string[] {
  return Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
}
