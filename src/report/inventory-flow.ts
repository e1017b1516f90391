import { showPorts } from '../model/port-range.ts';
import type { Endpoint, Flow, Inventory } from '../model/types.ts';

/** `phone home`; all hosts are `all` again, as they were written. */
export function formatEndpoints(endpoints: readonly Endpoint[], inventory: Inventory): string {
  const hosts = new Set(endpoints.flatMap((endpoint) => (endpoint.kind === 'host' ? [endpoint.name] : [])));
  const isAll = inventory.hosts.size > 1 && [...inventory.hosts.keys()].every((name) => hosts.has(name));
  const rest = isAll ? endpoints.filter(({ kind }) => kind !== 'host') : endpoints;
  return [...(isAll ? ['all'] : []), ...rest.map(formatEndpoint)].join(' ');
}

/** `22,80/tcp`; for services their own ports; `any`. */
export function formatPorts(flow: Flow, inventory: Inventory): string {
  const ofServices = flow.to.flatMap((target) => {
    const service = target.kind === 'service' ? inventory.services.get(target.name) : undefined;
    return service === undefined ? [] : [`${service.port}/${service.protocol}`];
  });
  const hasOthers = flow.to.some(({ kind }) => kind !== 'service');
  const own =
    flow.ports.length > 0
      ? [`${flow.ports.map(showPorts).join(',')}/${flow.protocol ?? 'tcp'}`]
      : hasOthers
        ? ['any']
        : [];
  return [...new Set([...ofServices, ...own])].join(' ');
}

function formatEndpoint(endpoint: Endpoint): string {
  if (endpoint.kind === 'internet') return 'internet';
  return endpoint.kind === 'namespace' ? `namespace:${endpoint.name}` : endpoint.name;
}
