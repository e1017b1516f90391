import type { PortRange } from '../../src/index.ts';
import type { AddressSet } from './address-set.ts';
import type { Permit, Side } from './permit.ts';
import type { Policy } from './policy.ts';

/** The first packet of something new. */
export interface Packet {
  readonly source: string;
  readonly destination: string;
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
}

/**
 * The permit that lets a packet through, by going through the policy one permit after the other: slow, and without the algebra of
 * the compilers, which are held against it.
 */
export function permitFor(policy: Policy, packet: Packet): Permit | undefined {
  return policy.permits.find(
    ({ from, to, protocol, ports }) =>
      (protocol === 'any' || protocol === packet.protocol) &&
      hasPort(ports, packet.port) &&
      isOn(from, packet.source, policy.inside) &&
      isOn(to, packet.destination, policy.known),
  );
}

/** The permit by which a gateway passes on to a service behind it what comes to one of its own addresses. */
export function passedOnBy(gateway: string, policy: Policy, { source, protocol, port }: Packet): Permit | undefined {
  return policy.permits.find(
    (permit) =>
      permit.via === gateway &&
      (permit.protocol === 'any' || permit.protocol === protocol) &&
      hasPort(permit.ports, port) &&
      isOn(permit.from, source, policy.inside),
  );
}

function isOn({ who, addresses }: Side, address: string, inside: AddressSet): boolean {
  if (who === 'anyone') return true;
  return who === 'internet' ? !inside.has(address) : addresses.has(address);
}

export function hasPort(ports: readonly PortRange[], port: number): boolean {
  return ports.length === 0 || ports.some(({ first, last }) => first <= port && port <= last);
}
