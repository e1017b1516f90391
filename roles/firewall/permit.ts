import type { Inventory, PortRange } from '../../src/index.ts';
import { AddressSet } from './address-set.ts';

/** One side of a permit. */
export interface Side {
  /** As a person calls it: `internet`, `grafana`, `home`. */
  readonly name: string;
  /** Hosts that are part of it, or have an address in it. */
  readonly hosts: ReadonlySet<string>;
  /** Whether it is certain addresses, whatever is outside (see `insideOf`), or anybody at all. */
  readonly who: Who;
  /** Empty unless it is certain addresses. */
  readonly addresses: AddressSet;
}
export type Who = 'addresses' | 'internet' | 'anyone';

/** What a policy allows: traffic that is begun by `from`. The answers come with it. */
export interface Permit {
  readonly from: Side;
  readonly to: Side;
  readonly protocol: 'tcp' | 'udp' | 'any';
  /** Empty: every port, and with `any` protocols without ports too. */
  readonly ports: readonly PortRange[];
  readonly reason: string;
  /** Where it comes from: a flow of the inventory by its number, or what a declared service, tunnel or resolver needs. */
  readonly origin:
    | { readonly kind: 'flow'; readonly index: number }
    | { readonly kind: 'service' | 'tunnel' | 'names' };
  /** It reaches `to` through a gateway that forwards packets (DNAT), not directly. */
  readonly via?: string | undefined;
}

export const internet: Side = { name: 'internet', hosts: new Set(), who: 'internet', addresses: AddressSet.empty };
export const anyone: Side = { name: 'anyone', hosts: new Set(), who: 'anyone', addresses: AddressSet.empty };

/** All addresses of a host of the inventory. */
export function hostSide(name: string, inventory: Inventory, shown: string = name): Side {
  const addresses = [...(inventory.hosts.get(name)?.addresses.values() ?? [])].flat();
  return { name: shown, hosts: new Set([name]), who: 'addresses', addresses: AddressSet.of(addresses) };
}
