import { describe, expect, it } from 'vitest';
import { isDue, remembered } from '../../../src/notify/due.ts';
import { type DriftReport, driftReport, failedDriftReport } from '../../../src/report/drift-report.ts';
import { driftText } from '../../../src/report/drift-text.ts';
import { RunState } from '../../../src/report/run-state.ts';
import { painter } from '../../../src/report/style.ts';
import type { HostFinished, HostStatus, PlannedChange, PlannedResource } from '../../../src/runner/events.ts';
import type { Planned } from '../../../src/runner/plan/plan-host.ts';
import type { RunResult } from '../../../src/runner/run.ts';
import type { ExitCode } from '../../../src/shared/errors.ts';

const check = { playbook: 'site.ts', startedAt: new Date('2026-11-23T19:00:00Z'), durationMs: 1234.5 };

interface Told {
  readonly status: HostStatus;
  readonly resources?: readonly PlannedResource[];
  /** Keys of resources whose own changes apply every time. */
  readonly always?: readonly string[];
  readonly failure?: HostFinished['failure'];
}

/** What a check of these hosts makes known. */
function reportOf(exitCode: ExitCode, hosts: Readonly<Record<string, Told>>): DriftReport {
  const state = new RunState();
  const base = { ms: 1 };
  const names = Object.keys(hosts);
  state.handle({
    ...base,
    event: 'run-started',
    version: 1,
    run: 'r',
    startedAt: '',
    playbook: 'p',
    mode: 'check',
    hosts: names,
  });
  const results: RunResult['hosts'][number][] = [];
  for (const [host, { status, resources, always = [], failure }] of Object.entries(hosts)) {
    const counts = {
      total: 0,
      inSync: 0,
      changed: 0,
      knownAfterApply: 0,
      failed: 0,
      notReached: 0,
      differences: 0,
      orphans: 0,
    };
    if (resources !== undefined)
      state.handle({ ...base, event: 'host-planned', host, stage: 1, resources, orphans: [] });
    state.handle({ ...base, event: 'host-finished', host, status, counts, roundTrips: 1, durationMs: 1, failure });
    const planned = (resources ?? []).map(({ resource, title, changes }) => ({
      key: resource,
      title,
      changes: changes.map(({ trigger }) => ({ trigger, always: trigger === undefined && always.includes(resource) })),
    }));
    results.push({ host, status, counts, planned: planned as unknown as readonly Planned[] });
  }
  return driftReport(check, state, { exitCode, hosts: results });
}

function resource(
  key: string,
  changes: readonly PlannedChange[],
  more: Partial<PlannedResource> = {},
): PlannedResource {
  const outcome = changes.length === 0 ? 'in-sync' : 'change';
  return { resource: key, title: key, role: null, at: null, outcome, changes, ...more };
}

const mode = (before: string): PlannedChange => ({ attribute: 'mode', before, after: '0640' });
const motd = resource('file:/etc/motd', [
  { attribute: 'content', before: 'a\n', after: 'b\n', diff: '@@ -1,1 +1,1 @@\n-a\n+b' },
  mode('0666'),
]);
const fine = resource('file:/etc/fine', []);
const later = resource('unit:x.service', [], { outcome: 'known-after-apply', reason: 'package x brings it' });
const gone = { code: 'UNREACHABLE', message: 'no answer', found: 'connection refused', hint: 'see ssh -v' } as const;

const text = (report: DriftReport, diff = false) =>
  driftText(report, { diff, columns: Number.POSITIVE_INFINITY, paint: painter(false) });

describe('a report of drift', () => {
  it('holds hosts with what drifted, in the documented shape', () => {
    const report = reportOf(3, {
      nas: { status: 'would-change', resources: [fine, motd, later] },
      node1: { status: 'ok', resources: [fine] },
      gone: { status: 'unreachable', failure: gone },
    });
    expect(report).toEqual({
      version: 1,
      playbook: 'site.ts',
      status: 'unreachable',
      exitCode: 3,
      summary: '1 resource drifted on 1 host, 1 host unreachable, 1 host as declared',
      startedAt: '2026-11-23T19:00:00.000Z',
      durationMs: 1235,
      counts: { hosts: 3, asDeclared: 1, drifted: 1, unreachable: 1, failed: 0, resources: 1 },
      hosts: {
        nas: { status: 'drifted', drifted: [motd], unknown: [later] },
        node1: { status: 'as-declared', drifted: [], unknown: [] },
        gone: { status: 'unreachable', drifted: [], unknown: [], failure: gone },
      },
    });
    expect(text(report)).toBe(`nas
  ~ file:/etc/motd  content +1 −1 lines · mode 0666 → 0640
  ? unit:x.service  package x brings it

gone
  ⚠ UNREACHABLE: no answer
      found connection refused

1 resource drifted on 1 host, 1 host unreachable, 1 host as declared`);
    expect(text(report, true)).toContain('\n      │ -a\n      │ +b\n');
  });

  it('says nothing but a sentence when all is as declared', () => {
    const report = reportOf(0, { nas: { status: 'ok', resources: [fine] }, node1: { status: 'ok', resources: [] } });
    expect(report).toMatchObject({ status: 'as-declared', exitCode: 0 });
    expect(text(report)).toBe('2 hosts as declared');
  });

  it('does not count what runs every time, nor what only that sets off', () => {
    const always = resource('command:date', [{ attribute: 'run', before: null, after: 'date' }]);
    const restart = (trigger: string) =>
      resource('unit:x.service', [{ attribute: 'active', before: 'active', after: 'restarted', trigger }]);
    const quiet = reportOf(2, {
      nas: { status: 'would-change', resources: [always, restart('command:date'), later], always: ['command:date'] },
    });
    expect(quiet).toMatchObject({ status: 'as-declared', exitCode: 0, hosts: { nas: { drifted: [] } } });
    const waiting = reportOf(2, {
      nas: { status: 'would-change', resources: [always, restart('an earlier run')], always: ['command:date'] },
    });
    expect(waiting).toMatchObject({ exitCode: 2, counts: { resources: 1 } });
  });

  it('tells a resource that cannot be as declared once', () => {
    const impossible = resource('file:/x/y', [], { outcome: 'impossible', reason: 'no folder /x' });
    const report = reportOf(1, {
      nas: {
        status: 'failed',
        resources: [impossible],
        failure: { code: 'PLAN_IMPOSSIBLE', message: 'no folder /x', resource: 'file:/x/y' },
      },
    });
    expect(report).toMatchObject({ status: 'failed', exitCode: 1, counts: { failed: 1, drifted: 0, resources: 1 } });
    expect(text(report)).toBe('nas\n  ✘ file:/x/y  no folder /x\n\n1 resource drifted on 1 host, 1 host failed');
  });

  it('names hosts that an end by a signal or --max-fail left out', () => {
    const report = reportOf(130, { nas: { status: 'interrupted' }, node1: { status: 'skipped' } });
    expect(report).toMatchObject({ status: 'interrupted', exitCode: 130 });
    expect(text(report)).toBe('nas\n  not checked\n\nnode1\n  not checked\n\n2 hosts not checked');
  });
});

describe('when somebody is told', () => {
  const well = reportOf(0, { nas: { status: 'ok', resources: [fine] } });
  const drifted = reportOf(2, { nas: { status: 'would-change', resources: [motd] } });
  const broken = failedDriftReport(check, 4, { code: 'PLAYBOOK_LOAD', message: 'boom' });
  const stopped = reportOf(130, { nas: { status: 'interrupted' } });

  it('by default of every problem, always of everything, never of what was stopped', () => {
    expect([well, drifted, broken, stopped].map((report) => isDue('problems', report, undefined))).toEqual([
      false,
      true,
      true,
      false,
    ]);
    expect([well, drifted, broken, stopped].map((report) => isDue('always', report, undefined))).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });

  it('on change of what was not told the last time', () => {
    const due = (now: DriftReport, last?: DriftReport) => isDue('changes', now, last && remembered(last));
    expect([due(well), due(drifted), due(broken)]).toEqual([false, true, true]);
    expect([due(well, well), due(drifted, drifted), due(broken, broken)]).toEqual([false, false, false]);
    expect([due(well, drifted), due(drifted, well), due(broken, drifted), due(drifted, broken)]).toEqual([
      true,
      true,
      true,
      true,
    ]);
  });

  it('again when it drifted otherwise or elsewhere, not when it took longer or was worded otherwise', () => {
    const same = (other: DriftReport) => remembered(other).fingerprint === remembered(drifted).fingerprint;
    expect(same({ ...drifted, durationMs: 1, startedAt: 'later' })).toBe(true);
    expect(
      same(reportOf(2, { node1: { status: 'ok' }, nas: { status: 'would-change', resources: [motd, fine] } })),
    ).toBe(true);
    expect(
      same(reportOf(2, { nas: { status: 'would-change', resources: [resource('file:/etc/motd', [mode('0777')])] } })),
    ).toBe(false);
    expect(same(reportOf(2, { node1: { status: 'would-change', resources: [motd] } }))).toBe(false);
    const lost = (message: string) => reportOf(3, { nas: { status: 'unreachable', failure: { ...gone, message } } });
    expect(remembered(lost('after 10.1 s'))).toEqual(remembered(lost('after 9.8 s')));
  });
});
