import type { Card, Line, Rectangle } from './box.ts';
import { moved } from './box.ts';
import { type Bus, busesOf } from './buses.ts';
import { cardOf } from './cards.ts';
import { Column } from './column.ts';
import { areaPadding, betweenAreas, columnX, type Frame, frameFor } from './frame.ts';
import type { Area, Graph } from './graph.ts';
import { internetCard } from './internet-card.ts';
import { type Shelf, type Slot, shelvesOf } from './shelves.ts';
import { type Seat, type Wire, wiresOf } from './wires.ts';

export interface PlacedArea extends Rectangle {
  readonly area: Area;
  readonly lines: readonly Line[];
}

/** The upper part of the picture: networks with who stands in them, the internet above, and the wires. */
export interface MapPart {
  readonly frame: Frame;
  readonly areas: readonly PlacedArea[];
  readonly cards: readonly Card[];
  readonly wires: readonly Wire[];
  readonly bottom: number;
}

/** @param top where it begins */
export function mapOf(graph: Graph, width: number, top: number): MapPart {
  const buses = busesOf(graph);
  const frame = frameFor(width, buses.length, Math.max(0, ...wiresPerCard(buses).values()));
  const internet = internetCard(graph, frame, top);
  const seats = new Map<string, Seat>([['internet', { card: internet, column: 0, track: () => 0 }]]);
  const areas: PlacedArea[] = [];
  let y = internet.y + internet.height + betweenAreas;
  for (const shelf of shelvesOf(graph.areas, frame.columns)) y = placeShelf(shelf, y) + betweenAreas;
  const cards = [...seats.values()].map(({ card }) => card);
  return { frame, areas, cards, wires: wiresOf(buses, seats, frame), bottom: y };

  function placeShelf(shelf: Shelf, shelfTop: number): number {
    const heads = shelf.slots.map((slot) => headOf(slot, frame, shelfTop));
    let rowTop = Math.max(...heads.map(({ y: bottom }) => bottom));
    for (let row = 0; row < shelf.rows; row++) {
      const members = shelf.slots.flatMap(({ rows, column }) =>
        (rows[row] ?? []).map((name, index) => ({
          card: cardOf(name, graph, frame.cardWidth),
          column: column + index,
        })),
      );
      // A bus to a card that is not the first of its row comes along above the row.
      const later = new Set(members.filter(({ column }) => column > 0).map(({ card }) => card.name));
      const coming = buses.filter(({ ends }) => ends.some(({ card }) => later.has(card)));
      const cardTop = rowTop + 10 + coming.length * 7;
      const gutterTop = rowTop;
      for (const { card, column } of members) {
        const track = (bus: Bus) => gutterTop + 7 + coming.indexOf(bus) * 7;
        seats.set(card.name, { card: moved(card, columnX(frame, column), cardTop), column, track });
      }
      rowTop = cardTop + Math.max(0, ...members.map(({ card }) => card.height));
    }
    const bottom = rowTop + areaPadding;
    shelf.slots.forEach((slot, index) => {
      const { x, width: areaWidth } = extentOf(slot, frame);
      const place = { x, y: shelfTop, width: areaWidth, height: bottom - shelfTop };
      areas.push({ area: slot.area, ...place, lines: heads[index]?.lines ?? [] });
    });
    return bottom;
  }
}

function wiresPerCard(buses: readonly Bus[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { ends } of buses)
    for (const card of new Set(ends.map((end) => end.card))) counts.set(card, (counts.get(card) ?? 0) + 1);
  return counts;
}

function extentOf({ column, span }: Slot, frame: Frame): { x: number; width: number } {
  const endOf = (before: number) => columnX(frame, before) - frame.gutter + areaPadding;
  const begin = column === 0 ? frame.left : endOf(column) + betweenAreas;
  const end = column + span >= frame.columns ? frame.right : endOf(column + span);
  return { x: begin, width: end - begin };
}

const meanings = {
  public: 'can be reached from the internet',
  tunnel: 'encrypted tunnel (WireGuard)',
  private: 'private',
  none: 'no address on a network of the inventory',
} as const;

function headOf(slot: Slot, frame: Frame, top: number): Column {
  const { area } = slot;
  const { x, width } = extentOf(slot, frame);
  const column = new Column(x + areaPadding, x + width - areaPadding, top + 8);
  column.text(area.network?.name ?? 'elsewhere', 'head', { tone: area.kind });
  const prefixes = area.network?.prefixes.join(', ') ?? '';
  if (prefixes !== '') column.text(prefixes, 'chip');
  column.text(meanings[area.kind], 'small', { tone: 'muted' });
  if (area.others.length > 0) column.text(`also here: ${area.others.join(', ')}`, 'small', { tone: 'muted' });
  return column;
}
