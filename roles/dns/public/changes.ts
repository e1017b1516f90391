import { LabError } from '../../../src/index.ts';
import { byName, keyOf, linesOf, type RecordSet, sameSet } from './record-set.ts';

/** What is known of a zone: nothing but what is asked for. */
export interface ZoneState {
  /** Record sets that the server has, of the names and types that matter. */
  readonly current: readonly RecordSet[];
  /** Record sets that were published before, as they were then. */
  readonly owned: readonly RecordSet[];
}

/** One record set that is not as it shall be; `undefined` is none. */
export interface SetChange {
  readonly before: RecordSet | undefined;
  readonly after: RecordSet | undefined;
}

/** A share of the record sets above which a change is a mass change, in a zone with so many of them (the rule of octoDNS). */
const massShare = 0.3;
const massFrom = 10;

/**
 * What has to change so that a zone has what is wanted: what is declared is made, whoever made it before; what was published
 * before and is not declared any more is removed; nothing else is looked at. Pure.
 *
 * @throws LabError PLAN_IMPOSSIBLE for a mass change that nobody asked for, or a CNAME of somebody else at a name
 */
export function changesOf(
  zone: string,
  wanted: readonly RecordSet[],
  { current, owned }: ZoneState,
  massChange: boolean,
): readonly SetChange[] {
  const want = byName(wanted, keyOf);
  const is = byName(current, keyOf);
  const was = byName(owned, keyOf);
  const keys = [...new Set([...was.keys(), ...want.keys()])].sort();
  const changes = keys
    .map((key): SetChange => ({ before: is.get(key), after: want.get(key) }))
    .filter(({ before, after }) => !sameSet(before, after));
  refuseForeign(wanted, current, was);
  const touched = changes.filter(({ before }) => before !== undefined && was.has(keyOf(before)));
  if (!massChange && was.size >= massFrom && touched.length > was.size * massShare) refuseMass(zone, touched, was.size);
  return changes;
}

type Sets = ReadonlyMap<string, RecordSet>;

/** A server leaves out what does not go beside a CNAME, without a word (RFC 2136, 3.4.2.2). */
function refuseForeign(wanted: readonly RecordSet[], current: readonly RecordSet[], was: Sets): void {
  const cuts = current.filter((set) => set.type === 'NS' && !was.has(keyOf(set)));
  for (const set of wanted) {
    const cut = cuts.find(({ name }) => (set.name === name ? set.type !== 'NS' : set.name.endsWith(`.${name}`)));
    if (cut !== undefined && !wanted.some((one) => keyOf(one) === keyOf(cut)))
      throw new LabError(
        'PLAN_IMPOSSIBLE',
        `${keyOf(set)} would never be seen: the zone delegates ${cut.name} to others`,
        {
          expected: 'no NS records at or above it',
          found: linesOf(cut).join('; '),
          hint: 'publish it in the zone of those servers, or take the delegation away',
        },
      );
    const other = current.find(
      ({ name, type }) =>
        name === set.name &&
        type !== set.type &&
        (type === 'CNAME' || set.type === 'CNAME') &&
        !was.has(keyOf({ name, type })),
    );
    if (other === undefined) continue;
    throw new LabError('PLAN_IMPOSSIBLE', `${set.name} has ${describe(other)} that somebody else made`, {
      expected: `nothing beside ${describe(set)}: a CNAME is alone at its name`,
      found: linesOf(other).join('; '),
      hint: 'remove it where it was made, or take another name',
    });
  }
}

function describe({ type }: RecordSet): string {
  return type === 'A' || type === 'AAAA' || type === 'MX' || type === 'NS' || type === 'SRV'
    ? `${type} records`
    : `a ${type}`;
}

function refuseMass(zone: string, touched: readonly SetChange[], all: number): never {
  const removed = touched.filter(({ after }) => after === undefined).length;
  const what = [
    ...(removed === 0 ? [] : [`${removed} removed`]),
    ...(removed === touched.length ? [] : [`${touched.length - removed} changed`]),
  ].join(', ');
  throw new LabError('PLAN_IMPOSSIBLE', `this would be a mass change of the zone ${zone}`, {
    expected: `at most 30 % of its ${all} record sets at once`,
    found: `${what}: ${touched
      .slice(0, 5)
      .map(({ before }) => (before === undefined ? '' : keyOf(before)))
      .join(', ')}${touched.length > 5 ? ', …' : ''}`,
    hint: `is the inventory whole? When it is meant, set massChange: true for the zone, and take it out afterwards`,
  });
}
