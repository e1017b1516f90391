import type { Opening, Party } from '../../roles/firewall/reach.ts';
import { portsOf } from './reach-table.ts';

const cell = { width: 96, height: 26 };
const left = 120;
const top = 110;

/** Who can reach whom as a matrix: SVG 1.1, with nothing outside the file. What opens a cell is shown when the pointer rests on it. */
export function drawReach(openings: readonly Opening[], parties: readonly Party[]): string {
  const rows = parties.filter(({ name }) => openings.some(({ from }) => from.name === name));
  const columns = parties.filter(({ name }) => openings.some(({ to }) => to.name === name));
  const width = left + columns.length * cell.width + 20;
  const height = top + rows.length * cell.height + 20;
  const heads = columns.map(({ name }, index) => {
    const at = `${left + index * cell.width + cell.width / 2},${top - 10}`;
    return `<text transform="translate(${at}) rotate(-35)">${escaped(name)}</text>`;
  });
  const lines = rows.flatMap((from, row) => [
    `<text x="${left - 10}" y="${top + row * cell.height + 17}" text-anchor="end">${escaped(from.name)}</text>`,
    ...columns.map((to, column) => drawCell(openings, from, to, left + column * cell.width, top + row * cell.height)),
  ]);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    '<title>Who can reach whom</title>',
    `<style>text{font:12px sans-serif;fill:#222}.ports{font-size:10px;text-anchor:middle}rect{stroke:#ccc}.open{fill:#bfe3c6}.shut{fill:#f4f4f4}.self{fill:#ddd}@media (prefers-color-scheme:dark){text{fill:#eee}rect{stroke:#555}.open{fill:#23603a}.shut{fill:#222}.self{fill:#444}}</style>`,
    ...heads,
    ...lines,
    '</svg>',
  ].join('\n');
}

function drawCell(openings: readonly Opening[], from: Party, to: Party, x: number, y: number): string {
  const here = openings.filter((opening) => opening.from.name === from.name && opening.to.name === to.name);
  const kind = from.name === to.name ? 'self' : here.length > 0 ? 'open' : 'shut';
  const box = `<rect class="${kind}" x="${x}" y="${y}" width="${cell.width}" height="${cell.height}"/>`;
  if (kind !== 'open') return box;
  const ports = [...new Set(here.map(portsOf))];
  const shown = ports.join(' ').length > 16 ? `${ports.join(' ').slice(0, 15)}…` : ports.join(' ');
  const why = here.map((opening) => `${portsOf(opening)}: ${opening.permit.reason}`).join('\n');
  const title = `<title>${escaped(`${from.name} → ${to.name}\n${why}`)}</title>`;
  return `<g>${title}${box}<text class="ports" x="${x + cell.width / 2}" y="${y + 17}">${escaped(shown)}</text></g>`;
}

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`);
}
