import { describeExposure, type ExposureFinding } from '../../roles/vps-gateway/exposure/finding.ts';
import type { WayOut } from '../../roles/vps-gateway/exposure/judge-ways.ts';
import type { HomeAddress } from '../../roles/vps-gateway/exposure/secrets-of-home.ts';
import { tableLines } from './table.ts';
import type { Problem, UnlookedRecord } from './verify/verification.ts';
import { visibleLine } from './visible.ts';

/** A TCP port of an address. */
interface OpenPort {
  readonly address: string;
  readonly port: number;
}

/**
 * As in `lab verify exposure --output json`: part of the interface, see docs/cli.md. The home's addresses are in it: mind where it
 * is kept.
 */
export interface ExposureRecord {
  readonly home: readonly HomeAddress[];
  /** From where the home's line was looked at; null where it could not be. */
  readonly from: string | null;
  /** Addresses of the home that were tried from there. */
  readonly lines: readonly string[];
  readonly records: {
    readonly zones: readonly string[];
    readonly asked: number;
    readonly unanswered: readonly string[];
  };
  /** At the home's line. */
  readonly open: readonly OpenPort[];
  readonly gateways: { readonly requests: number; readonly answered: number };
  /** Mail servers that greeted. */
  readonly mail: number;
  /** `accepted`: requests of that host may leave by the home's line. */
  readonly waysOut: readonly (WayOut & { readonly accepted: boolean })[];
  /** In configurations of tunnels. */
  readonly endpoints: number;
  readonly ports: readonly {
    readonly host: string;
    readonly from: string;
    /** Its addresses of the families that could be tried. */
    readonly tried: readonly string[];
    readonly open: readonly OpenPort[];
  }[];
  readonly findings: readonly ExposureFinding[];
  readonly errors: readonly UnlookedRecord[];
}

export function exposureProblems({ findings }: Pick<ExposureRecord, 'findings'>): Problem[] {
  return findings.map((finding) => ({ text: describeExposure(finding), hint: finding.stop, hosts: [] }));
}

/** What was looked at, and what there was to see. */
export function exposureRows(record: ExposureRecord): readonly (readonly [what: string, found: string])[] {
  const { home, from, lines, records, open, gateways, mail, waysOut, endpoints, ports } = record;
  return [
    ["the home's address", home.map((one) => `${one.address} (${one.from})`).join(', ') || 'not known'],
    ['public records', `${records.asked - records.unanswered.length} of ${records.asked} questions answered`],
    ["the home's line", lines.length === 0 ? 'not looked at' : `${portsText(open)} at ${lines.join(', ')} to ${from}`],
    ['gateways', `${gateways.answered} of ${gateways.requests} requests answered`],
    ['mail servers', mail === 0 ? 'none' : `${mail} greeted`],
    ['tunnels', `${endpoints} endpoints in configurations`],
    ...ports.map(
      (one) =>
        [
          `ports of ${one.host}`,
          one.tried.length === 0
            ? `not tried from ${one.from}`
            : `${portsText(one.open)} at ${one.tried.join(', ')} to ${one.from}`,
        ] as const,
    ),
    ...[...new Set(waysOut.map(({ host }) => host))].map(
      (name) => [`way out of ${name}`, waysText(waysOut.filter(({ host }) => host === name))] as const,
    ),
  ];
}

/** For a person. How to stop something is said once for all that are stopped in the same way. */
export function exposureLines(record: ExposureRecord): string[] {
  const { findings, errors } = record;
  const told = exposureProblems(record).flatMap(({ text, hint }, index) => {
    const isLast = findings[index + 1]?.stop !== hint;
    return [text, ...(isLast ? [`  ${hint}`] : [])].map(visibleLine);
  });
  return [
    ...tableLines(['LOOKED AT', 'FOUND'], exposureRows(record)),
    '',
    ...told,
    ...(findings.length === 0 && errors.length === 0 ? ['the home does not show'] : []),
  ];
}

function portsText(open: readonly OpenPort[]): string {
  const ports = [...new Set(open.map(({ port }) => port))].sort((a, b) => a - b);
  return ports.length === 0 ? 'none open' : `${ports.join(', ')} open`;
}

const wayWords = { tunnel: 'the tunnel', line: "the home's line", nothing: 'none' } as const;

function waysText(ways: ExposureRecord['waysOut']): string {
  const texts = ways.map(({ family, of, by, seenAs }) => {
    const who = of === 'the host itself' ? '' : ` (${of})`;
    return `IPv${family}${who}: ${wayWords[by]}${seenAs === null ? '' : `, seen as ${seenAs}`}`;
  });
  return `${texts.join('; ')}${ways.some(({ accepted }) => accepted) ? ' (accepted)' : ''}`;
}
