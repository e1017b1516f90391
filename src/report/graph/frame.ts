/** How wide things are, in CSS pixels. */
export interface Frame {
  readonly width: number;
  /** Where areas begin: left of it run the wires that lead from row to row. */
  readonly left: number;
  readonly right: number;
  readonly columns: number;
  readonly cardWidth: number;
  /** Left of the first card of a row, and of any other. */
  readonly firstGutter: number;
  readonly gutter: number;
}

const edge = 14;
const lane = 8;
export const areaPadding = 12;
/** Between areas that stand beside or below each other. */
export const betweenAreas = 12;
const narrowestCard = 216;
/** More buses than this share lanes: the picture stays a picture on a phone. */
const mostLanes = 8;

/** @param wires the most wires that meet at one card */
export function frameFor(width: number, buses: number, wires: number): Frame {
  const lanes = Math.min(buses, mostLanes);
  const left = lanes === 0 ? edge : edge + lanes * lane + 4;
  const right = width - edge;
  const firstGutter = lanes === 0 ? areaPadding : 20;
  const gutter = areaPadding + betweenAreas + 20 + Math.min(wires, mostLanes) * lane;
  const room = right - left - firstGutter - areaPadding;
  const columns = Math.max(1, Math.floor((room + gutter) / (narrowestCard + gutter)));
  const cardWidth = Math.floor((room - (columns - 1) * gutter) / columns);
  return { width, left, right, columns, cardWidth, firstGutter, gutter };
}

export function columnX(frame: Frame, column: number): number {
  return frame.left + frame.firstGutter + column * (frame.cardWidth + frame.gutter);
}

/** Where a bus runs from row to row. */
export function laneX(frame: Frame, bus: number): number {
  return frame.left - 8 - (bus % mostLanes) * lane;
}

/** Where it runs down beside a card that is not the first of its row: the how-manieth of the wires there. */
export function besideX(cardX: number, index: number): number {
  return cardX - 12 - (index % mostLanes) * lane;
}
