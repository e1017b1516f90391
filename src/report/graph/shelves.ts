import type { Area } from './graph.ts';

/** An area on a shelf: from which column, how many columns wide, and who stands there, row by row. */
export interface Slot {
  readonly area: Area;
  readonly column: number;
  readonly span: number;
  readonly rows: readonly (readonly string[])[];
}

/** Areas beside each other. */
export interface Shelf {
  readonly slots: readonly Slot[];
  readonly rows: number;
}

/** Puts areas beside each other where there is room, in their order. The last of a shelf takes what is left. */
export function shelvesOf(areas: readonly Area[], columns: number): Shelf[] {
  const shelves: { area: Area; span: number }[][] = [];
  for (const area of areas) {
    const span = Math.min(columns, Math.max(1, area.members.length));
    const shelf = shelves.at(-1);
    const used = shelf?.reduce((sum, slot) => sum + slot.span, 0) ?? columns;
    if (shelf !== undefined && used + span <= columns) shelf.push({ area, span });
    else shelves.push([{ area, span }]);
  }
  return shelves.map((shelf) => {
    let column = 0;
    const slots = shelf.map(({ area, span }, index): Slot => {
      const start = column;
      column += span;
      const own = index === shelf.length - 1 ? columns - start : span;
      return { area, column: start, span: own, rows: inRows(area.members, span) };
    });
    return { slots, rows: Math.max(...slots.map(({ rows }) => rows.length)) };
  });
}

function inRows(members: readonly string[], columns: number): string[][] {
  const rows: string[][] = [];
  for (let index = 0; index < members.length; index += columns) rows.push(members.slice(index, index + columns));
  return rows;
}
