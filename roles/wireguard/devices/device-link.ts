import { type Inventory, LabError } from '../../../src/index.ts';
import { nearest } from '../../../src/shared/suggest.ts';
import { resolversOf } from '../../dns/private/resolvers.ts';
import { paramsFor } from '../host-params.ts';
import { mainInterface } from '../links.ts';
import { deviceGateway, endpointOf, membersOf, tunnelPrefixes } from '../mesh.ts';
import { interfacesOf, type Params } from '../params.ts';
import { activeEnd, deviceInterfaces, isDeviceInterface, type LinkEnd, type TunnelState } from '../state.ts';

/** A device's place in the tunnel. */
export interface DeviceLink {
  readonly device: string;
  /** Without a prefix length. */
  readonly addresses: readonly string[];
  /** The host that it dials. */
  readonly gateway: string;
  readonly params: Params;
  /** What is inside: prefixes of the tunnel and of the sites. */
  readonly inside: readonly string[];
  /** Where an interface of the gateway is dialled: `203.0.113.10:51820`. */
  endpoint(interfaceName: string): string;
}

/**
 * @throws LabError HOST_PATTERN for a device that the inventory has not; USAGE for one that is not on the tunnel;
 *   PLAN_IMPOSSIBLE when it has nobody to dial
 */
export function deviceLink(inventory: Inventory, name: string): DeviceLink {
  const device = inventory.devices.get(name);
  if (device === undefined) {
    const near = nearest(name, inventory.devices.keys());
    throw new LabError('HOST_PATTERN', `the inventory has no device "${name}"`, {
      at: inventory.source,
      expected: [...inventory.devices.keys()].join(', ') || `devices: { ${name}: { addresses: { vpn: 'auto' } } }`,
      found: name,
      hint: `${near === undefined ? '' : `did you mean "${near}"? Otherwise `}add it to the inventory: devices: { ${name}: { addresses: { vpn: 'auto' } } }`,
    });
  }
  const params = paramsFor([...inventory.hosts.values()][0]);
  const inside = tunnelPrefixes(inventory, params);
  const addresses = device.addresses.get(params.network);
  if (addresses === undefined || addresses.length === 0)
    throw new LabError('USAGE', `${name} has no address on the tunnel "${params.network}"`, {
      at: inventory.source,
      expected: `addresses: { ${params.network}: 'auto' }`,
      found: [...device.addresses.keys()].join(', ') || 'no addresses',
    });
  const gateway = deviceGateway(inventory, params);
  if (gateway === undefined || endpointOf(gateway, params.interface, inventory, params) === null)
    throw new LabError('PLAN_IMPOSSIBLE', `nobody in the tunnel "${params.network}" can be dialled by a device`, {
      at: inventory.source,
      expected: 'a member with an address on a public network, or the parameter gateways',
    });
  const gatewayParams = paramsFor(inventory.hosts.get(gateway));
  return {
    device: name,
    addresses,
    gateway,
    params: { ...gatewayParams, dns: nameServers(gatewayParams, inventory) },
    inside: [...inside, ...membersOf(inventory, params).flatMap(({ sites }) => sites)],
    endpoint: (interfaceName) => endpointOf(gateway, interfaceName, inventory, gatewayParams) ?? '',
  };
}

/** Those that the parameters name; without any, the resolvers of the role dns that the tunnel leads to. */
function nameServers({ dns, network }: Params, inventory: Inventory): string[] {
  if (dns.length > 0) return dns;
  const addresses = resolversOf(inventory)
    .filter(({ networks }) => networks.some(({ name }) => name === network))
    .flatMap(({ host }) => inventory.hosts.get(host)?.addresses.get(network) ?? []);
  return addresses.toSorted((a, b) => Number(a.includes(':')) - Number(b.includes(':')));
}

/** The interface of the gateway that a new device is put on: where the other devices are, else the main one. */
export function interfaceForDevice(state: TunnelState, base: string): string {
  const ends = [...state.links.values()].flatMap((each) => activeEnd(each) ?? []);
  return ends.find(({ peerInterface }) => isDeviceInterface(peerInterface))?.interface ?? mainInterface(state, base);
}

/**
 * The interface that a device moves to: another one that carries links, else a free one.
 *
 * @throws LabError PLAN_IMPOSSIBLE when there is none
 */
export function interfaceToMoveTo({ device, gateway, params }: DeviceLink, state: TunnelState): string {
  const now = (state.links.get(device) ?? []).map((end) => end.interface);
  const others = interfacesOf(params).filter((name) => !now.includes(name));
  const used = new Set([...state.links.values()].flatMap((ends) => activeEnd(ends)?.interface ?? []));
  const found = others.find((name) => used.has(name)) ?? others.find((name) => !state.keys.has(name));
  if (found !== undefined) return found;
  throw new LabError('PLAN_IMPOSSIBLE', `${gateway} has no interface left for new keys of ${device}`, {
    host: gateway,
    expected: `one of ${interfacesOf(params).join(', ')} without the device`,
    found: now.join(', '),
  });
}

/** The name of the key pair that a device does not use now. */
export function otherKeyPair(end: LinkEnd): string {
  return end.peerInterface === deviceInterfaces[0] ? deviceInterfaces[1] : deviceInterfaces[0];
}
