import type { HostStatus } from '../../runner/events.ts';
import { type Paint, statusSigns, statusStyles } from '../style.ts';
import { columnsOf, padTo, visibleLine } from '../visible.ts';
import { type Section, type SectionStatus, sectionNames, type VerificationName, type VerifyReport } from './report.ts';

/** Each has the sign that the same thing has in a run. */
export const signs: Readonly<Record<SectionStatus, HostStatus>> = {
  passed: 'ok',
  failed: 'failed',
  differs: 'would-change',
  unknown: 'unreachable',
  skipped: 'skipped',
};

/** What shows all of one of them. */
export const commandFor: Readonly<Record<VerificationName, string>> = {
  wireguard: 'lab status wireguard',
  firewall: 'lab verify firewall',
  dns: 'lab verify dns',
  exposure: 'lab verify exposure',
  containers: 'lab verify containers',
  drift: 'lab drift',
};

/** Of one verification; a host without rules alone has hundreds. */
const shownAtMost = 12;

/** What is not as declared or not known, a part for each verification that found such; then a line for each of them, and one for all. */
export function verifyText(report: VerifyReport, paint: Paint): string[] {
  const { verifications, summary, status } = report;
  const parts = sectionNames.flatMap((name) => {
    const lines = partOf(name, verifications[name], paint);
    return lines.length === 0 ? [] : [paint('bold', name), ...lines, ''];
  });
  const width = Math.max(...sectionNames.map(columnsOf));
  const recap = sectionNames.map((name) => {
    const section = verifications[name];
    const text = `${padTo(name, width)}  ${visibleLine(section.summary)}`;
    return `${signOf(section.status, paint)} ${section.status === 'skipped' ? paint('dim', text) : text}`;
  });
  return [...parts, ...recap, '', paint('bold', paint(statusStyle(status), summary))];
}

function partOf(name: VerificationName, { problems, unknown }: Section, paint: Paint): string[] {
  const wrong = problems.flatMap(({ text, hint }, index) => {
    // How to stop it is said once for all that are stopped in the same way.
    const isLast = hint !== null && problems[index + 1]?.hint !== hint;
    return [lineOf('failed', text, paint), ...(isLast ? [`    ${paint('dim', visibleLine(hint))}`] : [])];
  });
  const blind = unknown.map(({ host, text }) => lineOf('unknown', host === null ? text : `${host}: ${text}`, paint));
  return [...atMost(wrong, name, paint), ...atMost(blind, name, paint)];
}

function atMost(lines: readonly string[], name: VerificationName, paint: Paint): readonly string[] {
  if (lines.length <= shownAtMost + 1) return lines;
  const rest = `  … ${lines.length - shownAtMost} more lines: ${commandFor[name]} shows all of them`;
  return [...lines.slice(0, shownAtMost), paint('dim', rest)];
}

function lineOf(status: SectionStatus, text: string, paint: Paint): string {
  return `  ${signOf(status, paint)} ${visibleLine(text)}`;
}

function signOf(status: SectionStatus, paint: Paint): string {
  return paint(statusStyle(status), statusSigns[signs[status]]);
}

function statusStyle(status: SectionStatus) {
  return statusStyles[signs[status]];
}
