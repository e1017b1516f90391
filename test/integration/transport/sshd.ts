import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ConnectionSettings, HostKey, HostKeyPolicy } from '../../../src/transport/contract.ts';

const program = '/usr/sbin/sshd';

/** A real sshd on loopback, for the user that runs the tests, with host keys and client keys of its own. */
export class Sshd implements AsyncDisposable {
  readonly directory: string;
  readonly port: number;
  readonly user = userInfo().username;
  #process: ChildProcess | undefined;

  private constructor(directory: string, port: number) {
    this.directory = directory;
    this.port = port;
  }

  /** `options` are lines of sshd_config; they come first and win. */
  static async start(options: readonly string[] = []): Promise<Sshd> {
    if (!existsSync(program)) throw new Error(`${program} is missing: sh scripts/setup-test-tools.sh installs it`);
    const directory = mkdtempSync(join(tmpdir(), 'lab-sshd-'));
    const sshd = new Sshd(directory, await freePort());
    for (const type of ['ed25519', 'ecdsa', 'rsa']) keygen(join(directory, `host_${type}`), type);
    keygen(sshd.path('id'), 'ed25519');
    writeFileSync(sshd.path('authorized_keys'), readFileSync(sshd.path('id.pub')));
    writeFileSync(sshd.path('config'), [...options, ...sshd.#config()].join('\n').concat('\n'));
    // An empty client configuration: the tests do not depend on who runs them.
    writeFileSync(sshd.path('ssh_config'), sshd.clientConfig());
    await sshd.restart();
    return sshd;
  }

  #config(): string[] {
    return [
      `Port ${this.port}`,
      'ListenAddress 127.0.0.1',
      'ListenAddress ::1',
      ...['ed25519', 'ecdsa', 'rsa'].map((type) => `HostKey ${this.path(`host_${type}`)}`),
      `AuthorizedKeysFile ${this.path('authorized_keys')}`,
      'StrictModes no',
      'UsePAM no',
      'PidFile none',
      'PermitRootLogin yes',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'MaxStartups 100',
    ];
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  /** A client configuration that looks nowhere but into this directory, with further lines first. */
  clientConfig(...lines: string[]): string {
    return [
      ...lines,
      'Host *',
      `  UserKnownHostsFile ${this.path('known_hosts')}`,
      '  GlobalKnownHostsFile none',
      '  IdentityAgent none',
      `  IdentityFile ${this.path('no-such-key')}`,
      '',
    ].join('\n');
  }

  async restart(): Promise<void> {
    await this.stop();
    if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true });
    const deadline = Date.now() + 60_000;
    // While it was down, a connection of somebody else may have taken the port for its own end.
    for (let log = 'Bind to port'; log.includes('Bind to port'); ) {
      log = await this.#listen(deadline);
    }
  }

  /** Gives what it said until it listens, or could not on an address. */
  async #listen(deadline: number): Promise<string> {
    const process = spawn(program, ['-D', '-e', '-f', this.path('config')], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#process = process;
    let log = '';
    process.stderr.on('data', (chunk) => {
      log += chunk;
    });
    while (!log.includes('Server listening on ::1')) {
      if (Date.now() > deadline || (process.exitCode !== null && !log.includes('Bind to port'))) {
        throw new Error(`sshd does not start:\n${log}`);
      }
      await delay(10);
      if (process.exitCode !== null) break;
    }
    if (log.includes('Bind to port')) await this.stop();
    return log;
  }

  /** Ends the listener; sessions that are open stay. */
  async stop(): Promise<void> {
    const running = this.#process;
    if (running === undefined || running.exitCode !== null) return;
    const exited = new Promise((resolve) => running.once('exit', resolve));
    running.kill();
    await exited;
    this.#process = undefined;
  }

  /** Ends the processes of every open session, as a power cut would. */
  killSessions(): void {
    for (const pid of this.sessionPids()) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch (thrown) {
        // It may have ended by itself since it was listed.
        if ((thrown as NodeJS.ErrnoException).code !== 'ESRCH') throw thrown;
      }
    }
  }

  sessionPids(): number[] {
    const listener = this.#process?.pid;
    if (listener === undefined) return [];
    const children = readFileSync(`/proc/${listener}/task/${listener}/children`, 'utf8').trim();
    return children === '' ? [] : children.split(' ').map(Number);
  }

  hostKey(type: 'ed25519' | 'ecdsa' | 'rsa' = 'ed25519'): HostKey {
    const [name = '', base64 = ''] = readFileSync(this.path(`host_${type}.pub`), 'utf8').split(' ');
    return { type: name, base64 };
  }

  knownHosts(lines: readonly string[]): void {
    writeFileSync(this.path('known_hosts'), lines.map((line) => `${line}\n`).join(''));
  }

  settings(more: Partial<ConnectionSettings> = {}): ConnectionSettings {
    return {
      transport: 'ssh',
      address: '127.0.0.1',
      port: this.port,
      user: this.user,
      identityFile: this.path('id'),
      configFile: this.path('ssh_config'),
      become: 'none',
      ...more,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.killSessions();
    await this.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export function keygen(file: string, type: string, passphrase = ''): void {
  const bits = type === 'rsa' ? ['-b', '2048'] : [];
  execFileSync('ssh-keygen', ['-q', '-t', type, ...bits, '-N', passphrase, '-f', file, '-C', 'test']);
}

/** Trusts exactly these keys, whatever the host. */
export function pinning(...keys: HostKey[]): HostKeyPolicy {
  return { pinned: () => keys, firstContact: async () => false };
}

/** Nothing is pinned; answers every first contact so, and writes down what it was asked. */
export function answering(
  answer: boolean,
): HostKeyPolicy & { readonly asked: { host: string; fingerprint: string }[] } {
  const asked: { host: string; fingerprint: string }[] = [];
  return {
    asked,
    pinned: () => [],
    async firstContact(host, _key, fingerprint) {
      asked.push({ host, fingerprint });
      return answer;
    },
  };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
