import { canonicalAddress, contains, formatAddress, parseAddress } from '../model/ip-address.ts';
import type { Host, Network, Service } from '../model/types.ts';
import { LabError } from '../shared/errors.ts';
import { parseKnownPrefix, takeAddress } from './free-address.ts';

/** What the sandbox needs of an inventory; an `Inventory` is one. */
export interface SandboxInventory {
  readonly networks: ReadonlyMap<string, Network>;
  readonly hosts: ReadonlyMap<string, Pick<Host, 'name' | 'addresses' | 'connection'>>;
  readonly services: ReadonlyMap<string, Pick<Service, 'public'>>;
}

/** A network of the inventory as a Docker network. */
export interface SandboxNetwork {
  /** `lab-home` */
  readonly dockerName: string;
  readonly network: string;
  readonly public: boolean;
  readonly segments: readonly Segment[];
}

/** One prefix of a network and who has which of its addresses, beside the hosts. */
export interface Segment {
  readonly prefix: string;
  readonly family: 4 | 6;
  /** This machine's address, from which `lab` reaches the hosts. */
  readonly controller: string;
  /** Where the hosts send what is not for their own network. */
  readonly gateway: string;
  /** The address that Docker gives to the router; on a private network it takes `gateway` as well. */
  readonly router: string | undefined;
}

export interface SandboxContainer {
  /** `lab-nas` */
  readonly container: string;
  /** Name of the host; `internet` and `router` for the two that are no hosts. */
  readonly name: string;
  readonly kind: 'host' | 'client' | 'router';
  readonly attachments: readonly Attachment[];
  /** Who logs in over SSH. */
  readonly user: string;
}

/** The first address of each family on a network; Docker gives no more. */
export interface Attachment {
  readonly dockerNetwork: string;
  readonly ipv4?: string | undefined;
  readonly ipv6?: string | undefined;
}

export interface SandboxTopology {
  readonly networks: readonly SandboxNetwork[];
  readonly hosts: readonly SandboxContainer[];
  /** Between the private networks and the public one, as in a home. Absent when there is no such pair. */
  readonly router: SandboxContainer | undefined;
  /** The client outside. Absent when no network is public. */
  readonly client: SandboxContainer | undefined;
  /** Whether hosts talk IPv6 through a tunnel that a role makes, whatever their networks have. */
  readonly ipv6InTunnel: boolean;
  /** Domains of public names, which the internet of the sandbox delegates to the public hosts; sorted. */
  readonly publicDomains: readonly string[];
  /** Hosts without an address on a network of the inventory: there is nothing to boot for them. */
  readonly withoutAddress: readonly string[];
}

export const clientName = 'internet';
export const routerName = 'router';
/** Name of the sandbox: containers and networks are called `lab-nas`. */
export const defaultSandboxName = 'lab';

/**
 * Lays out an inventory as containers and networks. Pure.
 *
 * A private network has a router between itself and the first public network: what comes from inside is masqueraded,
 * what comes from outside is dropped. The client outside has the 50th address of the public network, when it is free.
 *
 * @throws LabError SANDBOX_FAILED when the inventory leaves no address free, or nothing to boot
 */
export function layOut(given: SandboxInventory, sandbox: string = defaultSandboxName): SandboxTopology {
  const inventory = withoutTunnels(given);
  const names = new Set(inventory.hosts.keys());
  for (const reserved of [clientName, routerName]) {
    if (names.has(reserved)) {
      throw new LabError('SANDBOX_FAILED', `the sandbox has a machine of its own called "${reserved}"`, {
        expected: `hosts with names other than "${clientName}" and "${routerName}"`,
        found: `a host "${reserved}" in the inventory`,
        hint: 'rename the host',
      });
    }
  }
  const withAddress = [...inventory.hosts.values()].filter(({ addresses }) =>
    [...addresses].some(([network, list]) => inventory.networks.has(network) && list.length > 0),
  );
  if (withAddress.length === 0) {
    throw new LabError('SANDBOX_FAILED', 'the inventory has nothing to boot', {
      expected: 'hosts with addresses on networks of the inventory',
      found: `${inventory.hosts.size} hosts, none with an address on one of ${inventory.networks.size} networks`,
      hint: 'give networks their prefixes, and hosts their "addresses"',
    });
  }

  const used = new Set(withAddress.flatMap(({ addresses }) => [...addresses.values()].flat().map(canonicalAddress)));
  const outside = [...inventory.networks.values()].find((network) => network.public);
  const hasRouter = outside !== undefined && [...inventory.networks.values()].some((network) => !network.public);
  const networks = [...inventory.networks.values()].map((network) => layOutNetwork(network, used, hasRouter, sandbox));
  const publicNetwork = networks.find((network) => network.network === outside?.name);

  return {
    ipv6InTunnel: [...given.networks.values()].some(
      ({ tunnel, prefixes }) => tunnel && prefixes.some((each) => each.includes(':')),
    ),
    publicDomains: publicDomains(given),
    networks,
    hosts: withAddress.map((host) => ({
      container: `${sandbox}-${host.name}`,
      name: host.name,
      kind: 'host',
      attachments: attachmentsOf(host.addresses, networks),
      user: host.connection.user ?? 'root',
    })),
    router: hasRouter
      ? ownMachine(
          'router',
          `${sandbox}-${routerName}`,
          networks.filter(({ public: open, dockerName }) => !open || dockerName === publicNetwork?.dockerName),
          ({ router }) => router,
        )
      : undefined,
    client:
      publicNetwork === undefined
        ? undefined
        : ownMachine('client', `${sandbox}-${clientName}`, [publicNetwork], ({ prefix }) =>
            takeAddress(parseKnownPrefix(prefix), used, [50]),
          ),
    withoutAddress: [...names].filter((name) => !withAddress.some((host) => host.name === name)),
  };
}

function layOutNetwork(network: Network, used: Set<string>, hasRouter: boolean, sandbox: string): SandboxNetwork {
  const routed = hasRouter && !network.public;
  return {
    dockerName: `${sandbox}-${network.name}`,
    network: network.name,
    public: network.public,
    segments: network.prefixes.map((text) => {
      const prefix = parseKnownPrefix(text);
      // A home's router has the first address; on a public network that is the provider's, here this machine.
      const gateway = takeAddress(prefix, used, [1]);
      const controller = routed ? takeAddress(prefix, used, [-2]) : gateway;
      const router = hasRouter ? takeAddress(prefix, used, [-3]) : undefined;
      return { prefix: text, family: prefix.network.kind() === 'ipv4' ? 4 : 6, gateway, controller, router };
    }),
  };
}

function attachmentsOf(
  addresses: ReadonlyMap<string, readonly string[]>,
  networks: readonly SandboxNetwork[],
): Attachment[] {
  return networks.flatMap(({ network, dockerName }) => {
    const list = addresses.get(network) ?? [];
    const ipv4 = list.find((address) => !address.includes(':'));
    const ipv6 = list.find((address) => address.includes(':'));
    if (ipv4 === undefined && ipv6 === undefined) return [];
    return [{ dockerNetwork: dockerName, ipv4, ipv6 }];
  });
}

function ownMachine(
  kind: 'router' | 'client',
  container: string,
  networks: readonly SandboxNetwork[],
  addressOn: (segment: Segment) => string | undefined,
): SandboxContainer {
  return {
    container,
    name: kind === 'router' ? routerName : clientName,
    kind,
    user: 'root',
    attachments: networks.map(({ dockerName, segments }) => {
      const addresses = segments.map((segment) => ({ family: segment.family, address: addressOn(segment) }));
      return {
        dockerNetwork: dockerName,
        ipv4: addresses.find(({ family }) => family === 4)?.address,
        ipv6: addresses.find(({ family }) => family === 6)?.address,
      };
    }),
  };
}

/** The first of this machine's own addresses (not the sandbox's) that lies in a network of the sandbox. */
export function collision(
  topology: SandboxTopology,
  own: readonly { readonly interface: string; readonly address: string }[],
): { readonly interface: string; readonly address: string; readonly prefix: string } | undefined {
  for (const { segments } of topology.networks) {
    for (const { prefix, controller } of segments) {
      const parsed = parseKnownPrefix(prefix);
      for (const candidate of own) {
        const address = parseAddress(candidate.address);
        if (address !== undefined && formatAddress(address) !== controller && contains(parsed, address)) {
          return { ...candidate, prefix };
        }
      }
    }
  }
  return undefined;
}

/** What is above a public name, or the name itself where that is a top-level domain. */
function publicDomains({ services }: SandboxInventory): string[] {
  const names = [...services.values()].flatMap((service) => service.public);
  const domains = names.map((name) => (name.split('.').length > 2 ? name.slice(name.indexOf('.') + 1) : name));
  return [...new Set(domains)].sort();
}

/** A tunnel has no wires: it is made by a role on the hosts themselves. */
function withoutTunnels({ networks, hosts, services }: SandboxInventory): SandboxInventory {
  return { hosts, services, networks: new Map([...networks].filter(([, network]) => !network.tunnel)) };
}
