import { type Host, type Inventory, LabError } from '../../../src/index.ts';
import { internetTable, leavesByTunnel, tunnelMark } from '../../wireguard/internet.ts';
import { type Tunnel, tunnelOf } from '../../wireguard/mesh.ts';
import { slots } from '../../wireguard/params.ts';
import { AddressSet, families } from '../address-set.ts';
import type { Params } from '../params.ts';
import type { Policy } from '../policy.ts';
import { tunnelInterfacesOf, tunnelParamsOf } from '../tunnel-permits.ts';

/** How a host reaches the internet when it does not by its own line. */
export interface WayOut {
  /** The gateway that carries what it sends there, under the gateway's address. */
  readonly gateway: string;
  /** Where the tunnel itself goes by the host's own line. */
  readonly dialled: AddressSet;
  /** UDP ports there. */
  readonly ports: { readonly first: number; readonly last: number };
  readonly tunnelInterfaces: readonly string[];
  /** Private networks with wires: what is for them goes the way that the host's routes say. */
  readonly wired: AddressSet;
  /** Addresses that are not the internet. */
  readonly inside: AddressSet;
}

/**
 * What `internet: 'tunnel'` comes to for a host; undefined for one that uses its own line.
 *
 * @throws LabError FIREWALL_POLICY when there is no such tunnel, or no flow by which the gateway would carry anything
 */
export function wayOutOf(host: Host, inventory: Inventory, policy: Policy, params: Params): WayOut | undefined {
  if (params.internet === 'direct') return undefined;
  const problem = (message: string, expected: string, hint: string) =>
    new LabError('FIREWALL_POLICY', message, { host: host.name, expected, found: "internet: 'tunnel'", hint });
  if (!leavesByTunnel(host))
    throw problem(
      `${host.name} leaves through the tunnel by a parameter of a play, of which the role wireguard knows nothing`,
      "params: { firewall: { internet: 'tunnel' } } in the inventory",
      'move it from the play to the host or its group',
    );
  const tunnelParams = tunnelParamsOf(host, inventory);
  const tunnel = tunnelParams === undefined ? undefined : tunnelOf(host, inventory, tunnelParams);
  if (tunnelParams === undefined || tunnel === undefined || tunnel.internet === null)
    throw problem(
      `${host.name} has no tunnel through which it could reach the internet`,
      'an address on a network with tunnel: true, and the role wireguard',
      'give it one, or leave out the parameter',
    );
  if (!leadsOut(policy, tunnel))
    throw problem(
      `no flow leads from ${host.name} to the internet: nothing that it sends there would be carried`,
      `a flow such as { from: '${host.name}', to: 'internet', ports: [80, 443], reason: 'updates' }`,
      'add what it needs there: updates, names, time',
    );
  const dialled = tunnel.peers.flatMap(({ dial }) => dial ?? []);
  const networks = [...inventory.networks.values()].filter((network) => !network.tunnel && !network.public);
  return {
    gateway: tunnel.internet,
    dialled: AddressSet.of(dialled),
    ports: { first: tunnelParams.port, last: tunnelParams.port + slots.length - 1 },
    tunnelInterfaces: tunnelInterfacesOf(host, inventory),
    wired: AddressSet.of(networks.flatMap(({ prefixes }) => prefixes)),
    inside: policy.inside,
  };
}

/** Hosts whose way to the internet leads through this one. */
export function carriedBy(gateway: Host, inventory: Inventory, policy: Policy): readonly string[] {
  return [...inventory.hosts.values()]
    .filter((host) => {
      const tunnelParams = leavesByTunnel(host) ? tunnelParamsOf(host, inventory) : undefined;
      if (tunnelParams === undefined) return false;
      const tunnel = tunnelOf(host, inventory, tunnelParams);
      return tunnel.internet === gateway.name && leadsOut(policy, tunnel);
    })
    .map(({ name }) => name);
}

/** Whether a flow leads from there to the internet: without one the gateway would carry nothing. */
function leadsOut({ permits }: Policy, { addresses }: Tunnel): boolean {
  const own = AddressSet.of(addresses);
  return permits.some(({ from, to }) => to.who === 'internet' && from.addresses.overlaps(own));
}

/** Preferences of our rules (ip-rule(8)), before those of the main table. */
const preference = { wired: 7600, nearer: 7601, tunnel: 7602 } as const;

/**
 * The switch, as nft(8) loads it: whatever is not for inside leaves by the tunnel's interfaces, or not at all. The comments that
 * begin with `# rule` are rules of ip-rule(8), which the script of the role sets.
 */
export function renderWayOut({ dialled, ports, tunnelInterfaces, wired, inside }: WayOut): string {
  const flag = { ipv4: '-4', ipv6: '-6' } as const;
  const word = { ipv4: 'ip', ipv6: 'ip6' } as const;
  const rules = families.flatMap((family) => [
    ...wired.prefixes(family).map((prefix) => `${flag[family]} to ${prefix} lookup main pref ${preference.wired}`),
    `${flag[family]} lookup main suppress_prefixlength 0 pref ${preference.nearer}`,
    `${flag[family]} not fwmark ${tunnelMark} lookup ${internetTable} pref ${preference.tunnel}`,
  ]);
  const names = tunnelInterfaces.map((name) => `"${name}"`).join(', ');
  const leaving = families.flatMap((family) => {
    const dial = dialled.format(family);
    return [
      ...(dial.length === 0
        ? []
        : [
            `meta mark ${tunnelMark} ${word[family]} daddr { ${dial.join(', ')} } udp dport ${ports.first}-${ports.last} accept`,
          ]),
      `${word[family]} daddr { ${inside.format(family).join(', ')} } accept`,
    ];
  });
  return [
    '# Managed by lab (role firewall): what leaves for the internet leaves through the tunnel.',
    ...rules.map((rule) => `# rule ${rule}`),
    'add table inet lab_internet',
    'delete table inet lab_internet',
    'table inet lab_internet {',
    '\tchain output {',
    '\t\ttype filter hook output priority filter - 5; policy accept;',
    '\t\tjump leaving',
    '\t}',
    '\tchain forward {',
    '\t\ttype filter hook forward priority filter - 5; policy accept;',
    '\t\tjump leaving',
    '\t}',
    '\tchain leaving {',
    `\t\toifname { "lo", ${names} } accept`,
    ...leaving.map((rule) => `\t\t${rule}`),
    '\t\tcounter reject with icmpx type admin-prohibited',
    '\t}',
    '}',
    '',
  ].join('\n');
}
