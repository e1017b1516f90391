import type { Packet } from '../../roles/firewall/evaluate.ts';
import type { Finding, Verdict } from '../../roles/firewall/verify/judge.ts';
import { count } from './describe.ts';
import { tableLines } from './table.ts';
import type { Problem } from './verify/verification.ts';
import { visibleLine } from './visible.ts';

/** A line for each host that was tried, and one for each thing that is not as declared. */
export function verdictLines(verdicts: readonly Verdict[]): string[] {
  if (verdicts.length === 0) return ['no host was tried'];
  const table = tableLines(
    ['HOST', 'WITH A FLOW', 'WITHOUT ONE'],
    verdicts.map(({ host, declared, others }) => [
      host,
      `${declared.entered} of ${declared.sent} let in`,
      `${others.entered} of ${others.came} let in`,
    ]),
  );
  const problems = verdictProblems(verdicts).map(({ text }) => visibleLine(text));
  const untried = verdicts.filter(isUntried).map(({ host }) => untriedText(host));
  const tables = verdicts
    .filter((verdict) => verdict.tables.length > 0)
    .map(
      (verdict) =>
        `${verdict.host} also has tables of others, which stay: ${verdict.tables.map(visibleLine).join(', ')}`,
    );
  return [
    ...table,
    '',
    ...(tables.length === 0 ? [] : [...tables, '']),
    ...(problems.length + untried.length === 0 ? ['as declared'] : [...problems, ...untried]),
  ];
}

/** Nobody had a way there. */
export function isUntried({ declared, others }: Verdict): boolean {
  return declared.sent + others.came === 0;
}

export function untriedText(host: string): string {
  return `nothing came to ${host}: nothing is proven`;
}

/** `1204 packets to 4 hosts: 1 open, 2 blocked` */
export function verdictSummary(verdicts: readonly Verdict[]): string {
  const sum = (numberOf: (verdict: Verdict) => number) => verdicts.reduce((all, one) => all + numberOf(one), 0);
  const packets = count(
    sum(({ declared, others }) => declared.sent + others.came),
    'packet',
  );
  const kinds = (Object.keys(said) as Finding['kind'][]).flatMap((kind) => {
    const number = sum(({ findings }) => findings.filter((finding) => finding.kind === kind).length);
    return number === 0 ? [] : [`${number} ${kind}`];
  });
  return `${packets} to ${count(verdicts.length, 'host')}${kinds.length === 0 ? '' : `: ${kinds.join(', ')}`}`;
}

const said: Readonly<Record<Finding['kind'], readonly [one: string, more: string]>> = {
  open: ['is let in without a flow', 'are let in without a flow'],
  blocked: ['is not let in, though a flow allows it', 'are not let in, though a flow allows it'],
  lost: ['did not come, though a flow allows it', 'did not come, though a flow allows it'],
};

/** One for all ports of which the same is to be said: a host without any rules has hundreds. */
export function verdictProblems(verdicts: readonly Verdict[]): Problem[] {
  const alike = new Map<string, Finding[]>();
  for (const finding of verdicts.flatMap(({ findings }) => findings)) {
    const { kind, from, host, packet, reason } = finding;
    const key = [kind, from, host, packet.source, packet.destination, reason].join('\n');
    alike.set(key, [...(alike.get(key) ?? []), finding]);
  }
  return [...alike.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const { kind, from, host, packet, reason } = first;
    const who = from === packet.source ? from : `${from} (${packet.source})`;
    const [one, more] = said[kind];
    const ports = portsOf(group.map((finding) => finding.packet));
    const why = reason === null ? '' : `: ${reason}`;
    const text = `${kind}: ${who} → ${host} (${packet.destination}) ${ports} ${group.length === 1 ? one : more}${why}`;
    return [{ text, hint: null, hosts: [host] }];
  });
}

/** `22, 80/tcp, 53/udp` */
function portsOf(packets: readonly Packet[]): string {
  return (['tcp', 'udp'] as const)
    .flatMap((protocol) => {
      const ports = packets.filter((packet) => packet.protocol === protocol).map(({ port }) => port);
      return ports.length === 0 ? [] : [`${ports.toSorted((a, b) => a - b).join(', ')}/${protocol}`];
    })
    .join(', ');
}

/** As in `lab verify firewall --output json`: part of the interface, see docs/cli.md. */
export interface FirewallRecord extends VerdictRecord {
  readonly hosts: readonly {
    readonly host: string;
    readonly error: { readonly code: string; readonly message: string } | null;
  }[];
}

interface VerdictRecord {
  readonly verdicts: readonly Omit<Verdict, 'findings'>[];
  readonly findings: readonly (Packet & {
    readonly kind: Finding['kind'];
    readonly from: string;
    readonly to: string;
    readonly reason: string | null;
  })[];
}

export function verdictRecord(verdicts: readonly Verdict[]): VerdictRecord {
  return {
    verdicts: verdicts.map(({ host, declared, others, tables }) => ({ host, declared, others, tables })),
    findings: verdicts.flatMap(({ findings }) =>
      findings.map(({ kind, from, host, packet, reason }) => ({ kind, from, to: host, ...packet, reason })),
    ),
  };
}
