import type { Host, Inventory } from '../../../src/index.ts';
import { canonicalAddress, parseAddress } from '../../../src/model/ip-address.ts';
import { publicAddressesOf } from '../../dns/public/records.ts';
import { AddressSet } from '../../firewall/address-set.ts';
import { insideOf } from '../../firewall/policy.ts';
import { tunnelInterfacesOf } from '../../firewall/tunnel-permits.ts';
import type { WayOut } from './judge-ways.ts';
import { addressesIn, type HomeAddress } from './secrets-of-home.ts';

/** What a host said of its tunnels and of its way to the internet. */
export interface Look {
  readonly peers: readonly { readonly endpoint: string; readonly allowed: readonly string[] }[];
  readonly configured: readonly { readonly file: string; readonly endpoint: string }[];
  readonly addresses: readonly string[];
  readonly routes: readonly { readonly family: 4 | 6; readonly of: string; readonly device: string | null }[];
  /** What does not leave by the tunnel does not leave. */
  readonly isGuarded: boolean;
  /** From where this machine's login came; null without SSH. */
  readonly login: string | null;
  /** Family → address that a server in the internet saw. */
  readonly seenAs: ReadonlyMap<4 | 6, string>;
}

/** What `look.sh look` and `look.sh echo` printed; a line that is none of theirs is left out. */
export function parseLook(text: string): Look {
  const peers: Look['peers'][number][] = [];
  const configured: Look['configured'][number][] = [];
  const addresses: string[] = [];
  const routes: Look['routes'][number][] = [];
  const seenAs = new Map<4 | 6, string>();
  let isGuarded = false;
  let login: string | null = null;
  for (const line of text.split('\n')) {
    const [word, first = '', second = '', ...rest] = line.trim().split(/\s+/);
    const family = first === '6' ? 6 : 4;
    if (word === 'peer' && second !== '' && second !== '(none)') peers.push({ endpoint: second, allowed: rest });
    else if (word === 'configured') configured.push({ file: first, endpoint: second });
    else if (word === 'address' && parseAddress(first) !== undefined) addresses.push(canonicalAddress(first));
    else if (word === 'login') login = canonicalAddress(first);
    else if (word === 'guarded') isGuarded = true;
    else if (word === 'route') {
      const [device = 'none'] = rest;
      routes.push({ family, of: second, device: device === 'none' ? null : device });
    } else if (word === 'echo') {
      const [address] = addressesIn(line.slice(line.indexOf(first) + 1)).filter(
        (one) => one.includes(':') === (family === 6),
      );
      if (address !== undefined) seenAs.set(family, address);
    }
  }
  return { peers, configured, addresses, routes, isGuarded, login, seenAs };
}

/** The address of `198.51.100.7:51820` or `[2001:db8::7]:51820`, or the name. */
export function hostOfEndpoint(endpoint: string): string {
  return canonicalAddress(endpoint.replace(/:\d+$/, '').replace(/^\[|\]$/g, ''));
}

/**
 * Addresses of the home's line that hosts have seen: where a public host finds a peer that is no public host, what a host at home has
 * itself, and what a server in the internet has seen of one. Pure.
 */
export function homeSeenBy(host: Host, look: Look, inventory: Inventory): readonly HomeAddress[] {
  const inside = insideOf(inventory);
  const isOutside = (address: string) => parseAddress(address) !== undefined && !inside.has(address);
  if (publicAddressesOf(host, inventory).length > 0)
    return look.peers.flatMap(({ endpoint, allowed }) => {
      const address = hostOfEndpoint(endpoint);
      const peer = hostBehind(allowed, inventory);
      if (peer === undefined || publicAddressesOf(peer, inventory).length > 0 || !isOutside(address)) return [];
      return withNetwork(address, `${host.name} sees ${peer.name} there`, inventory);
    });
  const own = look.addresses
    .filter(isOutside)
    .flatMap((address) => withNetwork(address, `${host.name} has it`, inventory));
  const seen = [...look.seenAs.values()]
    .filter(isOutside)
    .flatMap((address) => withNetwork(address, `${host.name} leaves with it`, inventory));
  return [...own, ...seen];
}

/** Over IPv6 a home has at least a /64, whatever of it is in use today. */
function withNetwork(address: string, from: string, inventory: Inventory): HomeAddress[] {
  const network = `${address}/64`;
  const declared = AddressSet.of([...inventory.networks.values()].flatMap(({ prefixes }) => prefixes));
  if (!address.includes(':') || AddressSet.of([network]).overlaps(declared)) return [{ address, from }];
  return [
    { address, from },
    { address: AddressSet.of([network]).format('ipv6')[0] ?? address, from },
  ];
}

function hostBehind(allowed: readonly string[], inventory: Inventory): Host | undefined {
  const alone = new Set(
    allowed.flatMap((prefix) => (/\/(32|128)$/.test(prefix) ? [prefix.replace(/\/\d+$/, '')] : [])),
  );
  return [...inventory.hosts.values()].find(({ addresses }) =>
    [...addresses.values()].flat().some((address) => alone.has(canonicalAddress(address))),
  );
}

/** By which way a host of public services reaches the internet. Pure. */
export function waysOutOf(host: Host, look: Look, inventory: Inventory): readonly WayOut[] {
  const tunnels = new Set(tunnelInterfacesOf(host, inventory));
  return look.routes.map(({ family, of, device }) => ({
    host: host.name,
    family,
    of: of === 'host' ? 'the host itself' : `containers on ${of}`,
    by: device === null ? 'nothing' : tunnels.has(device) ? 'tunnel' : look.isGuarded ? 'nothing' : 'line',
    device,
    seenAs: of === 'host' ? (look.seenAs.get(family) ?? null) : null,
  }));
}

/** Hosts that are not public and offer a public service: what they begin is to leave under the gateway's address. */
export function hostsBehindGateways({ services, hosts, networks }: Inventory): readonly string[] {
  const names = [...services.values()].flatMap((service) =>
    service.public.length === 0 ? [] : [service.host, ...(service.replicas ?? [])],
  );
  return [...new Set(names)].filter((name) => {
    const host = hosts.get(name);
    return host !== undefined && ![...host.addresses.keys()].some((network) => networks.get(network)?.public === true);
  });
}
