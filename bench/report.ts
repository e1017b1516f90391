import type { Kind } from './contestant.ts';

export interface Sample {
  readonly contestant: string;
  readonly hosts: number;
  readonly roundTripMs: number;
  readonly kind: Kind;
  readonly seconds: number;
}

export interface Row {
  readonly hosts: number;
  readonly roundTripMs: number;
  readonly kind: Kind;
  /** Contestant → median in seconds. */
  readonly medians: Readonly<Record<string, number>>;
  /** Contestant → median divided by the floor's; the floor only reads, so only where it was measured. */
  readonly timesFloor: Readonly<Record<string, number>>;
  /** lab's median as a multiple of the floor's that it may reach; null where nothing was promised. */
  readonly goal: number | null;
  readonly reached: boolean | null;
}

/** A converged run within this multiple of the floor: on one host, on ten. */
const goals: Readonly<Record<number, number>> = { 1: 2, 10: 1.5 };

export function summarise(samples: readonly Sample[]): Row[] {
  const groups = new Map<string, Sample[]>();
  for (const sample of samples) groups.set(keyOf(sample), [...(groups.get(keyOf(sample)) ?? []), sample]);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const { hosts, roundTripMs, kind } = first;
    const names = [...new Set(group.map(({ contestant }) => contestant))];
    const medians = Object.fromEntries(
      names.map((name) => [name, median(group.filter((one) => one.contestant === name).map((one) => one.seconds))]),
    );
    const floor = medians.floor;
    const timesFloor = Object.fromEntries(
      floor === undefined ? [] : names.map((name) => [name, (medians[name] ?? 0) / floor]),
    );
    const goal = kind === 'converged' ? (goals[hosts] ?? null) : null;
    const reached = goal === null || timesFloor.lab === undefined ? null : timesFloor.lab <= goal;
    return [{ hosts, roundTripMs, kind, medians, timesFloor, goal, reached }];
  });
}

export function format(rows: readonly Row[]): string {
  const names = [...new Set(rows.flatMap(({ medians }) => Object.keys(medians)))];
  const cells = rows.map((row) => [
    `${row.hosts} host${row.hosts === 1 ? '' : 's'}, ${row.roundTripMs} ms, ${row.kind}`,
    ...names.map((name) => {
      const seconds = row.medians[name];
      if (seconds === undefined) return '';
      const times = row.timesFloor[name];
      return `${seconds.toFixed(2)} s${times === undefined || name === 'floor' ? '' : ` (${times.toFixed(1)}×)`}`;
    }),
    row.reached === null ? '' : `${row.reached ? 'reached' : 'missed'}: at most ${row.goal}×`,
  ]);
  const table = [['median', ...names, 'goal of lab'], ...cells];
  const widths = table[0]?.map((_, at) => Math.max(...table.map((line) => line[at]?.length ?? 0))) ?? [];
  return table
    .map((line) =>
      line
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function keyOf({ hosts, roundTripMs, kind }: Sample): string {
  return `${hosts} ${roundTripMs} ${kind}`;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
