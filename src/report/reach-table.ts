import type { PolicyProblem } from '../../roles/firewall/problems.ts';
import type { Opening } from '../../roles/firewall/reach.ts';
import { showPorts } from '../model/port-range.ts';
import { tableLines } from './table.ts';
import { visibleLine } from './visible.ts';

type OpeningRecord = ReachRecord['openings'][number];

/** `22,80/tcp`, `any` */
export function portsText({ ports, protocol }: Pick<OpeningRecord, 'ports' | 'protocol'>): string {
  if (ports.length === 0) return protocol === 'any' ? 'any' : `any/${protocol}`;
  return `${ports.join(',')}/${protocol}`;
}

export function portsOf({ permit: { ports, protocol } }: Pick<Opening, 'permit'>): string {
  return portsText({ ports: ports.map(showPorts), protocol });
}

/** What can be reached, each thing with all who can. */
export function reachRows({ openings }: Pick<ReachRecord, 'openings'>) {
  const rows = new Map<string, { to: string; ports: string; from: string[]; why: string }>();
  for (const opening of openings) {
    const { from, to, reason, through } = opening;
    const ports = portsText(opening);
    const why = `${reason}${through === null ? '' : ` through ${through}`}`;
    const key = [to, ports, why].join('\n');
    const row = rows.get(key) ?? { to, ports, from: [], why };
    if (!row.from.includes(from)) row.from.push(from);
    rows.set(key, row);
  }
  const targets = [...new Set(openings.map(({ to }) => to))];
  return [...rows.values()].sort((a, b) => targets.indexOf(a.to) - targets.indexOf(b.to));
}

/** A line for each thing that can be reached; problems below. */
export function reachLines(openings: readonly Opening[], problems: readonly PolicyProblem[]): string[] {
  const rows = reachRows(reachRecord(openings, problems)).map(({ to, ports, from, why }) => [
    to,
    ports,
    from.join(' '),
    why,
  ]);
  const table = rows.length === 0 ? ['nothing can be reached'] : tableLines(['TO', 'PORTS', 'FROM', 'WHY'], rows);
  return [...table, ...(problems.length === 0 ? [] : ['', ...problems.map(({ message }) => visibleLine(message))])];
}

/** As in `lab reach --output json`: part of the interface, see docs/cli.md. */
export interface ReachRecord {
  readonly version: 1;
  readonly openings: readonly {
    readonly from: string;
    readonly to: string;
    readonly protocol: 'tcp' | 'udp' | 'any';
    /** Numbers, or ranges as text; none is every port. */
    readonly ports: readonly (number | string)[];
    readonly reason: string;
    /** The gateway that passes packets on. */
    readonly through: string | null;
    /** Its number in the inventory, from 0. */
    readonly flow: number | null;
  }[];
  readonly problems: readonly { readonly kind: string; readonly flow: number | null; readonly message: string }[];
}

export function reachRecord(openings: readonly Opening[], problems: readonly PolicyProblem[]): ReachRecord {
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
