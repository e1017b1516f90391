import type { Host, Inventory } from '../../../src/index.ts';
import { AddressSet } from '../address-set.ts';
import type { Policy } from '../policy.ts';

/** Something to begin, from wherever. */
export interface Probe {
  readonly host: string;
  readonly destination: string;
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
}

/** Ports that strangers try first, and that nobody means to have open. */
const oftenOpen = [
  21, 22, 23, 25, 53, 80, 111, 139, 443, 445, 2375, 3306, 5432, 6379, 6443, 8080, 9090, 9100, 10250,
] as const;

/**
 * What is tried on a host: the first and the last port of everything that anybody may reach there, the ports next to them, and
 * those that are often open by mistake. Pure.
 *
 * @param more further ports
 */
export function probesOf(host: Host, policy: Policy, more: readonly number[]): readonly Probe[] {
  const declared = policy.permits.flatMap(({ to, ports }) =>
    to.hosts.has(host.name) ? ports.flatMap(({ first, last }) => [first - 1, first, last, last + 1]) : [],
  );
  const ports = [...new Set([...declared, ...oftenOpen, ...more])].filter((port) => port >= 1 && port <= 65_535);
  return [...host.addresses.values()]
    .flat()
    .flatMap((destination) =>
      ports
        .toSorted((a, b) => a - b)
        .flatMap((port) =>
          (['tcp', 'udp'] as const).map((protocol): Probe => ({ host: host.name, destination, protocol, port })),
        ),
    );
}

/** Whether two addresses are on one network of the inventory: nothing between them translates what they send each other. */
export function areNeighbours(a: string, b: string, inventory: Inventory): boolean {
  return [...inventory.networks.values()].some(({ prefixes }) => {
    const network = AddressSet.of(prefixes);
    return network.has(a) && network.has(b);
  });
}
