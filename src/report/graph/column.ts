import type { Line } from './box.ts';
import { type Font, fonts, widthOf, wrapped } from './text.ts';

/** Sets text from top to bottom, in lines that fit between `left` and `right`. */
export class Column {
  readonly lines: Line[] = [];
  y: number;
  readonly left: number;
  readonly right: number;

  constructor(left: number, right: number, y = 0) {
    this.left = left;
    this.right = right;
    this.y = y;
  }

  /** Gives the middle of its first line. */
  text(text: string, font: Font, options: { readonly tone?: string; readonly indent?: number } = {}): number {
    const x = this.left + (options.indent ?? 0);
    const middle = this.y + fonts[font].line / 2;
    for (const line of wrapped(text, font, this.right - x)) this.#set(line, font, x, options.tone);
    return middle;
  }

  /** A label and what it is about: on one line where there is room, else below each other. Gives the middle of the first line. */
  pair(
    label: string,
    font: Font,
    value: string,
    valueFont: Font,
    options: { readonly at?: number; readonly tone?: string } = {},
  ): number {
    const indent = Math.max(options.at ?? 0, widthOf(label, font) + 8);
    const fits = indent + widthOf(value, valueFont) <= this.right - this.left;
    if (!fits) {
      const middle = this.text(label, font);
      this.text(value, valueFont, { indent: 10, ...(options.tone === undefined ? {} : { tone: options.tone }) });
      return middle;
    }
    const top = this.y;
    const middle = this.text(label, font);
    const bottom = this.y;
    this.y = top + (fonts[font].line - fonts[valueFont].line) / 2;
    this.#set(value, valueFont, this.left + indent, options.tone);
    this.y = Math.max(bottom, this.y);
    return middle;
  }

  gap(height: number): void {
    this.y += height;
  }

  #set(text: string, font: Font, x: number, tone: string | undefined): void {
    const { line, size } = fonts[font];
    // The baseline: a text of this size stands in the middle of its line.
    this.lines.push({ x, y: this.y + line / 2 + size * 0.35, text, font, tone });
    this.y += line;
  }
}
