/** Types of records that are published. */
export const recordTypes = ['A', 'AAAA', 'CAA', 'CNAME', 'MX', 'NS', 'SRV', 'TXT'] as const;
export type RecordType = (typeof recordTypes)[number];

/** All records of one name and type: what DNS answers, and what is changed, as one (RFC 2181, 5). */
export interface RecordSet {
  /** Absolute, in lower case, with the dot at its end. */
  readonly name: string;
  readonly type: RecordType;
  /** Seconds. */
  readonly ttl: number;
  /** As `canonicalValue` writes them, sorted. */
  readonly values: readonly string[];
}

/** `photos.example.dev. A` */
export function keyOf({ name, type }: Pick<RecordSet, 'name' | 'type'>): string {
  return `${name} ${type}`;
}

/** One line for each record: `photos.example.dev. 300 A 203.0.113.7`. */
export function linesOf({ name, type, ttl, values }: RecordSet): string[] {
  return values.map((value) => `${name} ${ttl} ${type} ${value}`);
}

/** Record sets in lines as `linesOf` writes them; other lines are passed over. */
export function setsIn(lines: readonly string[], read: (type: RecordType, value: string) => string): RecordSet[] {
  const sets = new Map<string, RecordSet>();
  for (const line of lines) {
    const [, name = '', ttl = '', word = '', value = ''] = /^(\S+) (\d+) (\S+) (.+)$/.exec(line) ?? [];
    const type = recordTypes.find((one) => one === word);
    if (type === undefined) continue;
    const set = { name: name.toLowerCase(), type };
    const before = sets.get(keyOf(set))?.values ?? [];
    const values = [...new Set([...before, read(type, value)])].sort();
    sets.set(keyOf(set), { ...set, ttl: Number(ttl), values });
  }
  return [...sets.values()];
}

export function sameSet(one: RecordSet | undefined, other: RecordSet | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return linesOf(one).join('\n') === linesOf(other).join('\n');
}

export function byName<Value>(sets: readonly Value[], key: (value: Value) => string): Map<string, Value> {
  return new Map(sets.map((set) => [key(set), set]));
}
