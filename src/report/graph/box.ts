import type { Font } from './text.ts';

/** A line of text. `y` is its baseline. */
export interface Line {
  readonly x: number;
  readonly y: number;
  readonly text: string;
  readonly font: Font;
  /** Further classes: `muted`. */
  readonly tone?: string | undefined;
}

export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A part of a card with a frame and a tooltip of its own. */
export interface Part extends Rectangle {
  readonly className: string;
  readonly tooltip: readonly string[];
}

/** A host, a device or the internet as it is drawn. All places are within the picture once it is placed. */
export interface Card extends Rectangle {
  readonly name: string;
  readonly kind: 'host' | 'device' | 'internet';
  readonly tooltip: readonly string[];
  readonly lines: readonly Line[];
  readonly parts: readonly Part[];
  /** What a wire can lead to → how far below the top. */
  readonly ports: ReadonlyMap<string, number>;
}

/** The same card elsewhere. */
export function moved(card: Card, x: number, y: number): Card {
  const shift = <T extends { readonly x: number; readonly y: number }>(one: T): T => ({
    ...one,
    x: one.x + x,
    y: one.y + y,
  });
  return { ...shift(card), lines: card.lines.map(shift), parts: card.parts.map(shift) };
}
