import type { Device, Host, Inventory, Service } from '../model/types.ts';
import { formatLocation, type SourceLocation } from '../shared/errors.ts';
import { Secret } from '../shared/secret.ts';
import { formatEndpoints, formatPorts } from './inventory-flow.ts';
import type { ResolvedValue } from './inventory-record.ts';
import { tableLines } from './table.ts';

/** Everything that an inventory declares, one table for each kind; kinds that it does not declare are left out. */
export function inventoryLines(inventory: Inventory): string[] {
  const { hosts, groups, devices, networks, services, flows } = inventory;
  const tables = [
    tableLines(
      ['HOST', 'CONNECT', 'GROUPS', 'ADDRESSES'],
      [...hosts.values()].map((host) => [host.name, formatTarget(host), host.groups.join(' '), formatAddresses(host)]),
    ),
    tableLines(
      ['GROUP', 'CHILDREN', 'HOSTS'],
      [...groups.values()].map((group) => [group.name, group.children.join(' '), group.hosts.join(' ')]),
    ),
    tableLines(
      ['NETWORK', 'PREFIXES', 'REACH'],
      [...networks.values()].map((network) => [
        network.name,
        network.prefixes.join(' '),
        network.tunnel ? 'tunnel' : network.public ? 'public' : 'private',
      ]),
    ),
    tableLines(
      ['DEVICE', 'OWNER', 'ADDRESSES'],
      [...devices.values()].map((device) => [device.name, device.owner ?? '', formatAddresses(device)]),
    ),
    tableLines(
      ['SERVICE', 'HOST', 'PORT', 'MODE', 'PUBLIC', 'PRIVATE'],
      [...services.values()].map((service) => [
        service.name,
        service.host,
        `${service.port}/${service.protocol}`,
        service.mode,
        formatPublicNames(service),
        service.private.join(' '),
      ]),
    ),
    tableLines(
      ['FROM', 'TO', 'PORTS', 'REASON'],
      flows.map((flow) => [
        formatEndpoints(flow.from, inventory),
        formatEndpoints(flow.to, inventory),
        formatPorts(flow, inventory),
        flow.reason,
      ]),
    ),
  ].filter((lines) => lines.length > 1);
  return tables.flatMap((lines, index) => (index === 0 ? lines : ['', ...lines]));
}

/** The resolved values of one host, each with where it was declared. */
export function hostLines(
  host: Host,
  values: { readonly connection: readonly ResolvedValue[]; readonly params: readonly ResolvedValue[] },
  shownFile: (file: string) => string,
): string[] {
  const place = (at: SourceLocation | null): string =>
    at === null ? '' : formatLocation({ ...at, file: shownFile(at.file) });
  const row = ({ name, value, from }: ResolvedValue): string[] => [
    name,
    formatValue(value),
    from === null ? 'default' : from.level === 'all' ? 'all' : `${from.level} ${from.name}`,
    place(from?.at ?? null),
  ];
  const about = [
    ['HOST', host.name],
    ['groups', host.groups.join(' ') || 'none'],
    ...placesOf(host).map(({ network, text }) => [`on ${network}`, text]),
  ];
  const [heading = [], ...facts] = about;
  const params = tableLines(['PARAMETER', 'VALUE', 'FROM', 'DECLARED AT'], values.params.map(row));
  return [
    ...tableLines(heading, facts),
    '',
    ...tableLines(['CONNECTION', 'VALUE', 'FROM', 'DECLARED AT'], values.connection.map(row)),
    '',
    ...(values.params.length === 0 ? ['no parameters'] : params),
  ];
}

/** As it would be written in YAML: text that could be read as something else stands in quotes. */
export function formatValue(value: unknown): string {
  if (value instanceof Secret) return String(value);
  if (typeof value === 'string') {
    const looksElse = /^(true|false|null|yes|no|on|off|y|n|~)$|: |\s$/i.test(value) || !Number.isNaN(Number(value));
    const isPlain = /^[\w./~][\w ./:@+-]*$/.test(value) && !looksElse;
    return isPlain ? value : JSON.stringify(value);
  }
  if (typeof value === 'function') return '(function)';
  return JSON.stringify(value) ?? String(value);
}

/** `root@10.77.1.10:2222`, as one would type it; other transports by their name. */
export function formatTarget({ connection }: Host): string {
  const { transport, user, address, port } = connection;
  if (transport === 'local') return 'local';
  const prefix = transport === 'ssh' ? '' : `${transport}:`;
  const bracketed = address.includes(':') && port !== undefined ? `[${address}]` : address;
  return `${prefix}${user === undefined ? '' : `${user}@`}${bracketed}${port === undefined ? '' : `:${port}`}`;
}

export function formatPublicNames({ public: names, gateways }: Service): string {
  if (names.length === 0) return '';
  return `${names.join(' ')}${gateways.length === 0 ? '' : ` via ${gateways.join(' ')}`}`;
}

function formatAddresses(owner: Host | Device): string {
  return placesOf(owner)
    .map(({ network, text }) => `${network} ${text}`)
    .join(', ');
}

function placesOf({ addresses, assigned = [] }: Host | Device): { network: string; text: string }[] {
  return [...addresses].map(([network, list]) => ({
    network,
    text: `${list.join(' ')}${assigned.includes(network) ? ' (assigned)' : ''}`,
  }));
}
