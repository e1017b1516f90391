import { type ExitCode, exitCodes, type LabError } from '../../shared/errors.ts';
import type { ContainerRecord } from '../container-table.ts';
import { count } from '../describe.ts';
import type { DriftReport } from '../drift-report.ts';
import type { ExposureRecord } from '../exposure-table.ts';
import type { RunRecord } from '../history-table.ts';
import type { LinkRecord } from '../link-table.ts';
import type { NameRecord } from '../name-tables.ts';
import type { ReachRecord } from '../reach-table.ts';
import type { FirewallRecord } from '../verdict-table.ts';
import type { Problem, UnlookedRecord, Unproven, Verification } from './verification.ts';

/**
 * What `lab verify` found, all of it: its `--output json`, and what its text and its page are made of. `docs/verify.md` describes it.
 */
export interface VerifyReport {
  readonly version: 1;
  /** The worst of all. */
  readonly status: Exclude<SectionStatus, 'skipped'>;
  readonly exitCode: ExitCode;
  /** One sentence. */
  readonly summary: string;
  /** ISO 8601, UTC. */
  readonly checkedAt: string;
  readonly durationMs: number;
  /** As on the command line; empty is everybody. */
  readonly limit: readonly string[];
  /** Hosts of the inventory that were to be looked at. */
  readonly hosts: readonly string[];
  readonly verifications: Sections;
  /** What the flows come to, as `lab reach` tells it. */
  readonly reach: ReachRecord;
  /** By host, as `lab history` tells it; oldest first. */
  readonly history: Readonly<Record<string, readonly RunRecord[] | { readonly error: Omit<UnlookedRecord, 'host'> }>>;
}

/** What each verification finds. */
export interface Findings {
  readonly wireguard: LinkRecord;
  readonly firewall: FirewallRecord;
  readonly dns: NameRecord;
  readonly exposure: ExposureRecord;
  readonly containers: ContainerRecord;
  readonly drift: DriftReport;
}

/** In the order in which they are shown. */
export const sectionNames = ['wireguard', 'firewall', 'dns', 'exposure', 'containers', 'drift'] as const;

export type VerificationName = keyof Findings;
export type Sections = { readonly [Name in VerificationName]: Section<Findings[Name]> };

/**
 * `passed`: as declared. `failed`: something is wrong. `differs`: something is not as declared and may be meant to be, such as drift or a
 * rotation under way. `unknown`: it could not be looked at, or not all of it. `skipped`: there is nothing to look at.
 */
export type SectionStatus = 'passed' | 'failed' | 'differs' | 'unknown' | 'skipped';

export interface Section<Found = unknown> {
  readonly status: SectionStatus;
  /** Null when it was skipped. */
  readonly exitCode: ExitCode | null;
  readonly summary: string;
  readonly problems: readonly Problem[];
  /** What is not known, and why. */
  readonly unknown: readonly Unproven[];
  /** Host → what came of it there; of those that it looked at, or was to. */
  readonly hosts: Readonly<Record<string, Exclude<SectionStatus, 'skipped'>>>;
  /** As the command for this verification alone prints it with `--output json`; null when it did not run. */
  readonly found: Found | null;
}

/** What came of a verification that ran. */
export function sectionOf<Found>(verification: Verification<Found>): Section<Found> {
  const { exitCode, summary, problems, unlooked, unproven = [], hosts, found } = verification;
  const unknown = [
    ...unlooked.map(({ host, error }) => ({ host, text: sentenceOf(error) })),
    ...unproven.map(({ host, text }) => ({ host, text })),
  ];
  const wrong = exitCode === exitCodes.hostFailed ? 'failed' : 'differs';
  const status = problems.length > 0 ? wrong : unknown.length > 0 ? 'unknown' : 'passed';
  const byHost: Record<string, Exclude<SectionStatus, 'skipped'>> = {};
  for (const host of hosts) byHost[host] = 'passed';
  for (const { host } of unknown) if (host !== null) byHost[host] = 'unknown';
  for (const problem of problems) for (const host of problem.hosts) byHost[host] = wrong;
  return { status, exitCode, summary, problems, unknown, hosts: byHost, found };
}

/** For a verification that there is nothing to do for. */
export function skippedSection(why: string): Section<never> {
  return { status: 'skipped', exitCode: null, summary: why, problems: [], unknown: [], hosts: {}, found: null };
}

/** For one that could not run: nothing of it is known. What is wrong with files or words keeps the exit code for that. */
export function unrunSection(error: LabError): Section<never> {
  const exitCode = error.exitCode === exitCodes.usage ? exitCodes.usage : exitCodes.hostUnreachable;
  const unknown = [{ host: error.details.host ?? null, text: sentenceOf(error) }];
  return { status: 'unknown', exitCode, summary: 'it could not run', problems: [], unknown, hosts: {}, found: null };
}

/** For one that was not begun, because somebody stopped all of them. */
export function stoppedSection(): Section<never> {
  return { ...skippedSection('stopped'), status: 'unknown', exitCode: exitCodes.interrupted };
}

function sentenceOf({ code, message }: LabError): string {
  return `${code}: ${message}`;
}

/** From worst to best: what is wrong counts more than what is not known, and that more than what may be meant to be. */
const order: readonly ExitCode[] = [
  exitCodes.interrupted,
  exitCodes.hostFailed,
  exitCodes.usage,
  exitCodes.hostUnreachable,
  exitCodes.changesFound,
];

/** The whole of it. */
export function verifyReport(
  about: Pick<VerifyReport, 'checkedAt' | 'durationMs' | 'limit' | 'hosts' | 'reach' | 'history'>,
  verifications: Sections,
): VerifyReport {
  const sections = Object.values(verifications).filter(({ status }) => status !== 'skipped');
  const having = (status: SectionStatus) => sections.filter((section) => section.status === status).length;
  const exitCode = order.find((code) => sections.some((section) => section.exitCode === code)) ?? exitCodes.asDeclared;
  const status = (['failed', 'differs', 'unknown'] as const).find((one) => having(one) > 0) ?? 'passed';
  return { version: 1, status, exitCode, summary: summaryOf(sections), ...about, verifications };
}

/** `2 of 6 verifications found something, 1 could not look at everything` */
function summaryOf(sections: readonly Section[]): string {
  const wrong = sections.filter(({ problems }) => problems.length > 0).length;
  const blind = sections.filter(({ unknown }) => unknown.length > 0).length;
  const all = count(sections.length, 'verification');
  if (sections.length === 0) return 'nothing was verified';
  const parts = [
    ...(wrong > 0 ? [`${wrong} of ${all} found something`] : []),
    ...(blind > 0 ? [`${wrong > 0 ? blind : `${blind} of ${all}`} could not look at everything`] : []),
  ];
  return parts.length > 0 ? parts.join(', ') : `all as declared: ${all} found nothing`;
}
