import { policyOf } from '../../roles/firewall/policy.ts';
import { openingsOf } from '../../roles/firewall/reach.ts';
import type { Inventory } from '../../src/model/types.ts';
import type { RunRecord } from '../../src/report/history-table.ts';
import type { ShownLink } from '../../src/report/link-table.ts';
import { reachRecord } from '../../src/report/reach-table.ts';
import { type Sections, sectionOf, type VerifyReport, verifyReport } from '../../src/report/verify/report.ts';
import type { Problem, Verification } from '../../src/report/verify/verification.ts';
import { exitCodes, LabError } from '../../src/shared/errors.ts';

const checkedAt = '2026-11-27T02:46:05.123Z';

/** A verification that looked at these hosts and found this. */
export function verification<Found>(found: Found, more: Partial<Verification<Found>> = {}): Verification<Found> {
  return {
    checkedAt,
    exitCode: exitCodes.asDeclared,
    summary: 'looked at all of it',
    problems: [],
    unlooked: [],
    hosts: [],
    lines: [],
    found,
    ...more,
  };
}

const problem = (text: string, hosts: readonly string[], hint: string | null = null): Problem => ({
  text,
  hint,
  hosts,
});

function link(ends: readonly [string, string], more: Partial<ShownLink>): ShownLink {
  const view = { asked: true, interface: 'wg0', handshakeAge: 41, received: 1, sent: 1, endpoint: null, keyAge: 1 };
  return {
    ends,
    kind: 'hosts',
    state: 'up',
    problems: [],
    at: [],
    handshakeAge: 41,
    received: 3_456_789_012,
    sent: 1_234_567,
    endpoint: '198.51.100.7:51820',
    keyAge: 12 * 86_400,
    views: [
      { name: ends[0], ...view },
      { name: ends[1], ...view },
    ],
    keyDue: false,
    ...more,
  };
}

/**
 * A report on the first hosts of an inventory in which everything was found that can be: each part of the page has something to show.
 *
 * @param text stands wherever a host, or somebody else, can say what they like
 */
export function reportOn(inventory: Inventory, text: string): VerifyReport {
  const names = [...inventory.hosts.keys()];
  const [a = 'a', b = 'b'] = names;
  const failed = exitCodes.hostFailed;
  const unreachable = new LabError('UNREACHABLE', `nobody answers ${text}`);
  const sections: Sections = {
    wireguard: sectionOf(
      verification(
        {
          hosts: names.map((host) => ({ host, error: null })),
          links: [
            link([a, b], { keyDue: true, endpoint: text }),
            link([a, text], { state: 'down', problems: [text], at: [a], handshakeAge: null, keyAge: null }),
          ],
        },
        { exitCode: failed, problems: [problem(`${a} – ${b}: ${text}`, [a])], hosts: names },
      ),
    ),
    firewall: sectionOf(
      verification(
        {
          hosts: [],
          verdicts: names.map((host) => ({
            host,
            declared: { sent: 20, entered: 20 },
            others: { came: 438, entered: 1 },
            tables: [text],
          })),
          findings: (['open', 'blocked'] as const).map((kind) => ({
            kind,
            from: a,
            to: b,
            source: '10.0.0.1',
            destination: '10.0.0.2',
            protocol: 'tcp' as const,
            port: 5432,
            reason: text,
          })),
        },
        {
          exitCode: failed,
          problems: Array.from({ length: 40 }, (_, index) => problem(`open: ${index} ${text}`, [b])),
          hosts: names,
        },
      ),
    ),
    dns: sectionOf(
      verification(
        {
          private: {
            resolvers: [
              { resolver: a, address: text, host: b, asked: 32, right: 31, zones: { '.': 'validated' as const } },
            ],
            hosts: [
              { host: a, programs: { asked: 20, right: 20 } },
              { host: b, programs: null },
            ],
            findings: [],
          },
          public: { zones: [{ zone: text, at: text, asked: 4, findings: [] }] },
          errors: [],
        },
        { exitCode: failed, problems: [problem(`wrong: ${text}`, [a])], hosts: [a] },
      ),
    ),
    exposure: sectionOf(
      verification(
        {
          home: [{ address: '203.0.113.7', from: text }],
          from: text,
          lines: ['203.0.113.7'],
          records: { zones: [], asked: 59, unanswered: [text] },
          open: [{ address: '203.0.113.7', port: 8123 }],
          gateways: { requests: 8, answered: 8 },
          mail: 1,
          waysOut: [
            {
              host: b,
              family: 4,
              of: text,
              by: 'line',
              device: 'eth0',
              seenAs: '203.0.113.7',
              accepted: true,
            } as const,
          ],
          endpoints: 2,
          ports: [{ host: a, from: text, tried: ['198.51.100.10'], open: [] }],
          findings: [],
          errors: [],
        },
        { exitCode: failed, problems: [problem(`header: ${text}`, [], `delete ${text}`)], hosts: names },
      ),
    ),
    containers: sectionOf(
      verification(
        {
          hosts: [{ host: a, running: 4, engines: [text], risks: [] }],
          errors: [],
        },
        { exitCode: exitCodes.hostUnreachable, unlooked: [{ host: b, error: unreachable }], hosts: [a] },
      ),
    ),
    drift: driftSection(a, b, text),
  };
  const policy = policyOf(inventory);
  const about = {
    checkedAt,
    durationMs: 48_123,
    limit: [text],
    hosts: names,
    reach: reachRecord(openingsOf(policy, inventory), []),
    history: { [a]: [runOf(text)], [b]: { error: { code: 'UNREACHABLE', message: text } } },
  };
  return verifyReport(about, sections);
}

function driftSection(a: string, b: string, text: string): Sections['drift'] {
  const change = { attribute: text, before: text, after: text, diff: `-${text}\n+other\n` };
  const resource = { resource: `file:${text}`, title: text, role: null, at: null, changes: [change] };
  const report: NonNullable<Sections['drift']['found']> = {
    version: 1,
    playbook: text,
    status: 'drifted',
    exitCode: exitCodes.changesFound,
    summary: text,
    startedAt: checkedAt,
    durationMs: 1000,
    counts: { hosts: 2, asDeclared: 1, drifted: 1, unreachable: 0, failed: 0, resources: 1 },
    hosts: {
      [a]: { status: 'drifted', drifted: [{ ...resource, outcome: 'change' }], unknown: [] },
      [b]: { status: 'as-declared', drifted: [], unknown: [] },
    },
  };
  return sectionOf(
    verification(report, {
      exitCode: exitCodes.changesFound,
      summary: text,
      problems: [problem(`${a}: ${text}`, [a])],
      hosts: [a, b],
    }),
  );
}

function runOf(text: string): RunRecord {
  return {
    run: '20261127T020000Z-5f3a9c',
    startedAt: '2026-11-27T02:00:00Z',
    endedAt: null,
    who: text,
    playbook: text,
    mode: 'run',
    roles: [text],
    undoes: [],
    done: 3,
    state: 'guard-reverted',
    locked: false,
    damaged: null,
  };
}
