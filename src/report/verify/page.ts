import type { Inventory } from '../../model/types.ts';
import { count, showDuration } from '../describe.ts';
import { graphOf } from '../graph/graph.ts';
import { pictureFor } from '../graph/svg.ts';
import { linesIn } from '../graph/tables.ts';
import { escaped } from '../graph/text.ts';
import type { RunRecord } from '../history-table.ts';
import { documentOf } from '../html/document.ts';
import { findingsPart } from './page-findings.ts';
import { reachMatrix } from './page-matrix.ts';
import { part, sectionFor, shownTime, signFor, table, tag, titles } from './page-parts.ts';
import { reportStyle } from './page-style.ts';
import { tables } from './page-tables.ts';
import { type Section, type SectionStatus, sectionNames, type VerifyReport } from './report.ts';

const runsAtMost = 20;

/**
 * The report as a page of a single file, without a script. All text of hosts and the inventory is escaped, and none of it is part of the
 * style.
 */
export function drawReport(report: VerifyReport, inventory: Inventory): string {
  const graph = graphOf(inventory);
  const { verifications } = report;
  const body = [
    '<main>',
    header(report),
    tiles(report),
    findingsPart(report),
    hostsPart(report, inventory),
    part('map', 'Map', '', `<figure>${pictureFor(graph, 1000, 'wide')}${pictureFor(graph, 360, 'narrow')}</figure>`),
    sectionFor('wireguard', verifications.wireguard, tables.wireguard(verifications.wireguard)),
    part('reach', 'Who can reach what', '', reachMatrix(report, inventory)),
    sectionFor('firewall', verifications.firewall, tables.firewall(verifications.firewall)),
    sectionFor('dns', verifications.dns, tables.dns(verifications.dns)),
    sectionFor('exposure', verifications.exposure, tables.exposure(verifications.exposure)),
    sectionFor('containers', verifications.containers, tables.containers(verifications.containers)),
    sectionFor('drift', verifications.drift, tables.drift(verifications.drift)),
    runsPart(report),
    '<footer>Written by <b>lab verify</b>. Addresses of the home, names and rules are on this page: keep it to yourself.</footer>',
    '</main>',
  ];
  return documentOf({ title: `Homelab: ${report.summary}`, style: reportStyle, body: body.join('\n') });
}

function header({ status, summary, checkedAt, durationMs, limit, hosts }: VerifyReport): string {
  const about = [
    shownTime(checkedAt),
    `${count(hosts.length, 'host')}${limit.length === 0 ? '' : ` (only ${limit.join(', ')})`}`,
    `took ${showDuration(durationMs)}`,
  ];
  return [
    `<h1>Homelab report</h1><p class="when">${escaped(about.join(' · '))}</p>`,
    `<p class="verdict ${status}">${signFor(status)}<span>${escaped(summary)}</span></p>`,
  ].join('\n');
}

function tiles({ verifications }: VerifyReport): string {
  const items = sectionNames.map((name) => {
    const { status, summary } = verifications[name];
    return `<li><a class="tile ${status}" href="#${name}">${signFor(status)}<b>${titles[name]}</b><span>${escaped(summary)}</span></a></li>`;
  });
  return `<ul class="tiles">\n${items.join('\n')}\n</ul>`;
}

function hostsPart({ verifications }: VerifyReport, { hosts }: Inventory): string {
  const rows = [...hosts.values()].map(({ name, addresses, groups }) => {
    const verified = sectionNames.flatMap((one) => {
      const status = (verifications[one] as Section).hosts[name];
      return status === undefined ? [] : [tag(status, titles[one])];
    });
    return [
      `<b>${escaped(name)}</b>`,
      linesIn([...addresses].map(([network, list]) => `${network}: ${list.join(', ')}`)),
      escaped(groups.join(', ')),
      verified.length === 0 ? 'not looked at' : `<span class="tags">${verified.join('')}</span>`,
    ];
  });
  return part('hosts', 'Hosts', '', table('hosts-title', ['Host', 'Addresses', 'Groups', 'Verified'], rows));
}

function runsPart({ history }: VerifyReport): string {
  const all = Object.entries(history).flatMap(([host, runs]) =>
    'error' in runs ? [] : runs.map((run) => ({ host, run })),
  );
  const latest = all.toSorted((a, b) => (a.run.startedAt < b.run.startedAt ? 1 : -1)).slice(0, runsAtMost);
  const unread = Object.entries(history).flatMap(([host, runs]) =>
    'error' in runs ? [`${host}: ${runs.error.code}: ${runs.error.message}`] : [],
  );
  const rows = latest.map(({ host, run }) => [
    shownTime(run.startedAt),
    escaped(host),
    escaped(run.mode === 'rollback' ? `rollback of ${run.undoes.join(', ')}` : (run.playbook ?? '')),
    escaped(run.roles.join(', ')),
    String(run.done),
    escaped(run.who),
    tag(runStatus(run), runWord(run)),
  ]);
  const older = all.length > latest.length ? `The last ${latest.length} of ${all.length}.` : '';
  const sentence = [
    all.length === 0 ? 'No run has changed these hosts yet.' : older,
    ...unread.map((one) => `Not known: ${one}.`),
  ];
  const body = table('runs-title', ['Began', 'Host', 'Playbook', 'Roles', 'Changes', 'Who', 'State'], rows);
  return part('runs', 'Last runs', sentence.filter((one) => one !== '').join(' '), body);
}

const runStatuses: Readonly<Record<string, SectionStatus>> = {
  complete: 'passed',
  failed: 'failed',
  damaged: 'failed',
  dead: 'failed',
};

function runStatus({ state, damaged }: RunRecord): SectionStatus {
  return damaged === null ? (runStatuses[state] ?? 'differs') : 'failed';
}

function runWord({ state, damaged }: RunRecord): string {
  const word = state === 'dead' ? 'cut short' : state;
  return damaged === null || word === 'damaged' ? word : `${word}, damaged`;
}
