import type { SourceLocation } from '../shared/errors.ts';
import type { Secret } from '../shared/secret.ts';
import type { ConnectionSettings } from '../transport/contract.ts';

/**
 * The model after loading: everything is resolved, every reference exists. What a user writes is `InventoryInput`
 * (`schema.ts`); what the engine and the networking roles read is this.
 */
export interface Inventory {
  /** File it came from, for messages. */
  readonly source: SourceLocation | undefined;
  readonly hosts: ReadonlyMap<string, Host>;
  readonly groups: ReadonlyMap<string, Group>;
  readonly devices: ReadonlyMap<string, Device>;
  readonly networks: ReadonlyMap<string, Network>;
  readonly services: ReadonlyMap<string, Service>;
  readonly flows: readonly Flow[];
}

/** A machine that `lab` manages. */
export interface Host {
  readonly name: string;
  /** Direct groups first, then the groups that contain those. `all` is implied and not listed. */
  readonly groups: readonly string[];
  readonly connection: ConnectionSettings;
  /** Name of a network → this host's addresses on it. */
  readonly addresses: ReadonlyMap<string, readonly string[]>;
  /** Networks whose addresses were assigned, not given. */
  readonly assigned?: readonly string[] | undefined;
  /** Role name → that role's parameters, merged: all, then groups (outer to inner), then the host itself. */
  readonly params: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
  /** `base.timezone` → where that value was declared (`group home`, `host nas`, `all`). */
  readonly provenance: ReadonlyMap<string, Provenance>;
  /** The same for connection settings: `user` → `all`. What nobody declared is missing. */
  readonly connectionProvenance?: ReadonlyMap<string, Provenance> | undefined;
}

export interface Provenance {
  readonly level: 'all' | 'group' | 'host';
  /** Name of the group or host; `all` for the level all. */
  readonly name: string;
  /** Path inside the inventory document: `['groups', 'home', 'params', 'base', 'timezone']`. */
  readonly path?: readonly (string | number)[] | undefined;
  /** Known at once for YAML; for TypeScript `locateInTypeScript` finds it from `path`. */
  readonly at?: SourceLocation | undefined;
}

export interface Group {
  readonly name: string;
  /** Hosts of this group and of the groups inside it, in inventory order. */
  readonly hosts: readonly string[];
  /** Groups directly inside this one. */
  readonly children: readonly string[];
}

/** A member of the network that `lab` does not log in to: a phone, a laptop. */
export interface Device {
  readonly name: string;
  readonly owner?: string | undefined;
  /** Name of a network → this device's addresses on it. */
  readonly addresses: ReadonlyMap<string, readonly string[]>;
  /** Networks whose addresses were assigned, not given. */
  readonly assigned?: readonly string[] | undefined;
}

/** A network segment, e.g. `public`, `home`. */
export interface Network {
  readonly name: string;
  /** CIDR prefixes, IPv4 and IPv6. */
  readonly prefixes: readonly string[];
  /** A network whose addresses can be reached from the internet. */
  readonly public: boolean;
  /** A network without wires: the role wireguard makes it between the hosts that have an address on it. */
  readonly tunnel: boolean;
}

/** Something that listens: who offers it, where, and under which names. */
export interface Service {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly protocol: 'tcp' | 'udp';
  /** How a gateway carries it to the public: ends TLS (`http`), passes TLS on by SNI, or forwards packets. */
  readonly mode: 'http' | 'tls-passthrough' | 'tcp' | 'udp';
  /** Public DNS names; empty for a service that is private. */
  readonly public: readonly string[];
  /** Private DNS names, resolved only inside. */
  readonly private: readonly string[];
  /** Hosts of the model that act as gateway for the public names. */
  readonly gateways: readonly string[];
  /** Further hosts that offer the same on the same port. */
  readonly replicas?: readonly string[] | undefined;
  readonly http?: HttpOptions | undefined;
  /** A gateway says the client's address in front of each connection that it passes on. */
  readonly proxyProtocol?: boolean | undefined;
}

/** How a gateway treats requests; see `HttpInput`. */
export interface HttpOptions {
  /** Without a slash at the end; empty for all. */
  readonly path: string;
  readonly access: 'everyone' | 'inside';
  /** User → bcrypt hash. */
  readonly users: ReadonlyMap<string, Secret | string>;
  readonly authorizer?: string | undefined;
  readonly health?: string | undefined;
  readonly tls?: 'verified' | 'unverified' | undefined;
  readonly headers: ReadonlyMap<string, string | null>;
  readonly maxBody?: string | undefined;
}

/** Traffic that is meant to be possible. What no flow names is denied. */
export interface Flow {
  readonly from: readonly Endpoint[];
  /** A service, or a host or group with ports given. */
  readonly to: readonly Endpoint[];
  readonly protocol?: 'tcp' | 'udp' | undefined;
  /** Empty when the services named in `to` say which, or when every port is meant (`ports: 'any'`). */
  readonly ports: readonly PortRange[];
  /** Why it exists; becomes a comment in every backend. */
  readonly reason: string;
}

/** From the first port to the last; one port is both. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

export type Endpoint =
  | { readonly kind: 'internet' }
  | { readonly kind: 'host' | 'group' | 'device' | 'network' | 'service'; readonly name: string }
  /** A Kubernetes namespace. */
  | { readonly kind: 'namespace'; readonly name: string };
