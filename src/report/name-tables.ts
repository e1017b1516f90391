import { describeFinding, type NameFinding, type Validation } from '../../roles/dns/verify/judge.ts';
import { tableLines } from './table.ts';
import type { Problem, UnlookedRecord } from './verify/verification.ts';
import { visibleLine } from './visible.ts';

interface Counts {
  readonly asked: number;
  readonly right: number;
}

/** What resolvers and hosts of the inventory said. */
export interface PrivateNames {
  readonly resolvers: readonly (Counts & {
    readonly resolver: string;
    readonly address: string;
    /** Who asked. */
    readonly host: string;
    /** Zone → what became of its signatures; of a resolver that asked itself. */
    readonly zones: Readonly<Record<string, Validation>>;
  })[];
  /** Null for a host that asks elsewhere. */
  readonly hosts: readonly { readonly host: string; readonly programs: Counts | null }[];
  readonly findings: readonly NameFinding[];
}

export interface PublicFinding {
  /** `wrong`: leads elsewhere than declared; `silent`: nobody answered. */
  readonly kind: 'wrong' | 'silent';
  readonly zone: string;
  readonly name: string;
  readonly type: 'A' | 'AAAA';
  readonly expected: readonly string[];
  readonly found: readonly string[];
}

/** What strangers are told. */
export interface PublicNames {
  readonly zones: readonly {
    readonly zone: string;
    /** Who was asked, for a person. */
    readonly at: string;
    readonly asked: number;
    readonly findings: readonly PublicFinding[];
  }[];
}

/** As in `lab verify dns --output json`: part of the interface, see docs/cli.md. */
export interface NameRecord {
  readonly private: PrivateNames;
  readonly public: PublicNames;
  readonly errors: readonly UnlookedRecord[];
}

/** `31 of 32` */
export function countedNames({ asked, right }: Counts): string {
  return `${right} of ${asked}`;
}

/** What became of the signatures of all zones, each thing once. */
export function signaturesOf({ zones }: PrivateNames['resolvers'][number]): string {
  const words = Object.values(zones).map((one) => (one === 'not reached' ? 'nobody to ask' : one));
  return [...new Set(words)].join(', ');
}

export function privateProblems({ findings }: PrivateNames): Problem[] {
  return findings.map((finding) => ({
    text: describeFinding(finding),
    hint: null,
    hosts: [finding.resolver ?? finding.host],
  }));
}

export function publicProblems({ zones }: PublicNames): Problem[] {
  const listed = (values: readonly string[]) => (values.length === 0 ? 'nothing' : values.join(', '));
  return zones.flatMap(({ at, findings }) =>
    findings.map(({ kind, name, type, expected, found }) => ({
      text:
        kind === 'silent'
          ? `silent: nobody answers for ${name} ${type} at ${at}`
          : `wrong: the world is told ${listed(found)} for ${name} ${type}, declared is ${listed(expected)}: lab run with the role dns publishes it`,
      hint: null,
      hosts: [],
    })),
  );
}

export function privateLines(names: PrivateNames): string[] {
  const resolvers = names.resolvers.toSorted((a, b) => (a.resolver < b.resolver ? -1 : 1));
  return [
    ...tableLines(
      ['RESOLVER', 'AT', 'ASKED BY', 'ANSWERS', 'SIGNATURES'],
      resolvers.map((one) => [one.resolver, one.address, one.host, countedNames(one), signaturesOf(one)]),
    ),
    ...(resolvers.length > 0 ? [''] : []),
    ...tableLines(
      ['HOST', 'NAMES'],
      names.hosts.map(({ host, programs }) => [host, programs === null ? 'asks elsewhere' : countedNames(programs)]),
    ),
    ...told(privateProblems(names)),
  ];
}

export function publicLines(names: PublicNames): string[] {
  if (names.zones.length === 0) return [];
  const rows = names.zones.map(({ zone, at, asked, findings }) => [
    zone,
    at,
    countedNames({ asked, right: asked - findings.length }),
  ]);
  return ['', ...tableLines(['ZONE', 'AT', 'FROM OUTSIDE'], rows), ...told(publicProblems(names))];
}

function told(problems: readonly Problem[]): string[] {
  return problems.length > 0 ? ['', ...problems.map(({ text }) => visibleLine(text))] : [];
}
