import { byName, type NameRecord, type RecordType } from '../private/records.ts';

/** What is asked, and what the answer is to be. */
export interface Question {
  readonly name: string;
  readonly type: RecordType;
  /** Sorted; empty where the name is there, and nothing of this type. */
  readonly expected: readonly string[];
}

/**
 * One question for each name and type that is declared, and for the other family of addresses: inside, a name has no address
 * that is only public. Pure.
 */
export function questionsOf(records: readonly NameRecord[]): readonly Question[] {
  return [...byName(records)].flatMap(([name, all]) => {
    const has = new Set(all.map(({ type }) => type));
    const isAddressed = has.has('A') || has.has('AAAA');
    const types: RecordType[] = [...has, ...(['A', 'AAAA'] as const).filter((type) => isAddressed && !has.has(type))];
    return types.map((type) => ({
      name,
      type,
      expected: all
        .filter((record) => record.type === type)
        .map(({ value }) => value)
        .sort(),
    }));
  });
}

/** Names that lead to addresses: name → sorted addresses of both families, as programs get them. */
export function namesForPrograms(records: readonly NameRecord[]): ReadonlyMap<string, readonly string[]> {
  const addressed = records.filter(({ type }) => type === 'A' || type === 'AAAA');
  return new Map([...byName(addressed)].map(([name, all]) => [name, all.map(({ value }) => value).sort()]));
}

/** A question for the addresses of a name, as it goes over the wire (RFC 1035, 4.1), in octal escapes of printf(1). */
export function wireQuestion(name: string): string {
  const labels = name.split('.').flatMap((label) => [label.length, ...Buffer.from(label)]);
  const bytes = [0x4c, 0x42, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, 1, 0, 1];
  return bytes.map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
}
