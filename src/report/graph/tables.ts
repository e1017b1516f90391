import type { Host } from '../../model/types.ts';
import { htmlTable } from '../html/table.ts';
import { formatPorts } from '../inventory-flow.ts';
import { formatTarget } from '../inventory-tables.ts';
import { type Graph, kindOf, partiesOfFlow } from './graph.ts';
import { endpointLabels } from './lanes.ts';
import { escaped } from './text.ts';

interface Row {
  /** Whom it concerns. */
  readonly parties: readonly string[];
  readonly cells: readonly Cell[];
}
/** Text, several lines of it, or a name that can be shown alone. */
type Cell = string | readonly string[] | { readonly party: string };

/** Everything that the inventory declares as tables; kinds that it does not declare are left out. */
export function tablesOf(graph: Graph): string {
  const { inventory, relations, tunnels } = graph;
  const { hosts, groups, devices, networks, services, flows } = inventory;
  const around = (name: string) => relations.around(name);
  const table = (title: string, heads: readonly string[], rows: readonly Row[]) => drawTable(title, heads, rows, graph);
  const addressesOf = ({ addresses }: Pick<Host, 'addresses'>) =>
    [...addresses].map(([network, list]) => `${network}: ${list.join(', ')}`);
  const offeredBy = (name: string) =>
    [...services.values()]
      .filter(({ host }) => host === name)
      .map((service) => `${service.name} ${service.port}/${service.protocol}`);
  return [
    table(
      'Hosts',
      ['Host', 'Addresses', 'Groups', 'Services', 'Login'],
      [...hosts.values()].map((host) => ({
        parties: around(host.name),
        cells: [
          { party: host.name },
          addressesOf(host),
          host.groups.join(', '),
          offeredBy(host.name),
          formatTarget(host),
        ],
      })),
    ),
    table(
      'Devices',
      ['Device', 'Owner', 'Addresses'],
      [...devices.values()].map((device) => ({
        parties: around(device.name),
        cells: [{ party: device.name }, device.owner ?? '', addressesOf(device)],
      })),
    ),
    table(
      'Services',
      ['Service', 'Host', 'Port', 'Mode', 'Public names', 'Private names', 'Through'],
      [...services.values()].map((service) => ({
        parties: around(service.name),
        cells: [
          { party: service.name },
          { party: service.host },
          `${service.port}/${service.protocol}`,
          service.mode,
          service.public,
          service.private,
          service.gateways,
        ],
      })),
    ),
    table(
      'Flows',
      ['From', 'To', 'Ports', 'Why'],
      flows.map((flow) => ({
        parties: partiesOfFlow(flow, inventory),
        cells: [
          endpointLabels(flow.from, inventory).map(({ text }) => text),
          endpointLabels(flow.to, inventory).map(({ text }) => text),
          formatPorts(flow, inventory),
          flow.reason,
        ],
      })),
    ),
    table(
      'Tunnel',
      ['From', 'Dials', 'At', 'Network', 'Keepalive'],
      tunnels.dials.map(({ from, to, at, network, keepalive }) => ({
        parties: [from, to, network],
        cells: [{ party: from }, { party: to }, at, network, keepalive === 0 ? 'never' : `every ${keepalive} s`],
      })),
    ),
    table(
      'Networks',
      ['Network', 'Prefixes', 'Kind'],
      [...networks.values()].map((network) => ({
        parties: around(network.name),
        cells: [{ party: network.name }, network.prefixes, kindOf(network)],
      })),
    ),
    table(
      'Groups',
      ['Group', 'Hosts', 'Groups inside'],
      [...groups.values()].map((group) => ({
        parties: group.hosts,
        cells: [group.name, group.hosts.join(', '), group.children.join(', ')],
      })),
    ),
  ].join('\n');
}

function drawTable(title: string, heads: readonly string[], rows: readonly Row[], { relations }: Graph): string {
  if (rows.length === 0) return '';
  const id = `_${title.toLowerCase()}`;
  const drawn = rows.map(({ parties, cells }) => ({
    className: relations.classes(parties),
    cells: cells.map(drawCell),
  }));
  return `<section aria-labelledby="${id}"><h2 id="${id}">${title}</h2>\n${htmlTable(id, heads, drawn)}</section>`;
}

function drawCell(cell: Cell): string {
  if (typeof cell === 'string') return escaped(cell);
  if ('party' in cell) return partyLink(cell.party);
  return linesIn(cell);
}

/** Several lines in a cell. */
export function linesIn(lines: readonly string[]): string {
  return lines.map((line) => `<span>${escaped(line)}</span>`).join('<br/>');
}

/** Leads to the page with this party shown alone. */
export function partyLink(name: string): string {
  return `<a href="#${escaped(encodeURIComponent(name))}">${escaped(name)}</a>`;
}
