import type { Card, Part } from './box.ts';
import { routeTooltip } from './cards.ts';
import { Column } from './column.ts';
import type { Frame } from './frame.ts';
import type { Graph } from './graph.ts';
import { cut, widthOf } from './text.ts';

/** What is outside, across the whole picture, with the public names under which the homelab is known there. */
export function internetCard({ routes }: Graph, frame: Frame, y: number): Card {
  const { left: x, right, firstGutter } = frame;
  const column = new Column(x + firstGutter, right - 12, y + 10);
  const middle = column.text('The internet', 'head');
  column.text(routes.length === 0 ? 'no public names lead in' : 'public names that lead in', 'small', {
    tone: 'muted',
  });
  const parts: Part[] = [];
  const names = new Map(routes.flatMap((route) => route.service.public.map((name) => [name, route] as const)));
  let left = column.left;
  column.gap(names.size === 0 ? 0 : 4);
  for (const [name] of names) {
    const text = cut(name, 'chip', column.right - column.left - 16);
    const width = widthOf(text, 'chip') + 16;
    if (left > column.left && left + width > column.right) {
      left = column.left;
      column.gap(27);
    }
    const ways = routes.filter(({ service }) => service.public.includes(name)).map(routeTooltip);
    parts.push({ x: left, y: column.y, width, height: 22, className: 'pill route', tooltip: ways });
    column.lines.push({ x: left + 8, y: column.y + 14.9, text, font: 'chip', tone: 'route' });
    left += width + 8;
  }
  column.gap(names.size === 0 ? 8 : 32);
  return {
    ...{ name: 'internet', kind: 'internet', tooltip: ['the internet: whoever is outside'] },
    ...{ x, y, width: right - x, height: column.y - y, lines: column.lines, parts },
    ports: new Map([['names', middle - y]]),
  };
}
