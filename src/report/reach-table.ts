import type { PolicyProblem } from '../../roles/firewall/problems.ts';
import type { Opening } from '../../roles/firewall/reach.ts';
import { showPorts } from '../model/port-range.ts';
import { tableLines } from './table.ts';
import { visibleLine } from './visible.ts';

/** `22,80/tcp`, `any` */
export function portsOf({ permit: { ports, protocol } }: Pick<Opening, 'permit'>): string {
  if (ports.length === 0) return protocol === 'any' ? 'any' : `any/${protocol}`;
  return `${ports.map(showPorts).join(',')}/${protocol}`;
}

/** A line for each thing that can be reached, with all who can; problems below. */
export function reachLines(openings: readonly Opening[], problems: readonly PolicyProblem[]): string[] {
  const rows = new Map<string, { from: string[]; rest: string[] }>();
  for (const opening of openings) {
    const { from, to, permit } = opening;
    const via = permit.via === undefined ? '' : ` through ${permit.via}`;
    const rest = [to.name, portsOf(opening), `${permit.reason}${via}`];
    const row = rows.get(rest.join('\n')) ?? { from: [], rest };
    if (!row.from.includes(from.name)) row.from.push(from.name);
    rows.set(rest.join('\n'), row);
  }
  const targets = [...new Set(openings.map(({ to }) => to.name))];
  const order = ([to = '']: readonly string[]) => targets.indexOf(to);
  const table =
    rows.size === 0
      ? ['nothing can be reached']
      : tableLines(
          ['TO', 'PORTS', 'FROM', 'WHY'],
          [...rows.values()]
            .sort((a, b) => order(a.rest) - order(b.rest))
            .map(({ from, rest: [to = '', ports = '', why = ''] }) => [to, ports, from.join(' '), why]),
        );
  return [...table, ...(problems.length === 0 ? [] : ['', ...problems.map(({ message }) => visibleLine(message))])];
}

/** As in `lab reach --output json`: part of the interface, see docs/cli.md. */
export function reachRecord(openings: readonly Opening[], problems: readonly PolicyProblem[]): Record<string, unknown> {
  return {
    version: 1,
    openings: openings.map(({ from, to, permit: { protocol, ports, reason, via, origin } }) => ({
      from: from.name,
      to: to.name,
      protocol,
      ports: ports.map((range) => (range.first === range.last ? range.first : showPorts(range))),
      reason,
      through: via ?? null,
      flow: origin.kind === 'flow' ? origin.index : null,
    })),
    problems: problems.map(({ kind, flow = null, message }) => ({ kind, flow, message })),
  };
}
