import type { Readable, Writable } from 'node:stream';
import type { Secret } from '../shared/secret.ts';

/** How the user of the connection becomes root on the host. */
export type BecomeMethod = 'none' | 'sudo' | 'doas';

/** Everything that a transport needs to reach one host; what is absent comes from `~/.ssh/config` or the default. */
export interface ConnectionSettings {
  /** `ssh` (ssh2, default), `openssh` (the system's `ssh`), `docker` (`docker exec`), `local` (this machine). */
  readonly transport: 'ssh' | 'openssh' | 'docker' | 'local';
  /** Address or name to dial; a `Host` alias of `~/.ssh/config` works. For `docker`: the container. */
  readonly address: string;
  readonly port?: number | undefined;
  readonly user?: string | undefined;
  readonly password?: Secret | undefined;
  /** Path of a private key. */
  readonly identityFile?: string | undefined;
  readonly passphrase?: Secret | undefined;
  /** Jump hosts, outermost first, each `[user@]host[:port]`. */
  readonly proxyJump?: readonly string[] | undefined;
  /** An additional OpenSSH client configuration file instead of `~/.ssh/config`. */
  readonly configFile?: string | undefined;
  readonly become: BecomeMethod;
  readonly becomePassword?: Secret | undefined;
  /** Default 10. */
  readonly connectTimeoutSeconds?: number | undefined;
  /** Where else the host may still answer, in this order; what an entry leaves out is as above. */
  readonly fallback?: readonly ConnectionFallback[] | undefined;
}

/** What can be different where a host was reached before its port, login user or address changed. */
export type ConnectionFallback = Partial<
  Pick<
    ConnectionSettings,
    'address' | 'port' | 'user' | 'identityFile' | 'password' | 'become' | 'becomePassword' | 'proxyJump'
  >
>;

/** Where a login went: `root@10.77.1.10:22`. */
export interface EndpointAddress {
  readonly user?: string | undefined;
  readonly address: string;
  readonly port: number;
}

/** A host key as in a `known_hosts` line: `ssh-ed25519` and base64. */
export interface HostKey {
  readonly type: string;
  readonly base64: string;
}

/** Decides on host keys: pinned ones come from the lock file and `known_hosts`. */
export interface HostKeyPolicy {
  /** Keys pinned for this host, demanded at every endpoint of it; empty when never seen. `address` is what is dialled. */
  pinned(host: string, address: string): readonly HostKey[];
  /**
   * Called when no key of the host is known anywhere. Resolves true to accept and pin it. Without a person to ask it
   * resolves false, and the connection fails with HOST_KEY_UNKNOWN.
   */
  firstContact(host: string, key: HostKey, fingerprint: string): Promise<boolean>;
  /**
   * Called after each login with the key that was presented. One that only `known_hosts` vouched for, under the address
   * of that day, is known by the host's name from then on. `address` is what was dialled. Never rejects.
   */
  loggedIn?(host: string, key: HostKey, address: string): Promise<void>;
}

/**
 * A running process on the host with its three streams, closed with the connection. Both outputs have to be read: a full
 * one stops the process.
 */
export interface RemoteProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /**
   * Exit code; `null` when it ended without one (signal, connection lost, `kill`): unknown, never success. Settles after
   * the output that somebody reads has arrived.
   */
  readonly exit: Promise<number | null>;
  /**
   * Closes its streams at once and settles `exit` with `null`. On the host it is killed where the transport can do that
   * (local; ssh for users other than root); elsewhere it sees the end of its input.
   */
  kill(): void;
}

export interface Connection extends AsyncDisposable {
  /** Name of the host in the inventory. */
  readonly host: string;
  /** The key the host presented, where the transport has one. */
  readonly hostKey?: HostKey | undefined;
  /** Where the login went after `~/.ssh/config` had its say, for the transports over SSH. */
  readonly endpoint?: EndpointAddress | undefined;
  /** Starts a process; `argv` is quoted once, here. No terminal. */
  start(argv: readonly string[]): Promise<RemoteProcess>;
  /** Settles when the connection is gone: `undefined` after a regular close, else why. */
  readonly closed: Promise<Error | undefined>;
}

/** What `connect` takes beside the settings of the host. */
export interface ConnectOptions {
  readonly hostKeys: HostKeyPolicy;
  /** Ends the attempt to connect; an established connection ends by being disposed of. */
  readonly signal?: AbortSignal | undefined;
  /**
   * The hosts of the inventory. A jump host that is one of them, by name or by address and port, is logged in to with
   * its own settings, and its key is pinned under its own name.
   */
  readonly hosts?: ReadonlyMap<string, { readonly name: string; readonly connection: ConnectionSettings }> | undefined;
}

export interface Transport {
  /**
   * @throws LabError UNREACHABLE, AUTH_FAILED, HOST_KEY_UNKNOWN, HOST_KEY_CHANGED, SSH_CONFIG; the reason of `signal`
   * when that aborts
   */
  connect(host: string, settings: ConnectionSettings, options: ConnectOptions): Promise<Connection>;
}
