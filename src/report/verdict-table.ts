import type { Finding, Verdict } from '../../roles/firewall/verify/judge.ts';
import { tableLines } from './table.ts';

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
  return [
    ...table,
    '',
    ...(findings.length + untried.length === 0 ? ['as declared'] : [...findings.map(sentenceOf), ...untried]),
  ];
}

/** Nobody had a way there. */
export function isUntried({ declared, others }: Verdict): boolean {
  return declared.sent + others.came === 0;
}

const said: Readonly<Record<Finding['kind'], string>> = {
  open: 'is let in without a flow',
  blocked: 'is not let in, though a flow allows it',
  lost: 'did not come, though a flow allows it',
};

function sentenceOf({ kind, from, host, packet, reason }: Finding): string {
  const { source, destination, protocol, port } = packet;
  const who = from === source ? from : `${from} (${source})`;
  return `${kind}: ${who} → ${host} (${destination}) ${port}/${protocol} ${said[kind]}${reason === null ? '' : `: ${reason}`}`;
}

/** As in `lab verify firewall --output json`: part of the interface, see docs/cli.md. */
export function verdictRecord(verdicts: readonly Verdict[]): Record<string, unknown> {
  return {
    verdicts: verdicts.map(({ host, declared, others }) => ({ host, declared, others })),
    findings: verdicts.flatMap(({ findings }) =>
      findings.map(({ kind, from, host, packet, reason }) => ({ kind, from, to: host, ...packet, reason })),
    ),
  };
}
