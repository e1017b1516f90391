import type { EndpointInput, FlowInput, InventoryInput, PortRangeInput, ServiceInput } from './input.ts';
import { parseAddress } from './ip-address.ts';
import { type DocumentPath, itemsAt, listOf, type Problem } from './problems.ts';

/** Services whose parts do not go together, and DNS names that are malformed or promised twice. */
export function checkServices(input: InventoryInput): Problem[] {
  const owners = new Map<string, string>();
  return Object.entries(input.services ?? {}).flatMap(([name, service]) => {
    const path = ['services', name];
    const names = (['public', 'private'] as const).flatMap((kind) =>
      itemsAt(service[kind], [...path, kind]).flatMap(({ item, path: at }) =>
        problemsOfName(item, kind, at, { name, service }, owners),
      ),
    );
    return [
      ...problemsOfMode(service, path),
      ...problemsOfHttp(service, path),
      ...names,
      ...problemsOfGateway(service, path, input),
    ];
  });
}

function problemsOfMode({ mode, protocol }: ServiceInput, path: DocumentPath): Problem[] {
  if (mode === undefined || protocol === undefined) return [];
  const needed = mode === 'udp' ? 'udp' : 'tcp';
  if (protocol === needed) return [];
  return [
    {
      message: `the mode "${mode}" does not go with ${protocol}`,
      path: [...path, 'protocol'],
      expected: needed,
      found: protocol,
    },
  ];
}

function problemsOfName(
  text: string,
  kind: 'public' | 'private',
  path: DocumentPath,
  { name, service }: { readonly name: string; readonly service: ServiceInput },
  owners: Map<string, string>,
): Problem[] {
  const bad = problemOfDnsName(text, kind, path);
  if (bad !== undefined) return [bad];
  // Where TLS ends at the gateway, services share a name by their paths.
  const below = kind === 'public' && modeOf(service) === 'http' ? normalPath(service.http?.path) : '';
  const key = `${kind} ${text} ${below}`;
  const whole = `${kind} ${text}`;
  const shared = modeOf(service) === 'http' && kind === 'public' ? 'shared' : name;
  const other = owners.get(key) ?? (owners.get(whole) === undefined || owners.get(whole) === shared ? undefined : name);
  owners.set(key, name);
  owners.set(whole, shared);
  if (other === undefined) return [];
  return [
    {
      message: `two services have the ${kind} name "${text}"`,
      path,
      expected: 'a name of its own',
      found:
        other === name
          ? `${text}, which a service of another mode has already`
          : `${text}, which "${other}" has already`,
      ...(kind === 'public' && modeOf(service) === 'http'
        ? { hint: "services of mode http share a name by their paths: http: { path: '/api' }" }
        : {}),
    },
  ];
}

/** How a gateway carries a service when it does not say so. */
export function modeOf({ mode, protocol, public: names }: ServiceInput): NonNullable<ServiceInput['mode']> {
  if (mode !== undefined) return mode;
  const carried = protocol ?? 'tcp';
  return carried === 'tcp' && listOf(names).length > 0 ? 'http' : carried;
}

/** `/api/` and `/api` are the same; the root is empty. */
export function normalPath(path: string | undefined): string {
  return (path ?? '').replace(/\/+$/, '');
}

function problemsOfHttp(service: ServiceInput, path: DocumentPath): Problem[] {
  const mode = modeOf(service);
  const problems: Problem[] = [];
  if (service.http !== undefined && (mode !== 'http' || listOf(service.public).length === 0))
    problems.push({
      message: 'no gateway treats requests for this service',
      path: [...path, 'http'],
      expected: 'the mode "http" and a public name',
      found: mode === 'http' ? 'no public name' : `the mode "${mode}"`,
    });
  if (service.proxyProtocol === true && mode !== 'tls-passthrough')
    problems.push({
      message: 'no gateway says the address of a client in front of its connection',
      path: [...path, 'proxyProtocol'],
      expected: 'the mode "tls-passthrough"',
      found: `the mode "${mode}"`,
      hint: 'a service of mode http finds it in X-Forwarded-For; one of mode tcp sees the client itself',
    });
  if (listOf(service.replicas).length > 0 && mode !== 'http' && mode !== 'tls-passthrough')
    problems.push({
      message: 'a gateway that forwards packets takes one host',
      path: [...path, 'replicas'],
      expected: 'the mode "http" or "tls-passthrough"',
      found: `the mode "${mode}"`,
    });
  return problems;
}

function problemOfDnsName(text: string, kind: 'public' | 'private', path: DocumentPath): Problem | undefined {
  const expected = kind === 'public' ? 'a DNS name such as photos.example.dev' : 'a DNS name such as grafana.home.arpa';
  const problem = (hint?: string): Problem => ({
    message: 'this is no DNS name',
    path,
    expected,
    found: JSON.stringify(text),
    hint,
  });
  if (text.includes('*')) return problem('a wildcard would answer for names that nobody declared: write each name');
  if (text.includes('://') || text.includes('/')) return problem('only the name, without scheme and path');
  if (text.endsWith('.')) return problem('leave out the dot at the end');
  if (text !== text.toLowerCase()) return problem('write it in lower case');
  if (parseAddress(text) !== undefined) return problem('this is an address');
  const labels = text.split('.');
  // RFC 1035 2.3.4 and RFC 1123 2.1
  const wellFormed = text.length <= 253 && labels.every((label) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label));
  if (!wellFormed)
    return problem(/[^\p{ASCII}]/u.test(text) ? 'write an international name in its xn-- form' : undefined);
  if (kind === 'public' && labels.length < 2) return problem('a public name has a domain');
  return undefined;
}

function problemsOfGateway(service: ServiceInput, path: DocumentPath, input: InventoryInput): Problem[] {
  const hasPublicNames = listOf(service.public).length > 0;
  const gateways = itemsAt(service.gateways, [...path, 'gateways']);
  if (!hasPublicNames) {
    return gateways.slice(0, 1).map(({ path: at }) => ({
      message: 'a gateway carries public names, and this service has none',
      path: at,
      expected: 'public names, or no gateway',
    }));
  }
  if (gateways.length > 0 || defaultGateways(service, input).length > 0 || isPublic(service.host, input)) return [];
  return [
    {
      message: `nothing carries the public name to "${service.host}"`,
      path: [...path, 'public'],
      expected: 'a gateway, or a host with an address on a public network',
      found: 'neither',
      hint: "add gateways: ['…']",
    },
  ];
}

/**
 * Who carries public names when a service does not say: its own host when strangers can reach that, else every host that they
 * can reach. What its own host only forwards to itself needs no gateway.
 */
export function defaultGateways(service: ServiceInput, input: InventoryInput): readonly string[] {
  if (listOf(service.public).length === 0) return [];
  if (isPublic(service.host, input)) return modeOf(service) === 'http' ? [service.host] : [];
  return Object.keys(input.hosts).filter((host) => isPublic(host, input));
}

function isPublic(host: string, input: InventoryInput): boolean {
  return Object.keys(input.hosts[host]?.addresses ?? {}).some((network) => input.networks?.[network]?.public === true);
}

/** Flows that leave open which ports they mean. */
export function checkFlows(input: InventoryInput): Problem[] {
  return (input.flows ?? []).flatMap((flow, index) => problemsOfFlow(flow, ['flows', index], input));
}

function problemsOfFlow(flow: FlowInput, path: DocumentPath, input: InventoryInput): Problem[] {
  const problems: Problem[] = [];
  for (const side of ['from', 'to'] as const) {
    if (listOf<EndpointInput>(flow[side]).length > 0) continue;
    problems.push({
      message: 'this side of the flow names nothing',
      path: [...path, side],
      expected: 'at least one name',
      found: '[]',
    });
  }
  const isService = (target: EndpointInput): boolean =>
    typeof target === 'string' && Object.hasOwn(input.services ?? {}, target);
  const targets = listOf<EndpointInput>(flow.to);
  const open = targets.filter((target) => !isService(target));
  const portless = flow.ports === undefined || listOf<unknown>(flow.ports).length === 0;
  if (open.length > 0 && portless) {
    const name = typeof open[0] === 'string' ? `"${open[0]}"` : 'a namespace';
    problems.push({
      message: `the flow to ${name} does not say which ports`,
      path: flow.ports === undefined ? path : [...path, 'ports'],
      expected: "ports, such as [22, 443], or 'any'",
      found: flow.ports === undefined ? 'nothing' : '[]',
    });
  }
  if (open.length === 0 && targets.length > 0) {
    for (const key of ['ports', 'protocol'] as const) {
      if (flow[key] === undefined) continue;
      const hint = 'the service says it; for other ports name its host';
      problems.push({ message: `a flow to a service does not need "${key}"`, path: [...path, key], hint });
    }
  }
  problems.push(...problemsOfRanges(flow, path));
  if (flow.ports === 'any' && flow.protocol !== undefined) {
    problems.push({
      message: `"any" means every port of every protocol`,
      path: [...path, 'protocol'],
      hint: 'leave the protocol out, or name ports',
    });
  }
  if (flow.reason.trim() === '') {
    problems.push({
      message: 'a flow needs a reason',
      path: [...path, 'reason'],
      expected: 'a sentence',
      found: JSON.stringify(flow.reason),
    });
  }
  return problems;
}

function problemsOfRanges(flow: FlowInput, path: DocumentPath): Problem[] {
  if (flow.ports === undefined || flow.ports === 'any') return [];
  return listOf<number | PortRangeInput>(flow.ports).flatMap((text, index) => {
    if (typeof text === 'number') return [];
    const [first = 0, last = 0] = text.split('-').map(Number);
    if (first >= 1 && last <= 65535 && first <= last) return [];
    const problem = {
      path: [...path, 'ports', ...(Array.isArray(flow.ports) ? [index] : [])],
      expected: 'the lower port first, both from 1 to 65535, such as 8000-8010',
      found: text,
    };
    return [{ ...problem, message: first > last ? 'this range of ports is reversed' : 'this is no range of ports' }];
  });
}
