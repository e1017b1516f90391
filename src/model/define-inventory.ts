import { callSite } from '../shared/call-site.ts';
import type { InventoryInput } from './input.ts';
import { locateInTypeScript } from './locate-in-typescript.ts';
import { resolveInventory } from './resolve-inventory.ts';
import type { Device, Group, Host, Inventory, Network, Service } from './types.ts';

/** An inventory whose names the compiler knows: `inventory.hosts.get('nass')` does not compile. */
export interface TypedInventory<
  HostName extends string = string,
  GroupName extends string = string,
  DeviceName extends string = string,
  NetworkName extends string = string,
  ServiceName extends string = string,
> extends Inventory {
  readonly hosts: ReadonlyMap<HostName, Host>;
  readonly groups: ReadonlyMap<GroupName, Group>;
  readonly devices: ReadonlyMap<DeviceName, Device>;
  readonly networks: ReadonlyMap<NetworkName, Network>;
  readonly services: ReadonlyMap<ServiceName, Service>;
}

export type KeyOf<Section> = Section extends ReadonlyMap<infer Name extends string, unknown> ? Name : never;
/** `'nas' | 'node1' | …` */
export type HostNameOf<I extends Inventory> = KeyOf<I['hosts']>;
/** `'home' | 'gateway' | …` */
export type GroupNameOf<I extends Inventory> = KeyOf<I['groups']>;

/** `'home' | 'public' | …` */
export type NetworkNameOf<I extends Inventory> = KeyOf<I['networks']>;

/**
 * What selects hosts: `all`, a host, group or network, or a pattern with `*`, `?`, `[…]`, `,`, `:`, `!` or `&` in it, which
 * is checked when it is used.
 */
export type HostPattern<I extends Inventory> =
  | 'all'
  | HostNameOf<I>
  | GroupNameOf<I>
  | NetworkNameOf<I>
  | `${string}${'*' | '?' | '[' | ',' | ':' | '!' | '&' | '@'}${string}`;

/**
 * Declares the homelab: hosts, groups, devices, networks, services and flows. Every name is a literal type, so that an
 * unknown one fails to compile where it stands and editors complete the known ones.
 *
 * @throws LabError INVENTORY_INVALID with all mistakes at once, each with file, line and path
 * @example
 * export default defineInventory({
 *   networks: { home: { prefixes: '10.77.1.0/24' } },
 *   groups: { storage: {} },
 *   hosts: { nas: { groups: ['storage'], addresses: { home: '10.77.1.10' } } },
 *   services: { photos: { host: 'nas', port: 2342 } },
 *   flows: [{ from: 'home', to: 'photos', reason: 'everybody at home looks at photos' }],
 * });
 */
export function defineInventory<
  HostName extends string = never,
  GroupName extends string = never,
  DeviceName extends string = never,
  NetworkName extends string = never,
  ServiceName extends string = never,
>(
  input: InventoryInput<HostName, GroupName, DeviceName, NetworkName, ServiceName>,
): TypedInventory<HostName, GroupName, DeviceName, NetworkName, ServiceName> {
  const at = callSite(defineInventory);
  return resolveInventory(input, { at, locate: (path) => locateInTypeScript(at, path) }) as ReturnType<
    typeof defineInventory<HostName, GroupName, DeviceName, NetworkName, ServiceName>
  >;
}
