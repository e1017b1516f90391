import { riskCount } from '../container-table.ts';
import { nameOf } from '../describe.ts';
import { exposureRows } from '../exposure-table.ts';
import { escaped } from '../graph/text.ts';
import type { ShownLink } from '../link-table.ts';
import { countedNames, signaturesOf } from '../name-tables.ts';
import { showAge, showSize } from '../quantities.ts';
import { table, tag } from './page-parts.ts';
import type { SectionStatus, Sections } from './report.ts';

/** The table of each verification, of what it looked at; empty when it did not run. */
export const tables: { readonly [Name in keyof Sections]: (section: Sections[Name]) => string } = {
  wireguard: ({ found }) =>
    table(
      'wireguard-title',
      ['Link', 'State', 'Handshake', 'Received', 'Sent', 'Endpoint', 'Key age'],
      (found?.links ?? []).map(linkCells),
    ),
  firewall: ({ found }) =>
    table(
      'firewall-title',
      ['Host', 'With a flow', 'Without one', 'Tables of others'],
      (found?.verdicts ?? []).map(({ host, declared, others, tables }) => [
        escaped(host),
        `${declared.entered} of ${declared.sent} let in`,
        `${others.entered} of ${others.came} let in`,
        tables.map(escaped).join(', '),
      ]),
    ),
  dns: ({ found }) => (found === null ? '' : namesTables(found)),
  exposure: ({ found }) =>
    found === null
      ? ''
      : table(
          'exposure-title',
          ['Looked at', 'Found'],
          exposureRows(found).map((row) => row.map(escaped)),
        ),
  containers: ({ found }) =>
    table(
      'containers-title',
      ['Host', 'Engine', 'Running', 'Risks'],
      (found?.hosts ?? []).map((one) =>
        [one.host, one.engines.join(', ') || 'none', String(one.running), riskCount(one)].map(escaped),
      ),
    ),
  drift: ({ found }) => (found === null ? '' : driftTables(found)),
};

const linkStatuses: Readonly<Record<ShownLink['state'], SectionStatus>> = {
  up: 'passed',
  idle: 'passed',
  rotating: 'differs',
  half: 'unknown',
  unknown: 'unknown',
  stale: 'failed',
  down: 'failed',
  none: 'skipped',
};

function linkCells(link: ShownLink): string[] {
  const { ends, state, handshakeAge, received, sent, endpoint, keyAge, keyDue } = link;
  const age = keyAge === null ? '' : showAge(keyAge);
  return [
    escaped(ends.join(' – ')),
    tag(linkStatuses[state], state),
    handshakeAge === null ? '' : `${showAge(handshakeAge)} ago`,
    received === null ? '' : showSize(received),
    sent === null ? '' : showSize(sent),
    escaped(endpoint ?? ''),
    keyDue ? `<span class="due">${age}</span>` : age,
  ];
}

function namesTables({ private: inside, public: outside }: NonNullable<Sections['dns']['found']>): string {
  const heading = (id: string, text: string) => `<h3 id="${id}">${text}</h3>`;
  const resolvers = table(
    'dns-resolvers',
    ['Resolver', 'At', 'Asked by', 'Answers', 'Signatures'],
    inside.resolvers
      .toSorted((a, b) => (a.resolver < b.resolver ? -1 : 1))
      .map((one) => [one.resolver, one.address, one.host, countedNames(one), signaturesOf(one)].map(escaped)),
  );
  const programs = table(
    'dns-programs',
    ['Host', 'Names'],
    inside.hosts.map(({ host, programs }) => [
      escaped(host),
      programs === null ? 'asks elsewhere' : countedNames(programs),
    ]),
  );
  const zones = table(
    'dns-zones',
    ['Zone', 'At', 'From outside'],
    outside.zones.map(({ zone, at, asked, findings }) => [
      escaped(zone),
      escaped(at),
      countedNames({ asked, right: asked - findings.length }),
    ]),
  );
  return [
    resolvers === '' ? '' : heading('dns-resolvers', 'Resolvers') + resolvers,
    programs === '' ? '' : heading('dns-programs', 'As programs of hosts see them') + programs,
    zones === '' ? '' : heading('dns-zones', 'Public zones') + zones,
  ].join('\n');
}

const driftStatuses: Readonly<Record<string, SectionStatus>> = {
  'as-declared': 'passed',
  drifted: 'differs',
  failed: 'failed',
  reverted: 'failed',
};

function driftTables({ hosts }: NonNullable<Sections['drift']['found']>): string {
  const rows = Object.entries(hosts).map(([host, { status, drifted, unknown }]) => [
    escaped(host),
    tag(driftStatuses[status] ?? 'unknown', status.replace('-', ' ')),
    String(drifted.length),
    String(unknown.length),
  ]);
  const texts = Object.entries(hosts).flatMap(([host, { drifted }]) =>
    drifted.flatMap((resource) =>
      resource.changes.flatMap(({ attribute, diff }) =>
        diff === undefined
          ? []
          : [
              `<details><summary>${escaped(`${host}: ${nameOf(resource)}, ${attribute}`)}</summary><pre>${diff.split('\n').map(escaped).join('\n')}</pre></details>`,
            ],
      ),
    ),
  );
  return [table('drift-title', ['Host', 'State', 'Drifted', 'Not known yet'], rows), ...texts].join('\n');
}
