import type { Endpoint, Flow, Inventory } from '../../model/types.ts';
import { formatPorts } from '../inventory-flow.ts';
import type { Line, Rectangle } from './box.ts';
import { Column } from './column.ts';
import { type Graph, kindOf, partiesIn, partiesOfFlow } from './graph.ts';
import { cut, fonts, widthOf, wrapped } from './text.ts';

/** A name in a flow or a list. */
export interface Chip extends Rectangle {
  readonly kind: string;
  readonly lines: readonly Line[];
  readonly tooltip: readonly string[];
}

/** A flow as a row: who, through which ports, to whom, and why. */
export interface Lane extends Rectangle {
  readonly tooltip: readonly string[];
  readonly parties: readonly string[];
  readonly chips: readonly Chip[];
  readonly lines: readonly Line[];
  /** From who begins to who is reached. */
  readonly arrow: { readonly x: number; readonly y: number; readonly length: number };
}

const padding = 10;
const chipHeight = 21;

/** Flows below each other; each within `x` and `right`. */
export function lanesOf({ inventory }: Graph, x: number, right: number, top: number): Lane[] {
  let y = top;
  return inventory.flows.map((flow) => {
    const lane = laneOf(flow, inventory, { x, right, y });
    y += lane.height + 6;
    return lane;
  });
}

function laneOf(flow: Flow, inventory: Inventory, { x, right, y }: { x: number; right: number; y: number }): Lane {
  const inner = right - x - 2 * padding;
  const isWide = inner > 560;
  const ports = formatPorts(flow, inventory);
  const name = (endpoints: readonly Endpoint[]) => endpoints.map(labelOf).join(', ');
  const tooltip = [`${name(flow.from)} → ${name(flow.to)}, ${ports}`, flow.reason];
  const start = x + padding;
  const place = isWide
    ? { from: inner * 0.2, arrow: inner * 0.14, to: inner * 0.28 }
    : { from: inner, arrow: 0, to: inner - 34 };
  const from = chipsOf(flow.from, inventory, start, place.from, y + padding);
  const arrowX = isWide ? start + place.from + 10 : start + 4;
  const toX = isWide ? start + place.from + place.arrow + 20 : start + 34;
  const toY = isWide ? y + padding : from.bottom + fonts.chip.line + 6;
  const to = chipsOf(flow.to, inventory, toX, place.to, toY);
  const portsColumn = isWide
    ? new Column(arrowX, arrowX + place.arrow, y + padding + 15)
    : new Column(start + 34, right - padding, from.bottom + 3);
  portsColumn.text(ports, 'chip', { tone: 'flow' });
  // Where the ports need several lines, those who are reached stand below them.
  const sink = isWide ? 0 : Math.max(0, portsColumn.y + 3 - toY);
  const reasonColumn = isWide
    ? new Column(toX + place.to + 14, right - padding, y + padding + 2)
    : new Column(start, right - padding, to.bottom + sink + 4);
  for (const line of wrapped(flow.reason, 'prose', reasonColumn.right - reasonColumn.left, 4))
    reasonColumn.text(line, 'prose');
  const bottom = Math.max(from.bottom, to.bottom + sink, portsColumn.y, reasonColumn.y) + padding - 2;
  const arrowY = isWide ? y + padding + chipHeight / 2 : toY + sink + chipHeight / 2;
  return {
    ...{ x, y, width: right - x, height: bottom - y, tooltip, parties: partiesOfFlow(flow, inventory) },
    chips: [...from.chips, ...to.chips.map((chip) => sunk(chip, sink))],
    lines: [...portsColumn.lines, ...reasonColumn.lines],
    arrow: { x: arrowX, y: arrowY, length: isWide ? place.arrow : 24 },
  };
}

function sunk(chip: Chip, by: number): Chip {
  return { ...chip, y: chip.y + by, lines: chip.lines.map((line) => ({ ...line, y: line.y + by })) };
}

function chipsOf(endpoints: readonly Endpoint[], inventory: Inventory, x: number, width: number, y: number) {
  return chips(endpointLabels(endpoints, inventory), x, width, y);
}

export interface Label {
  readonly text: string;
  readonly kind: string;
  readonly tooltip: readonly string[];
}

/** Names in frames, in as many rows as they need. */
export function chips(
  labels: readonly Label[],
  x: number,
  width: number,
  y: number,
): { chips: Chip[]; bottom: number } {
  let left = x;
  let top = y;
  const made = labels.map(({ text, kind, tooltip }): Chip => {
    const shown = cut(text, 'chip', width - 14);
    const own = widthOf(shown, 'chip') + 14;
    if (left > x && left + own > x + width) {
      left = x;
      top += chipHeight + 4;
    }
    const chip: Chip = {
      ...{ x: left, y: top, width: own, height: chipHeight, kind, tooltip },
      lines: [{ x: left + 7, y: top + 14.4, text: shown, font: 'chip' }],
    };
    left += own + 5;
    return chip;
  });
  return { chips: made, bottom: top + chipHeight };
}

/** All hosts are `all` again, as they were written. */
export function endpointLabels(endpoints: readonly Endpoint[], inventory: Inventory): Label[] {
  const named = new Set(endpoints.flatMap((endpoint) => (endpoint.kind === 'host' ? [endpoint.name] : [])));
  const isAll = inventory.hosts.size > 1 && [...inventory.hosts.keys()].every((name) => named.has(name));
  const rest = isAll ? endpoints.filter(({ kind }) => kind !== 'host') : endpoints;
  const all = { text: 'all', kind: 'group', tooltip: [`every host: ${[...inventory.hosts.keys()].join(', ')}`] };
  return [
    ...(isAll ? [all] : []),
    ...rest.map((endpoint): Label => {
      const members = partiesIn(endpoint, inventory).join(', ');
      const kind = endpoint.kind === 'network' ? kindOf(inventory.networks.get(endpoint.name)) : endpoint.kind;
      const about = endpoint.kind === 'group' || endpoint.kind === 'network' ? `: ${members || 'nobody'}` : '';
      return {
        text: labelOf(endpoint),
        kind,
        tooltip: [`${endpoint.kind} ${'name' in endpoint ? endpoint.name : ''}${about}`.trim()],
      };
    }),
  ];
}

export function labelOf(endpoint: Endpoint): string {
  if (endpoint.kind === 'internet') return 'internet';
  return endpoint.kind === 'namespace' ? `namespace ${endpoint.name}` : endpoint.name;
}
