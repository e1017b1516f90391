import type { Card } from './box.ts';
import type { Bus, End } from './buses.ts';
import { besideX, type Frame, laneX } from './frame.ts';

/** A card at its place. */
export interface Seat {
  readonly card: Card;
  readonly column: number;
  /** Height at which a bus comes along above the row of the card. */
  readonly track: (bus: Bus) => number;
}

/** A bus as it is drawn: what it shares, and its branches. Lines go across and down only. */
export interface Wire {
  readonly bus: Bus;
  readonly trunk: string;
  readonly branches: readonly Branch[];
}

export interface Branch {
  readonly end: End;
  readonly path: string;
  /** Where it meets the card. */
  readonly x: number;
  readonly y: number;
}

/** Leads every bus down the left side, above rows and beside cards, never across a card. */
export function wiresOf(buses: readonly Bus[], seats: ReadonlyMap<string, Seat>, frame: Frame): Wire[] {
  const before = new Map<string, Bus[]>();
  return buses.flatMap((bus, index): Wire[] => {
    const x = laneX(frame, index);
    const heights: number[] = [];
    const branches = bus.ends.flatMap((end): Branch[] => {
      const seat = seats.get(end.card);
      const port = seat?.card.ports.get(end.port);
      if (seat === undefined || port === undefined) return [];
      const { card, column } = seat;
      const y = card.y + port;
      if (column === 0) {
        heights.push(y);
        return [{ end, path: `M${r(x)} ${r(y)}H${r(card.x)}`, x: card.x, y }];
      }
      const here = before.get(card.name) ?? [];
      before.set(card.name, here);
      if (!here.includes(bus)) here.push(bus);
      const beside = besideX(card.x, here.indexOf(bus));
      const above = seat.track(bus);
      heights.push(above);
      return [{ end, path: `M${r(x)} ${r(above)}H${r(beside)}V${r(y)}H${r(card.x)}`, x: card.x, y }];
    });
    if (branches.length < 2) return [];
    return [{ bus, trunk: `M${r(x)} ${r(Math.min(...heights))}V${r(Math.max(...heights))}`, branches }];
  });
}

/** Halves of a pixel are enough, and the text is the same everywhere. */
export function r(value: number): number {
  return Math.round(value * 2) / 2;
}
