import type { Line } from './box.ts';
import { Column } from './column.ts';
import type { Graph } from './graph.ts';
import { type Chip, chips, type Lane, lanesOf } from './lanes.ts';
import { type MapPart, mapOf } from './map.ts';

/** Everything at its place. Pure: the same inventory gives the same picture. */
export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly lines: readonly Line[];
  /** Samples of wires, with what they mean. */
  readonly legend: readonly { readonly kind: 'route' | 'tunnel'; readonly x: number; readonly y: number }[];
  readonly map: MapPart;
  readonly lanes: readonly Lane[];
  /** Groups with their hosts. */
  readonly groups: readonly Chip[];
}

export function layoutOf(graph: Graph, width: number): Layout {
  const { inventory } = graph;
  const column = new Column(14, width - 14, 12);
  column.text('Homelab', 'title');
  column.text(summaryOf(graph), 'prose', { tone: 'muted' });
  column.gap(4);
  const legend: { kind: 'route' | 'tunnel'; x: number; y: number }[] = [];
  const explain = (kind: 'route' | 'tunnel', text: string) =>
    legend.push({ kind, x: column.left, y: column.text(text, 'small', { indent: 44 }) });
  if (graph.routes.length > 0) explain('route', 'the way of public names: internet, gateway, service');
  if (graph.tunnels.dials.length > 0) explain('tunnel', 'tunnel: the arrow points to who is dialled');
  for (const problem of graph.tunnels.problems) column.text(`no tunnel: ${problem}`, 'small');
  const map = mapOf(graph, width, column.y + 10);
  column.y = map.bottom + 12;
  if (inventory.flows.length > 0) {
    column.text('Flows', 'head');
    column.text('who may begin to talk to whom, and why; what no flow names is denied', 'small', { tone: 'muted' });
    column.gap(6);
  }
  const lanes = lanesOf(graph, 14, width - 14, column.y);
  const last = lanes.at(-1);
  if (last !== undefined) column.y = last.y + last.height + 18;
  const groups = groupsOf(graph, column);
  return { width, height: Math.ceil(column.y + 14), lines: column.lines, legend, map, lanes, groups };
}

function groupsOf({ inventory }: Graph, column: Column): Chip[] {
  if (inventory.groups.size === 0) return [];
  column.text('Groups', 'head');
  column.gap(4);
  return [...inventory.groups.values()].flatMap(({ name, hosts, children }) => {
    const tooltip = [`group ${name}`, ...(children.length === 0 ? [] : [`with the groups ${children.join(', ')}`])];
    const label = chips([{ text: name, kind: 'group', tooltip }], column.left, column.right - column.left, column.y);
    const end = Math.max(...label.chips.map(({ x, width }) => x + width));
    const beside = column.right - end > 160;
    const inner = new Column(
      beside ? end + 8 : column.left + 12,
      column.right,
      beside ? column.y + 2 : label.bottom + 2,
    );
    inner.text(hosts.join(', ') || 'no hosts', 'mono');
    column.lines.push(...inner.lines);
    column.y = Math.max(label.bottom, inner.y) + 6;
    return label.chips;
  });
}

/** `4 hosts, 1 device, 4 services, 9 flows` */
export function summaryOf({ inventory }: Graph): string {
  const count = (size: number, word: string) => (size === 0 ? [] : [`${size} ${word}${size === 1 ? '' : 's'}`]);
  return [
    ...count(inventory.hosts.size, 'host'),
    ...count(inventory.devices.size, 'device'),
    ...count(inventory.networks.size, 'network'),
    ...count(inventory.services.size, 'service'),
    ...count(inventory.flows.length, 'flow'),
  ].join(', ');
}
