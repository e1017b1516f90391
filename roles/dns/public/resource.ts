import { type Change, defineResource, KnownAfterApply, LabError, type Step, z } from '../../../src/index.ts';
import { changesOf, type SetChange } from './changes.ts';
import { keyOf, linesOf, type RecordSet, recordTypes, sameSet, setsIn } from './record-set.ts';
import { canonicalValue } from './values.ts';

export const recordSet = z.strictObject({
  name: z.string(),
  type: z.enum(recordTypes),
  ttl: z.int(),
  values: z.array(z.string()).readonly(),
});

const props = z.strictObject({
  /** Without the dot at its end. */
  zone: z.string(),
  wanted: z.array(recordSet).readonly(),
  /** As the provider has them. */
  program: z.string(),
  settings: z.array(z.string()).readonly(),
  secretFile: z.string(),
  massChange: z.boolean().default(false),
});
type Props = z.output<typeof props>;

/** Where a host remembers what it has published. */
export const ledgersFolder = '/var/lib/lab-dns';

interface Current {
  readonly current: readonly RecordSet[];
  readonly owned: readonly RecordSet[];
  /** The ledger as it stands. */
  readonly ledger: string | null;
}

/**
 * The records of a zone that this host publishes, at a server of whatever kind. What it has published stands in a ledger on the
 * host; record sets that are neither declared nor in there are never touched.
 *
 * A change is one message that the server takes as a whole, and only if the zone is as the plan saw it.
 *
 * @throws LabError READ_FAILED when the server does not answer or refuses; PLAN_IMPOSSIBLE for a mass change
 */
export const dnsRecords = defineResource({
  type: 'dns-records',
  props,
  id: ({ zone }) => zone,
  async read(host, given): Promise<Current> {
    const { zone, wanted } = given;
    const ledgerFile = ledgerOf(zone);
    // What was published before is known to the host alone: it is asked for, with what it names, in one round trip.
    const [ledger, secret, answer] = await Promise.all([
      host.content(ledgerFile),
      host.file(given.secretFile, { packagesMayCreate: true }),
      host.run(['sh', '-c', given.program, 'lab-dns', 'look', ...words(given), ...questions(wanted)], {
        timeoutSeconds: 120,
      }),
    ]);
    const lines = answer.stdout.split('\n');
    const after = (word: string) =>
      lines.flatMap((line) => (line.startsWith(`${word} `) ? [line.slice(word.length + 1)] : []));
    if (secret.sha256 === null || after('key')[0] !== secret.sha256)
      throw new KnownAfterApply('the key is not on the host yet');
    const [, message, hint] = lines.find((line) => line.startsWith('error\t'))?.split('\t') ?? [];
    if (message !== undefined) throw new LabError('READ_FAILED', message, { hint });
    if (!lines.includes('end')) {
      const found = answer.exitCode === 124 ? 'no answer within 120 seconds' : `exit code ${answer.exitCode}`;
      throw new LabError('READ_FAILED', `the records of ${zone} cannot be read`, { found, output: answer.stdout });
    }
    const wildcards = new Set(after('wildcard'));
    return {
      current: setsIn(after('record'), canonicalValue).filter((set) => !wildcards.has(keyOf(set))),
      owned: setsIn(after('owned'), canonicalValue),
      ledger: ledger === null ? null : Buffer.from(ledger).toString(),
    };
  },
  diff(given, current): readonly Change[] {
    const { zone, wanted } = given;
    const changes = changesOf(zone, wanted, current, given.massChange);
    const path = ledgerOf(zone);
    const content = wanted
      .flatMap(linesOf)
      .map((line) => `${line}\n`)
      .join('');
    const note = { do: 'write' as const, path, content, mode: '0600', owner: 'root', group: 'root' };
    if (changes.length === 0) {
      if (current.ledger === content || (current.ledger === null && content === '')) return [];
      const mine = new Set(current.owned.map(keyOf));
      const adopted = wanted.filter((set) => !mine.has(keyOf(set)));
      return [
        {
          attribute: 'owned records',
          before: `${current.owned.length} record sets`,
          after: [`${wanted.length} record sets`, ...adopted.map((set) => `${keyOf(set)} is as declared already`)].join(
            '; ',
          ),
          apply: [note],
          revert: [{ do: 'restore', path }],
        },
      ];
    }
    const send = (verb: 'push' | 'back'): Step => ({
      do: 'run',
      argv: ['sh', '-c', given.program, 'lab-dns', verb, ...words(given)],
      stdin: changes.flatMap((change) => linesOfChange(verb === 'push' ? change : backwards(change))).join('\n'),
      timeoutSeconds: 300,
    });
    // One message changes all of them: the first carries it, the others are told.
    return changes.map(({ before, after }, index) => ({
      attribute: keyOf((after ?? before) as RecordSet),
      before: shown(before, after),
      after: shown(after, before),
      apply: index === 0 ? [send('push'), note] : [],
      revert: index === 0 ? [send('back'), { do: 'restore', path }] : [],
    }));
  },
});

function ledgerOf(zone: string): string {
  return `${ledgersFolder}/${zone}.owned`;
}

function words({ zone, secretFile, settings }: Props): string[] {
  return [zone, ledgerOf(zone), secretFile, ...settings];
}

/** What is asked besides what the ledger names: what is wanted, and what may stand beside a CNAME. */
function questions(wanted: readonly RecordSet[]): string[] {
  const asked = new Set<string>();
  for (const { name, type } of wanted) {
    for (const one of type === 'CNAME' ? recordTypes : [type]) asked.add(`${name} ${one}`);
  }
  return [...asked].flatMap((one) => one.split(' '));
}

function linesOfChange({ before, after }: SetChange): string[] {
  const lines = (sign: string, set: RecordSet | undefined) =>
    set === undefined ? [] : linesOf(set).map((line) => `${sign} ${line}`);
  return [...lines('-', before), ...lines('+', after)];
}

function backwards({ before, after }: SetChange): SetChange {
  return { before: after, after: before };
}

function shown(set: RecordSet | undefined, other: RecordSet | undefined): string | null {
  if (set === undefined) return null;
  const ttlDiffers = other !== undefined && other.ttl !== set.ttl;
  const values = set.values.length > 1 ? set.values.join(', ') : (set.values[0] ?? '');
  return ttlDiffers || (other !== undefined && sameSet(set, other)) ? `${values} for ${set.ttl} s` : values;
}
