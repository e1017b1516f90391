import type { Secret } from '../shared/secret.ts';
import type { BecomeMethod, ConnectionSettings } from '../transport/contract.ts';

/**
 * What a user writes. The type parameters are the names that are declared: each is inferred from the keys of its
 * section only (`NoInfer` elsewhere), so that an unknown name fails to compile where it stands. `schema.ts` is the same
 * shape for values that no compiler has seen; a type test holds the two together.
 */
export interface InventoryInput<
  HostName extends string = string,
  GroupName extends string = string,
  DeviceName extends string = string,
  NetworkName extends string = string,
  ServiceName extends string = string,
> {
  /** For editors: the JSON Schema of this document. Ignored. */
  readonly $schema?: string | undefined;
  /** How to connect to every host, unless a group or the host says otherwise. */
  readonly ssh?: ConnectionDefaultsInput | undefined;
  /** Role parameters of every host. */
  readonly params?: RoleParamsInput | undefined;
  readonly networks?: { readonly [Name in NetworkName]: NetworkInput } | undefined;
  readonly groups?: { readonly [Name in GroupName]: GroupInput<NoInfer<GroupName>> } | undefined;
  readonly hosts: { readonly [Name in HostName]: HostInput<NoInfer<GroupName>, NoInfer<NetworkName>> };
  readonly devices?: { readonly [Name in DeviceName]: DeviceInput<NoInfer<NetworkName>> } | undefined;
  readonly services?: { readonly [Name in ServiceName]: ServiceInput<NoInfer<HostName>> } | undefined;
  /** Traffic that is meant to be possible. What no flow names is denied. */
  readonly flows?:
    | readonly FlowInput<
        | NoInfer<HostName>
        | NoInfer<GroupName>
        | NoInfer<DeviceName>
        | NoInfer<NetworkName>
        | NoInfer<ServiceName>
        | 'internet'
        | 'all'
      >[]
    | undefined;
}

/** Role name → values for that role's parameters. They are checked by the role's own schema when a play uses it. */
export interface RoleParamsInput {
  readonly [role: string]: { readonly [param: string]: unknown };
}

export interface NetworkInput {
  /** CIDR prefixes, IPv4 or IPv6: `10.77.1.0/24`. */
  readonly prefixes: OneOrMore<string>;
  /** Its addresses can be reached from the internet. Default false. */
  readonly public?: boolean | undefined;
  /** It has no wires: the role wireguard makes it between the hosts that have an address on it. Default false. */
  readonly tunnel?: boolean | undefined;
}

export interface GroupInput<GroupName extends string = string> {
  /** Groups inside this one: their hosts belong to this group too. */
  readonly children?: readonly GroupName[] | undefined;
  readonly ssh?: ConnectionDefaultsInput | undefined;
  readonly params?: RoleParamsInput | undefined;
}

export interface HostInput<GroupName extends string = string, NetworkName extends string = string> {
  readonly groups?: readonly GroupName[] | undefined;
  /** Address or name to connect to. Default: the host's first address on a network. */
  readonly address?: string | undefined;
  /** Network → this host's addresses on it; `auto` on a tunnel: one from each prefix, assigned. */
  readonly addresses?: AddressesInput<NetworkName> | undefined;
  readonly ssh?: ConnectionInput | undefined;
  readonly params?: RoleParamsInput | undefined;
}

/** Network → one address, a list, or `auto`. */
export type AddressesInput<NetworkName extends string = string> = {
  readonly [Name in NetworkName]?: OneOrMore<string> | undefined;
};

export interface DeviceInput<NetworkName extends string = string> {
  readonly owner?: string | undefined;
  /** Network → this device's addresses on it; `auto` on a tunnel: one from each prefix, assigned. */
  readonly addresses?: AddressesInput<NetworkName> | undefined;
}

export interface ServiceInput<HostName extends string = string> {
  readonly host: HostName;
  /** 1 to 65535. */
  readonly port: number;
  /** Default `tcp`; `udp` for the mode `udp`. */
  readonly protocol?: 'tcp' | 'udp' | undefined;
  /** How a gateway carries it. Default: `http` with public names, else the protocol. */
  readonly mode?: 'http' | 'tls-passthrough' | 'tcp' | 'udp' | undefined;
  /** Public DNS names. They need a gateway, or a host on a public network. */
  readonly public?: OneOrMore<string> | undefined;
  /** DNS names that resolve only inside. */
  readonly private?: OneOrMore<string> | undefined;
  /** Hosts that carry the public names. Default: the service's own host when it is on a public network, else all that are. */
  readonly gateways?: OneOrMore<HostName> | undefined;
  /** Further hosts that offer the same on the same port; a gateway takes those that answer. Mode `http` and `tls-passthrough`. */
  readonly replicas?: OneOrMore<HostName> | undefined;
  /** How the gateway treats requests. Mode `http`. */
  readonly http?: HttpInput | undefined;
  /** The service wants the client's address in front of each connection (PROXY protocol, version 2). Mode `tls-passthrough`. */
  readonly proxyProtocol?: boolean | undefined;
}

/** How a gateway treats the requests for a service of mode `http`. */
export interface HttpInput {
  /** Only requests below this path: `/api`. Several services share a name by it; the longest that fits is taken. Default all. */
  readonly path?: string | undefined;
  /** Who may ask: everybody, or those in private networks and the tunnel alone. Default `everyone`. */
  readonly access?: 'everyone' | 'inside' | undefined;
  /** User → hash of the password, as `caddy hash-password` prints it (bcrypt). */
  readonly users?: { readonly [user: string]: Secret | string } | undefined;
  /** URL that says whether a request may pass (2xx) and what is answered otherwise: `http://10.80.0.11:9091/api/verify`. */
  readonly authorizer?: string | undefined;
  /** Path that answers 2xx while the service is well; asked every ten seconds. Without it a failed request says so. */
  readonly health?: string | undefined;
  /** The service itself speaks TLS: `verified` by the gateway, or `unverified` (its own certificate). Default plain HTTP. */
  readonly tls?: 'verified' | 'unverified' | undefined;
  /** Response headers beyond those of the gateway; null takes one away. */
  readonly headers?: { readonly [name: string]: string | null } | undefined;
  /** Largest body of a request, such as `50MB`. Default any. */
  readonly maxBody?: string | undefined;
}

export interface FlowInput<Name extends string = string> {
  readonly from: OneOrMore<EndpointInput<Name>>;
  readonly to: OneOrMore<EndpointInput<Name>>;
  /** Default `tcp` when ports are given. */
  readonly protocol?: 'tcp' | 'udp' | undefined;
  /** Needed unless every target is a service; a range is `'8000-8010'`; `any` for every port of every protocol. */
  readonly ports?: 'any' | OneOrMore<number | PortRangeInput> | undefined;
  /** Why it exists; becomes a comment in every backend. */
  readonly reason: string;
}

/** `8000-8010`: both of them, and all between. */
export type PortRangeInput = `${number}-${number}`;

/** A name of the inventory, `internet`, `all` (every host), or a Kubernetes namespace. */
export type EndpointInput<Name extends string = string> = Name | { readonly namespace: string };

/** Connection settings that several hosts can share; all but the address. */
export interface ConnectionDefaultsInput {
  /** Default `ssh`. */
  readonly transport?: ConnectionSettings['transport'] | undefined;
  readonly port?: number | undefined;
  readonly user?: string | undefined;
  readonly password?: Secret | undefined;
  /** Private key. A relative path starts at the project's folder, `~/` at the home folder. */
  readonly identityFile?: string | undefined;
  readonly passphrase?: Secret | undefined;
  /** Jump hosts, outermost first: a host of the inventory, or `[user@]host[:port]`. */
  readonly proxyJump?: OneOrMore<string> | undefined;
  /** OpenSSH client configuration to read instead of `~/.ssh/config`; relative as `identityFile`. */
  readonly configFile?: string | undefined;
  /** Default `none` for root and for the transports `docker` and `local`, else `sudo`. */
  readonly become?: BecomeMethod | undefined;
  readonly becomePassword?: Secret | undefined;
  /** Default 10. */
  readonly connectTimeoutSeconds?: number | undefined;
  /**
   * Tried in this order when a host does not answer or refuses the login: where it was before its port, user or address
   * changed. What an entry leaves out is as for the host.
   */
  readonly fallback?: readonly FallbackDefaultsInput[] | undefined;
}

export interface ConnectionInput extends ConnectionDefaultsInput {
  /** The same as the host's `address`. */
  readonly address?: string | undefined;
  readonly fallback?: readonly FallbackInput[] | undefined;
}

/** What several hosts can have in common where they answered before; all but the address. */
export type FallbackDefaultsInput = Pick<
  ConnectionDefaultsInput,
  'port' | 'user' | 'identityFile' | 'password' | 'become' | 'becomePassword' | 'proxyJump'
>;

export interface FallbackInput extends FallbackDefaultsInput {
  readonly address?: string | undefined;
}

export type OneOrMore<T> = T | readonly T[];
