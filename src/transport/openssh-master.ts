import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ChildRun, startChild } from './child-process.ts';
import { collect } from './collect.ts';
import type { ConnectionSettings, HostKey } from './contract.ts';
import type { Endpoint } from './endpoint.ts';
import { knownHostsName } from './host-keys.ts';

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
  readonly #endpoint: Endpoint;
  readonly #pinned: readonly HostKey[];
  #trusted: HostKey | undefined;
  #run: ChildRun | undefined;

  private constructor(directory: string, endpoint: Endpoint, settings: ConnectionSettings, pinned: readonly HostKey[]) {
    this.#directory = directory;
    this.#endpoint = endpoint;
    this.#pinned = pinned;
    this.#arguments = argumentsFor(endpoint, settings);
  }

  static async create(
    endpoint: Endpoint,
    settings: ConnectionSettings,
    pinned: readonly HostKey[],
  ): Promise<OpensshMaster> {
    const directory = await mkdtemp(join(tmpdir(), 'lab-ssh-'));
    const master = new OpensshMaster(directory, endpoint, settings, pinned);
    await writeFile(master.#knownHosts, pinned.map((key) => master.#line(key)).join(''), { mode: 0o600 });
    return master;
  }

  /** The key, where it is certain which one was presented. */
  get hostKey(): HostKey | undefined {
    return this.#trusted ?? (this.#pinned.length === 1 ? this.#pinned[0] : undefined);
  }

  /** Settles when the process has ended. */
  get ended(): Promise<unknown> {
    return this.#run?.code ?? Promise.resolve();
  }

  /** Resolves once logged in; with what ssh said, when it ended before that or was aborted. */
  async start(signal: AbortSignal): Promise<Failed | undefined> {
    const options = { ...this.#hostKeyOptions(), PermitLocalCommand: 'yes', LocalCommand: `echo ${readyMark}` };
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
    return outcome === true ? undefined : { stderr: this.stderr };
  }

  /** The `known_hosts` line of the key that the host presents. No method of logging in is tried, so nothing is given away. */
  async fetchHostKey(signal: AbortSignal): Promise<string | undefined> {
    const seen = join(this.#directory, 'seen');
    const options = {
      StrictHostKeyChecking: 'accept-new',
      UserKnownHostsFile: `"${seen}"`,
      GlobalKnownHostsFile: '/dev/null',
      HashKnownHosts: 'no',
      UpdateHostKeys: 'no',
      PreferredAuthentications: 'none',
      ControlPath: 'none',
    };
    const { process } = await startChild(['ssh', ...flags(options), ...this.#arguments, 'exit']);
    const onAbort = () => process.kill();
    signal.addEventListener('abort', onAbort, { once: true });
    await collect(process);
    signal.removeEventListener('abort', onAbort);
    return readFile(seen, 'utf8').catch(() => undefined);
  }

  async trust(key: HostKey): Promise<void> {
    this.#trusted = key;
    await appendFile(this.#knownHosts, this.#line(key));
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

  #line({ type, base64 }: HostKey): string {
    return `${knownHostsName(this.#endpoint)} ${type} ${base64}\n`;
  }

  /** Keys of the lock file decide alone; otherwise the user's own files, and what was accepted just now. */
  #hostKeyOptions(): Readonly<Record<string, string>> {
    const strict = { StrictHostKeyChecking: 'yes', UpdateHostKeys: 'no' };
    const own = `"${this.#knownHosts}"`;
    if (this.#pinned.length > 0) return { ...strict, UserKnownHostsFile: own, GlobalKnownHostsFile: '/dev/null' };
    if (this.#trusted === undefined) return strict;
    const files = this.#endpoint.knownHostsFiles.map((file) => `"${file}"`);
    return { ...strict, UserKnownHostsFile: [own, ...files].join(' ') };
  }
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
