import type { EndpointAddress } from './contract.ts';

/** One SSH server to log in to, everything resolved: inventory first, then `~/.ssh/config`, then ssh's defaults. */
export interface Endpoint {
  /** Under which its host key is pinned: the host's name in the inventory, or the jump host as it was written. */
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly user: string;
  /** 4 or 6 with `AddressFamily`, else 0: both. */
  readonly family: 0 | 4 | 6;
  /** Absolute paths; a default identity need not exist. */
  readonly identityFiles: readonly string[];
  /** True: of an agent's keys offer only those named in `identityFiles`. */
  readonly identitiesOnly: boolean;
  /** Path of the agent's socket. */
  readonly agent: string | undefined;
  readonly certificateFiles: readonly string[];
  /** Jump hosts, outermost first, each `[user@]host[:port]`. */
  readonly proxyJump: readonly string[];
  readonly proxyCommand: string | undefined;
  readonly connectTimeoutSeconds: number;
  readonly keepAliveSeconds: number;
  /** Unanswered keep-alives after which the connection counts as lost. */
  readonly keepAliveCount: number;
  readonly knownHostsFiles: readonly string[];
  readonly hostKeyAlias: string | undefined;
  /** `StrictHostKeyChecking yes`: an unknown key is refused without asking. */
  readonly refuseUnknownKeys: boolean;
}

/** `10.0.0.2:22`, `[fd00::2]:22` */
export function formatAddress(endpoint: { readonly address: string; readonly port: number }): string {
  const { address, port } = endpoint;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** `root@10.0.0.2:22` */
export function formatEndpoint(endpoint: EndpointAddress): string {
  return `${endpoint.user === undefined ? '' : `${endpoint.user}@`}${formatAddress(endpoint)}`;
}

/** The reverse of `formatEndpoint`; undefined for text without a port, or that is no endpoint. */
export function parseEndpoint(text: string): EndpointAddress | undefined {
  const parsed = parseJumpHost(text);
  if (parsed?.port === undefined) return undefined;
  return { user: parsed.user, address: parsed.host, port: parsed.port };
}

export interface JumpHost {
  readonly host: string;
  readonly user: string | undefined;
  readonly port: number | undefined;
}

/** `[user@]host[:port]`, `ssh://user@host:port`, IPv6 addresses in brackets when a port follows; undefined otherwise. */
export function parseJumpHost(text: string): JumpHost | undefined {
  const match =
    /^(?:ssh:\/\/)?(?:(?<user>.+)@)?(?:\[(?<bracketed>[^\]]+)\]|(?<plain>[^\s[\]]+?))(?::(?<port>\d+))?$/.exec(
      text.trim(),
    );
  if (match?.groups === undefined) return undefined;
  const { user, bracketed, plain, port } = match.groups;
  // A bare IPv6 address has colons of its own; its last group is no port.
  if (plain?.includes(':')) return { host: `${plain}${port === undefined ? '' : `:${port}`}`, user, port: undefined };
  const host = bracketed ?? plain;
  if (host === undefined || host.startsWith('-')) return undefined;
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65535)) return undefined;
  return { host, user, port: port === undefined ? undefined : Number(port) };
}
