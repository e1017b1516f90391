import { type Host, type HttpOptions, type Inventory, LabError, type Service } from '../../src/index.ts';
import { tunnelParamsOf } from '../firewall/tunnel-permits.ts';
import { tunnelOf } from '../wireguard/mesh.ts';

/** Of loopback on a gateway, where connections are told apart by the name that TLS asks for. */
export const passthroughPort = 7443;

export const loopback = { ipv4: '127.0.0.1', ipv6: '::1' } as const;

/** Where a gateway reaches a service: `10.80.0.10:2342`, `[fd80::10]:2342`. */
type Upstream = string;

/** Requests below a path of a name, and who answers them. */
export interface HttpRoute {
  readonly service: string;
  readonly options: HttpOptions;
  readonly upstreams: readonly Upstream[];
}

/** A public name whose TLS ends at the gateway. */
export interface HttpSite {
  readonly name: string;
  /** The longest path first. */
  readonly routes: readonly HttpRoute[];
  /** Other gateways of the same name: an authority may ask any of them for the answer to its challenge. */
  readonly others: readonly Upstream[];
}

/** Public names whose TLS goes on to the service as it is. */
export interface Passthrough {
  readonly service: string;
  readonly names: readonly string[];
  readonly upstreams: readonly Upstream[];
  /** Each connection begins with the client's address (PROXY protocol, version 2). */
  readonly proxyProtocol: boolean;
}

/** A port whose packets are forwarded, with the client's address. */
export interface Forwarded {
  readonly service: string;
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
  /** Under these addresses of the gateway, of either family. */
  readonly at: readonly string[];
  /** To the address of the same family. */
  readonly to: readonly string[];
}

/** What a host carries as a gateway. */
export interface Routes {
  readonly sites: readonly HttpSite[];
  readonly passthrough: readonly Passthrough[];
  readonly forwarded: readonly Forwarded[];
}

/**
 * What a host carries for the public names of an inventory. Pure, and from the whole inventory.
 *
 * @throws LabError PLAN_IMPOSSIBLE when it cannot reach a service, or two want the same port
 */
export function routesOf(gateway: Host, inventory: Inventory): Routes {
  const carried = [...inventory.services.values()].filter(
    ({ gateways, public: names }) => names.length > 0 && gateways.includes(gateway.name),
  );
  const routes = {
    sites: sitesOf(gateway, carried, inventory),
    passthrough: carried.flatMap((service) => passthroughOf(service, gateway, inventory)),
    forwarded: carried.flatMap((service) => forwardedOf(service, gateway, inventory)),
  };
  refuseTakenPorts(routes, gateway, inventory);
  return routes;
}

function sitesOf(gateway: Host, carried: readonly Service[], inventory: Inventory): HttpSite[] {
  const sites = new Map<string, { readonly routes: HttpRoute[]; readonly others: Set<string> }>();
  for (const service of carried) {
    if (service.mode !== 'http' || service.http === undefined) continue;
    const route = {
      service: service.name,
      options: service.http,
      upstreams: upstreamsOf(service, gateway, inventory),
    };
    for (const name of service.public) {
      const site = sites.get(name) ?? { routes: [], others: new Set<string>() };
      site.routes.push(route);
      for (const other of service.gateways) {
        const host = inventory.hosts.get(other);
        if (other === gateway.name || host === undefined) continue;
        site.others.add(authority(addressFrom(gateway, host, inventory, service.name), 80));
      }
      sites.set(name, site);
    }
  }
  return [...sites]
    .map(([name, { routes, others }]) => ({
      name,
      routes: routes.toSorted((a, b) => b.options.path.length - a.options.path.length),
      others: [...others],
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function upstreamsOf(service: Service, gateway: Host, inventory: Inventory): Upstream[] {
  return [service.host, ...(service.replicas ?? [])].flatMap((name) => {
    const host = inventory.hosts.get(name);
    if (host === undefined) return [];
    // What only the gateway itself asks may well listen on loopback alone.
    const address = name === gateway.name ? loopback.ipv4 : addressFrom(gateway, host, inventory, service.name);
    return [authority(address, service.port)];
  });
}

/** Host and port as a URL has them (RFC 3986 3.2). */
export function authority(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** The address under which one host asks another: through the tunnel, else on a private network that both are on. */
function addressFrom(from: Host, to: Host, inventory: Inventory, service: string): string {
  const common = [...to.addresses].flatMap(([name, [address]]) => {
    const network = inventory.networks.get(name);
    if (network === undefined || network.public || address === undefined || !from.addresses.has(name)) return [];
    return [{ tunnel: network.tunnel, address }];
  });
  const best = common.find(({ tunnel }) => tunnel) ?? common[0];
  if (best !== undefined) return best.address;
  throw new LabError('PLAN_IMPOSSIBLE', `${from.name} has no private way to ${to.name}, which offers ${service}`, {
    expected: 'a tunnel or a private network that both have an address on',
    found: `${to.name} on ${[...to.addresses.keys()].join(', ') || 'no network'}`,
    hint: 'give both an address on a network with tunnel: true',
  });
}

function passthroughOf(service: Service, gateway: Host, inventory: Inventory): Passthrough[] {
  if (service.mode !== 'tls-passthrough') return [];
  return [
    {
      service: service.name,
      names: service.public,
      upstreams: upstreamsOf(service, gateway, inventory),
      proxyProtocol: service.proxyProtocol === true,
    },
  ];
}

function forwardedOf(service: Service, gateway: Host, inventory: Inventory): Forwarded[] {
  if (service.mode !== 'tcp' && service.mode !== 'udp') return [];
  if (service.host === gateway.name) return [];
  const host = inventory.hosts.get(service.host);
  if (host === undefined) return [];
  const problem = (message: string, expected: string, found: string) =>
    new LabError('PLAN_IMPOSSIBLE', message, { expected, found, path: ['services', service.name] });
  const tunnelParams = tunnelParamsOf(host, inventory);
  const to = tunnelParams === undefined ? [] : (host.addresses.get(tunnelParams.network) ?? []);
  if (tunnelParams === undefined || !gateway.addresses.has(tunnelParams.network))
    throw problem(
      `${gateway.name} cannot forward packets to ${service.host}: the answers would leave by another way`,
      'both in one tunnel, through which the answers come back',
      `${service.host} on ${[...host.addresses.keys()].join(', ') || 'no network'}`,
    );
  const { internet } = tunnelOf(host, inventory, tunnelParams);
  if (internet !== gateway.name)
    throw problem(
      `${gateway.name} cannot forward packets to ${service.host}: the answers would come to another gateway`,
      internet === null
        ? 'a service on a host that is no gateway itself'
        : `gateways: '${internet}', the first of the tunnel`,
      `gateways: ${service.gateways.map((name) => `'${name}'`).join(', ')}`,
    );
  const at = [...gateway.addresses].flatMap(([name, addresses]) =>
    inventory.networks.get(name)?.public === true ? addresses : [],
  );
  return [{ service: service.name, protocol: service.mode, port: service.port, at, to }];
}

/** What the gateway itself listens on, and who wants the same port beside. */
function refuseTakenPorts({ sites, passthrough, forwarded }: Routes, gateway: Host, inventory: Inventory): void {
  const taken = new Map<string, string>();
  if (sites.length > 0) for (const port of ['80/tcp', '443/tcp', '443/udp']) taken.set(port, 'the gateway itself');
  if (passthrough.length > 0)
    for (const port of [443, passthroughPort]) taken.set(`${port}/tcp`, 'what passes on TLS by name');
  taken.set(`${gateway.connection.port ?? 22}/tcp`, 'the login of lab');
  // What the gateway offers itself, whoever carries it, would be asked no more: connections to 443 go elsewhere.
  const caught = [...inventory.services.values()].flatMap(({ name, host, port, protocol }) =>
    passthrough.length > 0 && host === gateway.name && (port === 443 || port === passthroughPort)
      ? [{ service: name, port, protocol }]
      : [],
  );
  for (const { service, port, protocol } of [...forwarded, ...caught]) {
    const key = `${port}/${protocol}`;
    const other = taken.get(key);
    taken.set(key, service);
    if (other === undefined) continue;
    throw new LabError('PLAN_IMPOSSIBLE', `two want the port ${key} of ${gateway.name}`, {
      expected: 'a port of its own for each',
      found: `${other} and ${service}`,
      path: ['services', service, 'port'],
      hint: 'give one of them another port, or another gateway',
    });
  }
}
