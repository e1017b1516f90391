import { escaped } from '../graph/text.ts';
import { htmlTable } from '../html/table.ts';
import { statusSigns } from '../style.ts';
import type { Section, SectionStatus, VerificationName } from './report.ts';
import { signs } from './text.ts';

/** What each verification is about, as a heading. */
export const titles: Readonly<Record<VerificationName, string>> = {
  wireguard: 'Tunnel',
  firewall: 'Firewall',
  dns: 'Names',
  exposure: 'Exposure',
  containers: 'Containers',
  drift: 'Drift',
};

const words: Readonly<Record<SectionStatus, string>> = {
  passed: 'as declared',
  failed: 'something is wrong',
  differs: 'not as declared',
  unknown: 'not known',
  skipped: 'left out',
};

/** After a sign, so that no phone takes it for a picture (Unicode Standard Annex #51, text presentation). */
const asText = '\ufe0e';

/** The sign of a status, in its colour where something around it has the class of that status. */
export function signFor(status: SectionStatus): string {
  return `<span class="sign" role="img" aria-label="${words[status]}">${statusSigns[signs[status]]}${asText}</span>`;
}

/** A word with the sign of its status: colours alone tell not everybody. */
export function tag(status: SectionStatus, text: string): string {
  const sign = `<span aria-hidden="true">${statusSigns[signs[status]]}${asText}</span>`;
  return `<span class="tag ${status}">${sign} ${escaped(text)}</span>`;
}

/** A part of the page for one verification. */
export function sectionFor(name: VerificationName, { status, summary, unknown }: Section, body: string): string {
  const blind = status !== 'unknown' && unknown.length > 0 ? '; not everything could be looked at' : '';
  return part(name, `${signFor(status)} ${titles[name]}`, `${summary}${blind}`, body, status);
}

/** A part of the page; nothing without a body, but for a sentence. */
export function part(id: string, title: string, sentence: string, body: string, className = ''): string {
  return [
    `<section id="${id}" aria-labelledby="${id}-title"${className === '' ? '' : ` class="${className}"`}><h2 id="${id}-title">${title}</h2>`,
    ...(sentence === '' ? [] : [`<p class="sum">${escaped(sentence)}</p>`]),
    body,
    '</section>',
  ].join('\n');
}

/** @param rows cells as elements, or as text that is escaped already */
export function table(label: string, heads: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  return htmlTable(
    label,
    heads,
    rows.map((cells) => ({ cells })),
  );
}

/** `2026-11-27 02:46 UTC` */
export function shownTime(iso: string): string {
  return iso.replace(/T(\d\d:\d\d).*$/, ' $1 UTC');
}
