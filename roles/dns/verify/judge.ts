import type { Answer, Reply } from './answers.ts';
import type { Question } from './questions.ts';

/** What is not as the inventory says. */
export interface NameFinding {
  /**
   * `wrong`: something else than declared; `silent`: a resolver that does not answer; `open`: one that helps strangers; `bogus`: a
   * signed name that it does not check, or takes for forged.
   */
  readonly kind: 'wrong' | 'silent' | 'open' | 'bogus';
  /** Who asked. */
  readonly host: string;
  /** Who was asked; null where it was the host's own choice. */
  readonly resolver: string | null;
  readonly address: string | null;
  readonly name: string | null;
  readonly type: string | null;
  readonly expected: readonly string[];
  readonly found: readonly string[];
}

export interface Asked {
  readonly host: string;
  readonly resolver: string;
  readonly address: string;
}

export interface NameVerdict {
  readonly asked: number;
  readonly right: number;
  readonly findings: readonly NameFinding[];
}

/** Holds what a resolver said against what is declared. Pure. */
export function judgeAnswers(
  asked: Asked,
  questions: readonly Question[],
  answers: ReadonlyMap<string, Answer>,
): NameVerdict {
  if (answers.size === 0 && questions.length > 0)
    return { asked: questions.length, right: 0, findings: [{ ...blank, ...asked, kind: 'silent' }] };
  const findings = questions.flatMap(({ name, type, expected }): NameFinding[] => {
    const answer = answers.get(`${name} ${type}`);
    if (answer?.status === 'NOERROR' && same(answer.values, expected)) return [];
    const found = answer === undefined ? ['no answer'] : answer.status === 'NOERROR' ? answer.values : [answer.status];
    return [{ ...blank, ...asked, kind: 'wrong', name, type, expected, found }];
  });
  return { asked: questions.length, right: questions.length - findings.length, findings };
}

/** The same for what programs of a host get. Pure. */
export function judgeNames(
  host: string,
  type: 'address' | 'PTR',
  expected: ReadonlyMap<string, readonly string[]>,
  found: ReadonlyMap<string, readonly string[]>,
): NameVerdict {
  const findings = [...expected].flatMap(([name, values]): NameFinding[] => {
    const got = found.get(name) ?? [];
    // A host may have further names for an address, in its own /etc/hosts.
    const isRight = type === 'PTR' ? values.every((value) => got.includes(value)) : same(got, values);
    return isRight ? [] : [{ ...blank, kind: 'wrong', host, name, type, expected: values, found: got }];
  });
  return { asked: expected.size, right: expected.size - findings.length, findings };
}

export type Validation = 'validated' | 'not reached' | 'unchecked' | 'forged';

/**
 * Whether a resolver checks a signed zone (RFC 4035): the flag `ad` says so. What it does not tell, and tells unchecked (`cd`), it takes
 * for forged; what it tells in neither way it could not ask for.
 */
export function validationOf(checked: Answer | undefined, unchecked: Answer | undefined): Validation {
  if (checked?.status === 'NOERROR') return checked.flags.includes('ad') ? 'validated' : 'unchecked';
  return unchecked?.status === 'NOERROR' ? 'forged' : 'not reached';
}

export function judgeValidation(asked: Asked, zone: string, validation: Validation): readonly NameFinding[] {
  if (validation === 'validated' || validation === 'not reached') return [];
  return [{ ...blank, ...asked, kind: 'bogus', name: zone, type: 'SOA', expected: ['validated'], found: [validation] }];
}

/** Resolvers at addresses where they are to answer nobody. Pure. */
export function judgeReplies(
  host: string,
  resolverAt: ReadonlyMap<string, string>,
  replies: readonly Reply[],
): readonly NameFinding[] {
  const sorted = replies.toSorted((a, b) => (`${a.address} ${a.protocol}` < `${b.address} ${b.protocol}` ? -1 : 1));
  return sorted.flatMap(({ address, protocol, helps }) =>
    helps
      ? [
          {
            ...{ ...blank, kind: 'open' as const, host, resolver: resolverAt.get(address) ?? null, address },
            found: [`an answer over ${protocol}`],
          },
        ]
      : [],
  );
}

const blank = { resolver: null, address: null, name: null, type: null, expected: [], found: [] };

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.join('\n') === b.join('\n');
}

/** One line for a person. */
export function describeFinding({ kind, host, resolver, address, name, type, expected, found }: NameFinding): string {
  const listed = (values: readonly string[]) => (values.length === 0 ? 'nothing' : values.join(', '));
  const who = resolver === null ? host : `${resolver} (${address}, asked by ${host})`;
  switch (kind) {
    case 'silent':
      return `silent: ${resolver} does not answer ${host} at ${address}`;
    case 'open':
      return `open: ${resolver} answers at ${address}, where it should answer nobody: ${listed(found)} to ${host}`;
    case 'bogus':
      return `bogus: ${who} ${found.includes('forged') ? 'takes' : 'does not check'} the signed zone ${name}${found.includes('forged') ? ' for forged' : ''}`;
    default:
      return `wrong: ${who} has ${listed(found)} for ${name} ${type}, declared is ${listed(expected)}`;
  }
}
