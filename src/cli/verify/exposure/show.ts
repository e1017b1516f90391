import { describeExposure, type ExposureFinding } from '../../../../roles/vps-gateway/exposure/finding.ts';
import type { WayOut } from '../../../../roles/vps-gateway/exposure/judge-ways.ts';
import type { SecretsOfHome } from '../../../../roles/vps-gateway/exposure/secrets-of-home.ts';
import { jsonLine } from '../../../report/json-renderer.ts';
import { tableLines } from '../../../report/table.ts';
import { visibleLine } from '../../../report/visible.ts';
import { type ExitCode, exitCodes, type LabError } from '../../../shared/errors.ts';
import { printError } from '../../print-error.ts';
import type { AskedRecords } from './public-dns.ts';
import type { Target } from './vantage.ts';

/** What was looked at, and how much of it. */
export interface Examined {
  readonly zones: readonly string[];
  readonly asked: AskedRecords;
  readonly secrets: SecretsOfHome;
  /** From where the home's line was looked at; null where it could not be. */
  readonly outside: string | null;
  /** Addresses of the home that were tried from there. */
  readonly lines: readonly string[];
  readonly openAtHome: readonly Target[];
  readonly gateways: { readonly requests: number; readonly answered: number };
  readonly mail: number;
  readonly ways: readonly WayOut[];
  /** Hosts whose requests may leave by the home's line. */
  readonly accepted: ReadonlySet<string>;
  readonly endpoints: number;
  readonly ports: readonly {
    readonly host: string;
    readonly from: string;
    /** Its addresses of the families that could be tried. */
    readonly tried: readonly string[];
    readonly open: readonly Target[];
  }[];
}

/** What is not proven, and why. */
export interface Unlooked {
  /** Null for what is on no host. */
  readonly host: string | null;
  readonly error: LabError;
}

/** Prints it, and gives the exit code. The home's addresses are in it, and nowhere else. */
export function showExposure(
  checkedAt: string,
  examined: Examined,
  findings: readonly ExposureFinding[],
  errors: readonly Unlooked[],
  output: 'plain' | 'json',
): ExitCode {
  const unasked = errors.length > 0 ? exitCodes.hostUnreachable : exitCodes.asDeclared;
  const exitCode = findings.length > 0 ? exitCodes.hostFailed : unasked;
  if (output === 'json') {
    const failed = errors.map(({ host, error: { code, message } }) => ({ host, code, message }));
    process.stdout.write(
      `${jsonLine({ version: 1, checkedAt, exitCode, ...recordFor(examined), findings, errors: failed })}\n`,
    );
  } else process.stdout.write(`${linesFor(examined, findings, errors.length === 0).join('\n')}\n`);
  for (const { error } of errors) printError(error);
  return exitCode;
}

function recordFor({
  zones,
  asked,
  secrets,
  outside,
  lines,
  openAtHome,
  gateways,
  mail,
  ways,
  accepted,
  endpoints,
  ports,
}: Examined) {
  return {
    home: secrets.home,
    from: outside,
    lines,
    records: { zones, asked: asked.questions, unanswered: asked.unanswered },
    open: openAtHome,
    gateways,
    mail,
    waysOut: ways.map((way) => ({ ...way, accepted: accepted.has(way.host) })),
    endpoints,
    ports,
  };
}

function linesFor(examined: Examined, findings: readonly ExposureFinding[], isWhole: boolean): string[] {
  const { asked, secrets, outside, lines, openAtHome, gateways, mail, ways, accepted, endpoints, ports } = examined;
  const home = secrets.home.map(({ address, from }) => `${address} (${from})`).join(', ') || 'not known';
  // How to stop it is said once for all that are stopped in the same way.
  const told = findings.flatMap((finding, index) => {
    const isLast = findings[index + 1]?.stop !== finding.stop;
    return [describeExposure(finding), ...(isLast ? [`  ${finding.stop}`] : [])].map(visibleLine);
  });
  return [
    ...tableLines(
      ['LOOKED AT', 'FOUND'],
      [
        ["the home's address", home],
        ['public records', `${asked.questions - asked.unanswered.length} of ${asked.questions} questions answered`],
        [
          "the home's line",
          lines.length === 0 ? 'not looked at' : `${portsText(openAtHome)} at ${lines.join(', ')} to ${outside}`,
        ],
        ['gateways', `${gateways.answered} of ${gateways.requests} requests answered`],
        ['mail servers', mail === 0 ? 'none' : `${mail} greeted`],
        ['tunnels', `${endpoints} endpoints in configurations`],
        ...ports.map(({ host, from, tried, open }) => [
          `ports of ${host}`,
          tried.length === 0 ? `not tried from ${from}` : `${portsText(open)} at ${tried.join(', ')} to ${from}`,
        ]),
        ...waysByHost(ways).map(([host, text]) => [
          `way out of ${host}`,
          `${text}${accepted.has(host) ? ' (accepted)' : ''}`,
        ]),
      ],
    ),
    '',
    ...told,
    ...(findings.length === 0 && isWhole ? ['the home does not show'] : []),
  ];
}

function portsText(open: readonly Target[]): string {
  const ports = [...new Set(open.map(({ port }) => port))].sort((a, b) => a - b);
  return ports.length === 0 ? 'none open' : `${ports.join(', ')} open`;
}

const wayWords = { tunnel: 'the tunnel', line: "the home's line", nothing: 'none' } as const;

function waysByHost(ways: readonly WayOut[]): [string, string][] {
  const hosts = [...new Set(ways.map(({ host }) => host))];
  return hosts.map((name) => {
    const texts = ways
      .filter(({ host }) => host === name)
      .map(({ family, of, by, seenAs }) => {
        const who = of === 'the host itself' ? '' : ` (${of})`;
        return `IPv${family}${who}: ${wayWords[by]}${seenAs === null ? '' : `, seen as ${seenAs}`}`;
      });
    return [name, texts.join('; ')];
  });
}
