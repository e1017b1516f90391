import { canonicalAddress } from '../model/ip-address.ts';
import type { Device, Host, Inventory, Network } from '../model/types.ts';
import type { Entries } from './entries.ts';

type Values = Readonly<Record<string, unknown>>;

/** The inventory as it would be with these entries: addresses, parameters, networks and devices. */
export function withEntries(inventory: Inventory, entries: Entries): Inventory {
  const networks = Object.entries(entries.networks ?? {}).map(([name, network]): [string, Network] => [
    name,
    { name, prefixes: listOf(network.prefixes), public: network.public === true, tunnel: network.tunnel === true },
  ]);
  const devices = Object.entries(entries.devices ?? {}).map(([name, device]): [string, Device] => [
    name,
    { name, owner: device.owner, addresses: addressesOf(device.addresses) },
  ]);
  const hosts = [...inventory.hosts.values()].map((host): [string, Host] => [host.name, withOwn(host, entries)]);
  return {
    ...inventory,
    networks: new Map([...inventory.networks, ...networks]),
    devices: new Map([...inventory.devices, ...devices]),
    hosts: new Map(hosts),
  };
}

function withOwn(host: Host, { params = {}, hosts = {} }: Entries): Host {
  const own = hosts[host.name];
  const roles = new Set([...Object.keys(params), ...Object.keys(own?.params ?? {})]);
  const merged = [...roles].map((role): [string, Values] => [
    role,
    { ...params[role], ...host.params.get(role), ...own?.params?.[role] },
  ]);
  return {
    ...host,
    addresses: new Map([...host.addresses, ...addressesOf(own?.addresses)]),
    params: new Map([...host.params, ...merged]),
  };
}

function addressesOf(given: Readonly<Record<string, string | readonly string[] | undefined>> = {}) {
  return new Map(
    Object.entries(given).flatMap(([network, addresses]): [string, readonly string[]][] =>
      addresses === undefined ? [] : [[network, listOf(addresses).map(canonicalAddress)]],
    ),
  );
}

function listOf(value: string | readonly string[]): readonly string[] {
  return typeof value === 'string' ? [value] : value;
}
