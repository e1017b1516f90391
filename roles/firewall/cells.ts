import type { PortRange } from '../../src/index.ts';
import { AddressSet, type Family, type Range } from './address-set.ts';
import type { ForwardRule, Rule } from './host-rules.ts';

/** A part of what rules allow that shares no packet with any other part: what an interval set of nftables can hold. */
export interface Cell {
  readonly protocol: 'tcp' | 'udp';
  readonly ports: PortRange;
  readonly addresses: AddressSet;
  readonly comment: string;
}

export interface ForwardCell extends Cell {
  readonly family: Family;
  readonly to: Range;
}

const everyPort: PortRange = { first: 0, last: 65535 };

/** Rules for tcp and udp as parts that do not overlap. Where several allow the same, the widest gives the comment. */
export function cellsOf(rules: readonly Rule[]): Cell[] {
  return (['tcp', 'udp'] as const).flatMap((protocol) => {
    const mine = rules.filter((rule) => rule.protocol === protocol);
    return portPieces(mine).flatMap(({ ports, rules: here }) =>
      disjoint(here).map(({ addresses, comment }) => ({ protocol, ports, addresses, comment })),
    );
  });
}

/** The same with destinations, one family at a time. */
export function forwardCellsOf(rules: readonly ForwardRule[], family: Family): ForwardCell[] {
  return destinationPieces(rules, family).flatMap(({ to, rules: here }) =>
    cellsOf(here).map((cell) => ({ ...cell, family, to })),
  );
}

/** Rules for every protocol, as parts that do not overlap. */
export function disjoint(rules: readonly Rule[]): { readonly addresses: AddressSet; readonly comment: string }[] {
  let taken = AddressSet.empty;
  return rules.toSorted(byWidth).flatMap(({ addresses, comment }) => {
    const rest = addresses.without(taken);
    if (rest.isEmpty) return [];
    taken = taken.with(rest);
    return [{ addresses: rest, comment }];
  });
}

function byWidth(a: Rule, b: Rule): number {
  const [x, y] = [a.addresses.size, b.addresses.size];
  return x > y ? -1 : x < y ? 1 : 0;
}

/** The ports cut where any rule begins or ends; neighbours with the same rules are one. */
function portPieces(rules: readonly Rule[]): { ports: PortRange; rules: Rule[] }[] {
  const ranged = rules.flatMap((rule) =>
    (rule.ports.length === 0 ? [everyPort] : rule.ports).map((ports) => ({ ports, rule })),
  );
  return pieces(ranged.map(({ ports, rule }) => ({ first: BigInt(ports.first), last: BigInt(ports.last), rule }))).map(
    ({ first, last, rules: here }) => ({ ports: { first: Number(first), last: Number(last) }, rules: here }),
  );
}

function destinationPieces(rules: readonly ForwardRule[], family: Family): { to: Range; rules: ForwardRule[] }[] {
  const ranged = rules.flatMap((rule) => rule.to.ranges[family].map((range) => ({ ...range, rule })));
  return pieces(ranged).map(({ first, last, rules: here }) => ({ to: { first, last }, rules: here }));
}

/** Cuts a line where anything on it begins or ends, and says what covers each piece. */
function pieces<R>(ranged: readonly (Range & { rule: R })[]): (Range & { rules: R[] })[] {
  const starts = new Map<bigint, R[]>();
  const ends = new Map<bigint, R[]>();
  for (const { first, last, rule } of ranged) {
    starts.set(first, [...(starts.get(first) ?? []), rule]);
    ends.set(last + 1n, [...(ends.get(last + 1n) ?? []), rule]);
  }
  const cuts = [...new Set([...starts.keys(), ...ends.keys()])].sort((a, b) => (a < b ? -1 : 1));
  // How many ranges of a rule are open: those of one rule may overlap too.
  const open = new Map<R, number>();
  const result: { first: bigint; last: bigint; rules: R[] }[] = [];
  for (const [index, cut] of cuts.entries()) {
    for (const rule of ends.get(cut) ?? []) {
      const left = (open.get(rule) ?? 1) - 1;
      if (left === 0) open.delete(rule);
      else open.set(rule, left);
    }
    for (const rule of starts.get(cut) ?? []) open.set(rule, (open.get(rule) ?? 0) + 1);
    const next = cuts[index + 1];
    if (next === undefined || open.size === 0) continue;
    const before = result.at(-1);
    const rules = [...open.keys()];
    if (before?.last === cut - 1n && sameMembers(before.rules, rules)) before.last = next - 1n;
    else result.push({ first: cut, last: next - 1n, rules });
  }
  return result;
}

function sameMembers<T>(a: readonly T[], b: readonly T[]): boolean {
  const all = new Set(a);
  return a.length === b.length && b.every((item) => all.has(item));
}
