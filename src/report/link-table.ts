import type { LinkState, LinkStatus } from '../../roles/wireguard/status/classify.ts';
import { type ExitCode, exitCodes } from '../shared/errors.ts';
import { count } from './describe.ts';
import { showAge, showSize } from './quantities.ts';
import type { Paint, Style } from './style.ts';
import { tableLines } from './table.ts';
import type { Problem } from './verify/verification.ts';
import { visibleLine } from './visible.ts';

/** A link in the output for programs: part of the interface, see docs/cli.md. */
export interface ShownLink extends LinkStatus {
  /** Whether a key is older than `--max-age`; false without it. */
  readonly keyDue: boolean;
}

/** As in `lab status wireguard --output json`: part of the interface, see docs/cli.md. */
export interface LinkRecord {
  readonly hosts: readonly {
    readonly host: string;
    readonly error: { readonly code: string; readonly message: string } | null;
  }[];
  readonly links: readonly ShownLink[];
}

export function withDueKeys(links: readonly LinkStatus[], maxAge: number | undefined): ShownLink[] {
  return links.map((link) => ({
    ...link,
    keyDue: maxAge !== undefined && link.keyAge !== null && link.keyAge >= maxAge,
  }));
}

/** The worst of what was found: 1 before 3 before 2, as everywhere. */
export function exitCodeOf(links: readonly ShownLink[], errors: readonly unknown[], strict: boolean): ExitCode {
  const has = (...states: readonly LinkState[]) => links.some(({ state }) => states.includes(state));
  if (has('down', 'stale')) return exitCodes.hostFailed;
  if (has('half', 'unknown') || errors.length > 0) return exitCodes.hostUnreachable;
  if (has('rotating') || (strict && links.some(({ keyDue }) => keyDue))) return exitCodes.changesFound;
  return exitCodes.asDeclared;
}

const styles: Readonly<Record<LinkState, Style | undefined>> = {
  up: 'green',
  idle: undefined,
  rotating: 'yellow',
  half: 'yellow',
  unknown: 'yellow',
  stale: 'red',
  down: 'red',
  none: 'gray',
};

/** A table, and below it a line for everything that is not as it should be. */
export function linkLines(links: readonly ShownLink[], maxAge: string | undefined, paint: Paint): string[] {
  const [heading = '', ...rows] = tableLines(
    ['LINK', 'STATE', 'AT', 'HANDSHAKE', 'RECEIVED', 'SENT', 'ENDPOINT', 'KEY AGE'],
    links.map(({ ends, state, at, handshakeAge, received, sent, endpoint, keyAge }) => [
      ends.join(' – '),
      state,
      at.join(', '),
      handshakeAge === null ? '' : `${showAge(handshakeAge)} ago`,
      received === null ? '' : showSize(received),
      sent === null ? '' : showSize(sent),
      endpoint ?? '',
      keyAge === null ? '' : showAge(keyAge),
    ]),
  );
  const painted = rows.map((row, index) => paintState(row, heading.indexOf('STATE'), links[index]?.state, paint));
  const remarks = links.flatMap((link) => remarksOn(link, maxAge).map((text) => visibleLine(said(link, text))));
  return [heading, ...painted, ...(remarks.length === 0 ? [] : ['', ...remarks])];
}

/** What is wrong with links, or soon will be. */
export function linkProblems(links: readonly ShownLink[], maxAge: string | undefined): Problem[] {
  return links
    .filter(({ state, keyDue }) => keyDue || state === 'down' || state === 'stale' || state === 'rotating')
    .flatMap((link) =>
      remarksOn(link, maxAge).map((text) => ({
        text: said(link, text),
        hint: null,
        hosts: link.at.length > 0 ? link.at : link.ends,
      })),
    );
}

/** Links that nobody can tell of. */
export function linksUnproven(links: readonly ShownLink[]): { host: string | null; text: string }[] {
  return links
    .filter(({ state }) => state === 'half' || state === 'unknown')
    .flatMap((link) =>
      link.problems.map((text) => ({
        host: link.views.find(({ asked }) => !asked)?.name ?? null,
        text: said(link, text),
      })),
    );
}

function said({ ends }: ShownLink, text: string): string {
  return `${ends.join(' – ')}: ${text}`;
}

/** `3 links up, 1 down; the oldest key has 12 days` */
export function linkSummary(links: readonly ShownLink[]): string {
  const counts = (Object.keys(styles) as LinkState[]).flatMap((state) => {
    const number = links.filter((link) => link.state === state).length;
    return number === 0 ? [] : [`${number} ${state === 'none' ? 'without keys' : state}`];
  });
  const ages = links.flatMap(({ keyAge }) => keyAge ?? []);
  const oldest = ages.length === 0 ? '' : `; the oldest key is ${showAge(Math.max(...ages))} old`;
  return `${count(links.length, 'link')}: ${counts.join(', ')}${oldest}`;
}

/** Names of hosts and devices are ASCII, so that a column of the heading is one of every row. */
function paintState(row: string, column: number, state: LinkState | undefined, paint: Paint): string {
  const style = state === undefined ? undefined : styles[state];
  if (state === undefined || style === undefined) return row;
  return `${row.slice(0, column)}${paint(style, state)}${row.slice(column + state.length)}`;
}

function remarksOn(link: ShownLink, maxAge: string | undefined): string[] {
  if (!link.keyDue || link.keyAge === null) return [...link.problems];
  return [...link.problems, `a key is ${showAge(link.keyAge)} old, more than ${maxAge}: ${rotationOf(link, maxAge)}`];
}

function rotationOf({ kind, ends }: ShownLink, maxAge: string | undefined): string {
  if (kind === 'device') return `lab device rotate ${ends[1]}`;
  return `lab run rotate-keys.ts --max-age ${maxAge} --limit ${ends.join(',')}`;
}
