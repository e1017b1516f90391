import type { Packet } from '../../roles/firewall/evaluate.ts';
import type { Finding, Verdict } from '../../roles/firewall/verify/judge.ts';
import { tableLines } from './table.ts';
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
  const findings = verdicts.flatMap((verdict) => verdict.findings);
  const untried = verdicts.filter(isUntried).map(({ host }) => `nothing came to ${host}: nothing is proven`);
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
    ...(findings.length + untried.length === 0 ? ['as declared'] : [...sentencesOf(findings), ...untried]),
  ];
}

/** Nobody had a way there. */
export function isUntried({ declared, others }: Verdict): boolean {
  return declared.sent + others.came === 0;
}

const said: Readonly<Record<Finding['kind'], readonly [one: string, more: string]>> = {
  open: ['is let in without a flow', 'are let in without a flow'],
  blocked: ['is not let in, though a flow allows it', 'are not let in, though a flow allows it'],
  lost: ['did not come, though a flow allows it', 'did not come, though a flow allows it'],
};

/** One for all ports of which the same is to be said: a host without any rules has hundreds. */
function sentencesOf(findings: readonly Finding[]): string[] {
  const alike = new Map<string, Finding[]>();
  for (const finding of findings) {
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
    return [`${kind}: ${who} → ${host} (${packet.destination}) ${ports} ${group.length === 1 ? one : more}${why}`];
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
export function verdictRecord(verdicts: readonly Verdict[]): Record<string, unknown> {
  return {
    verdicts: verdicts.map(({ host, declared, others, tables }) => ({ host, declared, others, tables })),
    findings: verdicts.flatMap(({ findings }) =>
      findings.map(({ kind, from, host, packet, reason }) => ({ kind, from, to: host, ...packet, reason })),
    ),
  };
}
