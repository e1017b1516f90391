import {
  addressAt,
  formatAddress,
  type Prefix,
  parseAddress,
  parsePrefix,
  toNumber,
} from '../../src/model/ip-address.ts';

export type Family = 'ipv4' | 'ipv6';
export const families = ['ipv4', 'ipv6'] as const;

/** From the first address to the last, as numbers. */
export interface Range {
  readonly first: bigint;
  readonly last: bigint;
}

type RangesOf = Readonly<Record<Family, readonly Range[]>>;

/** A set of addresses of both families. Ranges are sorted, and neither overlap nor touch: equal sets have equal ranges. */
export class AddressSet {
  static readonly empty = new AddressSet({ ipv4: [], ipv6: [] });
  static readonly everything = AddressSet.of(['0.0.0.0/0', '::/0']);

  readonly ranges: RangesOf;

  private constructor(ranges: RangesOf) {
    this.ranges = ranges;
  }

  /**
   * @param items addresses (`10.0.0.1`), prefixes (`10.0.0.0/8`) or ranges (`10.0.0.1-10.0.0.9`)
   * @throws RangeError for anything else
   */
  static of(items: readonly string[]): AddressSet {
    const all: Record<Family, Range[]> = { ipv4: [], ipv6: [] };
    for (const item of items) {
      const [family, range] = rangeIn(item);
      all[family].push(range);
    }
    return new AddressSet({ ipv4: joined(all.ipv4), ipv6: joined(all.ipv6) });
  }

  static union(sets: readonly AddressSet[]): AddressSet {
    return AddressSet.#each((family) => joined(sets.flatMap(({ ranges }) => ranges[family])));
  }

  static #each(make: (family: Family) => readonly Range[]): AddressSet {
    return new AddressSet({ ipv4: make('ipv4'), ipv6: make('ipv6') });
  }

  get isEmpty(): boolean {
    return families.every((family) => this.ranges[family].length === 0);
  }

  /** How many addresses it has, an IPv4 address counted as the IPv6 prefix of a site (/48). */
  get size(): bigint {
    const count = (family: Family) => this.ranges[family].reduce((sum, { first, last }) => sum + last - first + 1n, 0n);
    return (count('ipv4') << 80n) + count('ipv6');
  }

  with(other: AddressSet): AddressSet {
    return AddressSet.union([this, other]);
  }

  without(other: AddressSet): AddressSet {
    return AddressSet.#each((family) => difference(this.ranges[family], other.ranges[family]));
  }

  within(other: AddressSet): AddressSet {
    return this.without(this.without(other));
  }

  overlaps(other: AddressSet): boolean {
    return families.some((family) => meet(this.ranges[family], other.ranges[family]));
  }

  covers(other: AddressSet): boolean {
    return other.without(this).isEmpty;
  }

  has(address: string): boolean {
    const parsed = parseAddress(address);
    if (parsed === undefined) return false;
    const number = toNumber(parsed);
    return this.ranges[parsed.kind()].some(({ first, last }) => first <= number && number <= last);
  }

  /** As nft(8) writes them: an address, a prefix where a range is one, else `FIRST-LAST`. */
  format(family: Family): string[] {
    return this.ranges[family].map((range) => formatRange(family, range));
  }

  /** The same as prefixes alone, an address as one of its whole length: what can say no range needs several for some. */
  prefixes(family: Family): string[] {
    return this.ranges[family].flatMap((range) => prefixesOf(family, range));
  }

  /** Equal for equal sets. */
  get key(): string {
    return families.map((family) => this.format(family).join(',')).join(';');
  }
}

const whole = { ipv4: wholeOf('0.0.0.0/0'), ipv6: wholeOf('::/0') } as const;

function wholeOf(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (prefix === undefined) throw new RangeError(text);
  return prefix;
}

export function formatRange(family: Family, { first, last }: Range): string {
  const width = family === 'ipv4' ? 32 : 128;
  const textOf = (number: bigint) => formatAddress(addressAt(whole[family], number));
  if (first === last) return textOf(first);
  const size = last - first + 1n;
  const bits = size.toString(2).length - 1;
  return 1n << BigInt(bits) === size && first % size === 0n
    ? `${textOf(first)}/${width - bits}`
    : `${textOf(first)}-${textOf(last)}`;
}

function prefixesOf(family: Family, { first, last }: Range): string[] {
  const width = family === 'ipv4' ? 32 : 128;
  const prefixes: string[] = [];
  for (let at = first; at <= last; ) {
    let bits = width;
    const sizeWith = (fewer: number) => 1n << BigInt(width - fewer);
    while (bits > 0 && at % sizeWith(bits - 1) === 0n && at + sizeWith(bits - 1) - 1n <= last) bits--;
    prefixes.push(`${formatAddress(addressAt(whole[family], at))}/${bits}`);
    at += sizeWith(bits);
  }
  return prefixes;
}

function rangeIn(text: string): [Family, Range] {
  const [from = '', to, ...rest] = text.split('-');
  const first = parseAddress(from);
  const last = to === undefined ? undefined : parseAddress(to);
  if (first !== undefined && rest.length === 0) {
    if (to === undefined) return [first.kind(), { first: toNumber(first), last: toNumber(first) }];
    if (last?.kind() === first.kind() && toNumber(first) <= toNumber(last))
      return [first.kind(), { first: toNumber(first), last: toNumber(last) }];
  }
  const prefix = parsePrefix(text);
  if (prefix === undefined) throw new RangeError(`"${text}" is no address, prefix or range`);
  const family = prefix.network.kind();
  const size = 1n << BigInt((family === 'ipv4' ? 32 : 128) - prefix.bits);
  const start = (toNumber(prefix.network) / size) * size;
  return [family, { first: start, last: start + size - 1n }];
}

function joined(ranges: readonly Range[]): Range[] {
  const result: { first: bigint; last: bigint }[] = [];
  for (const { first, last } of ranges.toSorted((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0))) {
    const before = result.at(-1);
    if (before === undefined || first > before.last + 1n) result.push({ first, last });
    else if (last > before.last) before.last = last;
  }
  return result;
}

/** Whether two sorted lists share an address; a short one is looked up in a long one. */
function meet(a: readonly Range[], b: readonly Range[]): boolean {
  const [few, many] = a.length <= b.length ? [a, b] : [b, a];
  return few.some(({ first, last }) => {
    let [low, high] = [0, many.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((many[middle] as Range).last < first) low = middle + 1;
      else high = middle;
    }
    const next = many[low];
    return next !== undefined && next.first <= last;
  });
}

function difference(ranges: readonly Range[], taken: readonly Range[]): Range[] {
  const result: Range[] = [];
  let index = 0;
  for (const range of ranges) {
    let first = range.first;
    while (index < taken.length && (taken[index] as Range).last < first) index++;
    for (let at = index; at < taken.length && first <= range.last; at++) {
      const hole = taken[at] as Range;
      if (hole.first > range.last) break;
      if (hole.first > first) result.push({ first, last: hole.first - 1n });
      if (hole.last >= first) first = hole.last + 1n;
    }
    if (first <= range.last) result.push({ first, last: range.last });
  }
  return result;
}
