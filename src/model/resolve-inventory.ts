import type { SourceLocation } from '../shared/errors.ts';
import { checkCycles, checkNames, checkReferences, type DeclaredNames, declaredNames } from './check-names.ts';
import { checkNetworks } from './check-network.ts';
import { checkFlows, checkServices, defaultGateways, modeOf, normalPath } from './check-services.ts';
import { checkConnections, checkFallbacks, resolveConnection } from './connection.ts';
import type { EndpointInput, FlowInput, HttpInput, InventoryInput, PortRangeInput, ServiceInput } from './input.ts';
import { formatPrefix, parsePrefix } from './ip-address.ts';
import { groupsOf, layersOf, mergeLayers } from './layers.ts';
import { type Locate, listOf, type Problem, throwProblems } from './problems.ts';
import { projectRoot } from './project-root.ts';
import { type ResolvedAddresses, resolveAddresses } from './resolve-addresses.ts';
import { checkShape } from './schema-check.ts';
import type { Device, Endpoint, Flow, Group, Host, HttpOptions, Inventory, PortRange, Service } from './types.ts';

/** Where a document came from, for messages and relative paths. */
export interface InventorySource {
  readonly at: SourceLocation | undefined;
  /** Finds the line of a path in the document. Default: `at` for all. Called for mistakes only, so it may be slow. */
  readonly locate?: Locate | undefined;
  /** Finds lines for provenance; called for every parameter, so it has to be fast. */
  readonly locateParam?: Locate | undefined;
  /** Where relative paths of keys start. Default: the folder that holds the inventory folder. */
  readonly root?: string | undefined;
  /** Mistakes found while reading, to be told with the others. */
  readonly problems?: readonly Problem[] | undefined;
}

/**
 * Checks a document as a whole and resolves it to the model: every reference exists, every default is filled in, every
 * host has its merged parameters.
 *
 * @throws LabError INVENTORY_INVALID with all mistakes at once; LOCK_FILE when an address is assigned and the lock file is damaged
 */
export function resolveInventory(input: unknown, source: InventorySource): Inventory {
  const names = declaredNames(input);
  const { problems, sound } = checkShape(input);
  const meaning = sound === undefined ? [] : checkMeaning(sound, names);
  const locate = source.locate ?? (() => source.at);
  throwProblems([...(source.problems ?? []), ...problems, ...meaning], locate);
  const addresses = resolveAddresses(sound as InventoryInput, source.at?.file);
  throwProblems(addresses.problems, locate);
  return build(sound as InventoryInput, { names, source, addresses });
}

function checkMeaning(input: InventoryInput, names: DeclaredNames): Problem[] {
  return [
    ...checkNames(names),
    ...checkReferences(input, names),
    ...checkCycles(input),
    ...checkNetworks(input),
    ...checkConnections(input),
    ...checkFallbacks(input),
    ...checkServices(input),
    ...checkFlows(input),
  ];
}

interface Known {
  readonly names: DeclaredNames;
  readonly source: InventorySource;
  readonly addresses: ResolvedAddresses;
}

function build(input: InventoryInput, { names, source, addresses }: Known): Inventory {
  const root = source.root ?? (source.at === undefined ? process.cwd() : projectRoot(source.at.file));
  const locate = source.locateParam ?? (() => undefined);
  const hosts = mapEntries(
    input.hosts,
    (_, name): Host => ({
      ...buildHost(input, name, root, locate),
      ...addresses.of('host', name),
    }),
  );
  const networks = mapEntries(input.networks ?? {}, (network, name) => ({
    name,
    prefixes: listOf(network.prefixes).map(canonicalPrefix),
    public: network.public ?? false,
    tunnel: network.tunnel ?? false,
  }));
  return {
    source: source.at,
    hosts,
    groups: mapEntries(input.groups ?? {}, (group, name): Group => {
      const members = [...hosts.values()].filter((host) => host.groups.includes(name));
      return { name, hosts: members.map((host) => host.name), children: [...(group.children ?? [])] };
    }),
    devices: mapEntries(
      input.devices ?? {},
      (device, name): Device => ({
        name,
        owner: device.owner,
        ...addresses.of('device', name),
      }),
    ),
    networks,
    services: mapEntries(input.services ?? {}, (service, name) => buildService(service, name, input)),
    flows: (input.flows ?? []).map((flow) => buildFlow(flow, names)),
  };
}

function buildHost(input: InventoryInput, name: string, root: string, locate: Locate): Omit<Host, 'addresses'> {
  const layers = layersOf(input, name);
  const { value: params, provenance } = mergeLayers(layers, 'params', locate);
  const { connection, provenance: connectionProvenance } = resolveConnection(input, name, { root, locate, layers });
  return {
    name,
    groups: groupsOf(input, name),
    connection,
    params: new Map(Object.entries(params)) as Host['params'],
    provenance,
    connectionProvenance,
  };
}

function buildService(service: ServiceInput, name: string, input: InventoryInput): Service {
  const names = listOf(service.public);
  const protocol = service.protocol ?? (service.mode === 'udp' ? 'udp' : 'tcp');
  const gateways = listOf(service.gateways);
  const mode = modeOf(service);
  return {
    name,
    host: service.host,
    port: service.port,
    protocol,
    mode,
    public: names,
    private: listOf(service.private),
    gateways: gateways.length > 0 ? gateways : defaultGateways(service, input),
    replicas: listOf(service.replicas).filter((host) => host !== service.host),
    http: mode === 'http' && names.length > 0 ? buildHttp(service.http) : undefined,
    proxyProtocol: service.proxyProtocol,
  };
}

function buildHttp({ path, access, users, headers, ...rest }: HttpInput = {}): HttpOptions {
  return {
    ...rest,
    path: normalPath(path),
    access: access ?? 'everyone',
    users: new Map(Object.entries(users ?? {})),
    headers: new Map(Object.entries(headers ?? {})),
  };
}

function buildFlow(flow: FlowInput, names: DeclaredNames): Flow {
  const ports = flow.ports === 'any' ? [] : listOf<number | PortRangeInput>(flow.ports).map(portRangeOf);
  return {
    from: listOf<EndpointInput>(flow.from).flatMap((endpoint) => buildEndpoints(endpoint, names)),
    to: listOf<EndpointInput>(flow.to).flatMap((endpoint) => buildEndpoints(endpoint, names)),
    protocol: flow.protocol ?? (ports.length > 0 ? 'tcp' : undefined),
    ports,
    reason: flow.reason.trim(),
  };
}

function portRangeOf(port: number | PortRangeInput): PortRange {
  const [first = 0, last = first] = typeof port === 'number' ? [port] : port.split('-').map(Number);
  return { first, last };
}

const kinds = { hosts: 'host', groups: 'group', devices: 'device', networks: 'network', services: 'service' } as const;

/** `all` becomes every host, so that no backend needs a case of its own for it. */
function buildEndpoints(endpoint: EndpointInput, names: DeclaredNames): Endpoint[] {
  if (typeof endpoint !== 'string') return [{ kind: 'namespace', name: endpoint.namespace }];
  if (endpoint === 'internet') return [{ kind: 'internet' }];
  if (endpoint === 'all') return names.hosts.map((name) => ({ kind: 'host', name }));
  const section = (Object.keys(kinds) as (keyof typeof kinds)[]).find((key) => names[key].includes(endpoint));
  return section === undefined ? [] : [{ kind: kinds[section], name: endpoint }];
}

function mapEntries<In, Out>(
  record: Readonly<Record<string, In>>,
  make: (value: In, name: string) => Out,
): ReadonlyMap<string, Out> {
  return new Map(Object.entries(record).map(([name, value]) => [name, make(value, name)]));
}

function canonicalPrefix(text: string): string {
  const prefix = parsePrefix(text);
  return prefix === undefined ? text : formatPrefix(prefix);
}
