import type { Card, Line, Rectangle } from './box.ts';
import type { Graph } from './graph.ts';
import type { Chip, Lane } from './lanes.ts';
import { layoutOf, summaryOf } from './layout.ts';
import type { PlacedArea } from './map.ts';
import { colours, pictureStyle } from './style.ts';
import { escaped, escapedLines, fonts, isPlain, widthOf } from './text.ts';
import { r, type Wire } from './wires.ts';

/** A picture by itself: SVG without a script and without anything from outside. */
export function drawGraph(graph: Graph, width = 1000): string {
  return `${picture(graph, width, `<style>${colours}\n${pictureStyle}</style>`)}\n`;
}

/** The same for a page, which has the style. */
export function pictureFor(graph: Graph, width: number, className: string): string {
  return picture(graph, width, '', ` class="${className}"`);
}

function picture(graph: Graph, width: number, style: string, attributes = ''): string {
  const layout = layoutOf(graph, width);
  const { height, map, lanes, groups, lines, legend } = layout;
  const { relations } = graph;
  const title = `Homelab: ${summaryOf(graph)}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img"${attributes}>`,
    `<title>${escaped(title)}</title>`,
    `<desc>${escapedLines(descriptionOf(graph))}</desc>`,
    ...(style === '' ? [] : [style]),
    `<rect class="paper" width="${width}" height="${height}"/>`,
    ...map.areas.map(drawArea),
    ...lines.map(drawLine),
    ...legend.map(({ kind, x, y }) => `<path class="wire ${kind}" d="M${r(x)} ${r(y)}h26"/>${head(x + 34, y, kind)}`),
    ...map.cards.map((card) =>
      drawCard(card, `c${relations.numberOf(card.name)} ${relations.classes(relations.around(card.name))}`),
    ),
    ...map.wires.map((wire) => drawWire(wire, graph)),
    ...lanes.map((lane) => drawLane(lane, relations.classes(lane.parties))),
    ...groups.map(drawChip),
    '</svg>',
  ].join('\n');
}

/** What the picture shows, for who cannot see it. */
function descriptionOf({ inventory, areas, tunnels }: Graph): string[] {
  return [
    ...areas.map(
      ({ network, members }) => `${network?.name ?? 'elsewhere'}: ${members.join(', ') || 'nobody stands here'}.`,
    ),
    ...[...inventory.services.values()].map(({ name, host, port }) => `Service ${name} on ${host}, port ${port}.`),
    ...tunnels.dials.map(({ from, to, network }) => `${from} dials ${to} in ${network}.`),
    ...inventory.flows.map(({ reason }, index) => `Flow ${index + 1}: ${reason}.`),
  ];
}

const rectangle = ({ x, y, width, height }: Rectangle, className: string, radius: number): string =>
  `<rect class="${className}" x="${r(x)}" y="${r(y)}" width="${r(width)}" height="${r(height)}" rx="${radius}"/>`;

const titled = (tooltip: readonly string[]): string => `<title>${escapedLines(tooltip)}</title>`;

function drawLine({ x, y, text, font, tone }: Line): string {
  const { size } = fonts[font];
  // Of other scripts nobody knows how wide they are: they are fitted into the place that they have.
  const fitted = isPlain(text)
    ? ''
    : ` textLength="${Math.floor(widthOf(text, font))}" lengthAdjust="spacingAndGlyphs"`;
  return `<text class="${font}${tone === undefined ? '' : ` ${tone}`}" x="${r(x)}" y="${r(y)}" font-size="${size}"${fitted}>${escaped(text)}</text>`;
}

function drawArea(area: PlacedArea): string {
  const { network } = area.area;
  const tooltip = network === undefined ? 'no network' : `network ${network.name}: ${network.prefixes.join(', ')}`;
  return `<g>${titled([tooltip])}${rectangle(area, `area ${area.area.kind}`, 10)}${area.lines.map(drawLine).join('')}</g>`;
}

function drawCard(card: Card, classes: string): string {
  const parts = card.parts.map((part) => {
    const radius = part.className.startsWith('dot') ? 4 : part.className.startsWith('pill') ? 11 : 5;
    return `<g>${titled(part.tooltip)}${rectangle(part, part.className, radius)}</g>`;
  });
  const frame = rectangle(card, `card ${card.kind}`, 8);
  return `<g class="${classes}" data-name="${escaped(card.name)}">${titled(card.tooltip)}${frame}${parts.join('')}${card.lines.map(drawLine).join('')}</g>`;
}

function drawLane(lane: Lane, classes: string): string {
  const { x, y, length } = lane.arrow;
  const arrow = `<path class="arrow" d="M${r(x)} ${r(y)}h${r(length - 7)}"/><path class="arrow-head" d="M${r(x + length)} ${r(y)}l-9 -4.5v9z"/>`;
  return `<g class="${classes}">${titled(lane.tooltip)}${rectangle(lane, 'lane', 8)}${arrow}${lane.chips.map(drawChip).join('')}${lane.lines.map(drawLine).join('')}</g>`;
}

function drawChip(chip: Chip): string {
  return `<g>${titled(chip.tooltip)}${rectangle(chip, `chip-box ${chip.kind}`, 5)}${chip.lines.map(drawLine).join('')}</g>`;
}

function drawWire({ bus, trunk, branches }: Wire, { relations }: Graph): string {
  const everybody = relations.classes(bus.ends.flatMap(({ parties }) => parties));
  const drawn = branches.map(({ end, path, x, y }) => {
    const mark =
      end.way === 'out'
        ? `<circle class="tail-of ${bus.kind}" cx="${r(x)}" cy="${r(y)}" r="3"/>`
        : head(x, y, bus.kind);
    return `<g class="${relations.classes(end.parties)}">${titled(end.tooltip)}<path class="wire ${bus.kind}" d="${path}"/>${mark}</g>`;
  });
  return `<g class="${everybody}">${titled(bus.tooltip)}<path class="wire ${bus.kind}" d="${trunk}"/></g>${drawn.join('')}`;
}

function head(x: number, y: number, kind: string): string {
  return `<path class="head-of ${kind}" d="M${r(x)} ${r(y)}l-8 -4.5v9z"/>`;
}
