import type { RunEvent, RunMode } from '../../src/runner/events.ts';
import { guardedRun, orphanedRun, resumedRun, rollbackRun } from './recorded-journal-runs.ts';
import { begin, counts, end, Recorder, resource, text } from './recorder.ts';

/** Streams of events as the runner emits them, for tests of the renderers and to look at. */
export const recordings: Readonly<Record<string, () => readonly RunEvent[]>> = {
  first: () => firstRun('run'),
  check: () => firstRun('check'),
  converged: () => convergedRun(['vps', 'nas', 'node1', 'node2']),
  many: () => manyHosts(40),
  broken: () => firstRun('run').slice(0, -5),
  guarded: guardedRun,
  orphans: () => orphanedRun({ mode: 'run' }),
  'orphans-check': () => orphanedRun({ mode: 'check' }),
  'prune-check': () => orphanedRun({ mode: 'check', prune: true }),
  prune: () => orphanedRun({ mode: 'run', prune: true }),
  rollback: () => rollbackRun('rollback'),
  'rollback-check': () => rollbackRun('rollback-check'),
  resume: resumedRun,
};

const motd = { before: 'Welcome\r\nto nas\n', after: 'Welcome\nto nas\nmanaged by lab' };
const sshd = {
  before: `${Array.from({ length: 40 }, (_, index) => `Option${index} yes`).join('\n')}\n`,
  after: `${Array.from({ length: 40 }, (_, index) => `Option${index} ${index % 3 === 0 ? 'no' : 'yes'}`).join('\n')}\n`,
};

const installed = resource('package:chrony', [{ attribute: 'installed', before: null, after: '4.3-2+deb12u1' }]);
const motdResource = resource(
  'file:/etc/motd',
  [text(motd.before, motd.after), { attribute: 'mode', before: '0644', after: '0640' }],
  { title: 'Message of the day' },
);
const sshdResource = resource('file:/etc/ssh/sshd_config.d/10-lab.conf', [
  { ...text(sshd.before, sshd.after), risk: 'connectivity' },
]);
const unitUnknown = resource('unit:chrony.service', [], {
  outcome: 'known-after-apply',
  reason: 'package:chrony brings it',
});
const unitKnown = resource('unit:chrony.service', [
  { attribute: 'enablement', before: 'disabled', after: 'enabled' },
  { attribute: 'active', before: 'inactive', after: 'active' },
]);
const restart = resource('unit:ssh.service', [
  {
    attribute: 'active',
    before: 'active',
    after: 'restarted',
    trigger: 'file:/etc/ssh/sshd_config.d/10-lab.conf',
    risk: 'connectivity',
  },
]);
const gone = resource('file:/etc/cron.d/old', [
  { attribute: 'content', before: 'x\ny\n', after: null },
  { attribute: 'mode', before: '0644', after: null },
]);
const inSync = Array.from({ length: 6 }, (_, index) => resource(`directory:/srv/${index}`, []));
const secretFile = resource('file:/etc/app/password', [
  { attribute: 'content', before: null, after: '‹secret›' },
  { attribute: 'mode', before: null, after: '0600' },
  { attribute: 'owner', before: null, after: 'root' },
]);

function firstRun(mode: RunMode): RunEvent[] {
  const recorder = new Recorder();
  const check = mode === 'check';
  const hosts = ['vps', 'nas', 'node1', 'node2', 'backup'];
  begin(recorder, { mode }, hosts);
  for (const host of hosts) recorder.add({ event: 'host-connecting', host }, 10);
  for (const host of hosts.slice(0, 4)) recorder.add({ event: 'host-connected', host });
  const nodes = [installed, motdResource, unitUnknown, ...inSync];
  recorder.add({
    event: 'host-planned',
    host: 'vps',
    stage: 1,
    resources: [motdResource, sshdResource, restart, gone, secretFile, ...inSync],
    orphans: [],
  });
  for (const host of ['node1', 'node2'])
    recorder.add({ event: 'host-planned', host, stage: 1, resources: nodes, orphans: [] });
  recorder.add({ event: 'host-planned', host: 'nas', stage: 1, resources: inSync, orphans: [] });
  recorder.finish('nas', 'ok', {}, 1);
  recorder.add({
    event: 'host-finished',
    host: 'backup',
    status: 'unreachable',
    counts: counts({ inSync: 0, total: 0 }),
    roundTrips: 0,
    durationMs: 10_000,
    failure: {
      code: 'UNREACHABLE',
      message: 'connection to 10.77.1.20 port 22 timed out',
      expected: 'an SSH server that answers within 10 s',
      found: 'no answer',
      hint: 'is the host up? try: ping 10.77.1.20',
    },
  });
  if (check) {
    recorder.finish('vps', 'would-change', { changed: 5 }, 1);
    for (const host of ['node1', 'node2']) recorder.finish(host, 'would-change', { changed: 2, knownAfterApply: 1 }, 1);
  } else {
    recorder.change('vps', motdResource);
    recorder.add({
      event: 'resource-started',
      host: 'vps',
      resource: sshdResource.resource,
      title: sshdResource.title,
    });
    for (const host of ['node1', 'node2']) {
      recorder.add({ event: 'resource-started', host, resource: installed.resource, title: installed.title });
    }
    for (let percent = 0; percent <= 100; percent += 10) {
      for (const host of ['node1', 'node2']) {
        recorder.add(
          {
            event: 'resource-output',
            host,
            resource: installed.resource,
            text:
              percent === 0
                ? 'Reading package lists...\nGet:1 chrony \u001b[31mred\u001b[0m\n'
                : `\rprogress ${percent} %`,
          },
          100,
        );
      }
    }
    recorder.add({
      event: 'resource-finished',
      host: 'vps',
      resource: sshdResource.resource,
      title: sshdResource.title,
      status: 'failed',
      changes: sshdResource.changes,
      durationMs: 400,
      failure: {
        code: 'STEP_FAILED',
        message: 'the new content did not pass its check',
        at: { file: `${process.cwd()}/roles/base/role.ts`, line: 31, column: 5 },
        command: 'sshd -t -f /etc/ssh/sshd_config.d/.10-lab.conf.lab',
        expected: 'exit code 0',
        found: 'exit code 255',
        output:
          '/etc/ssh/sshd_config.d/10-lab.conf: line 3: Bad configuration option: Option0\u001b]0;owned\u0007\n/etc/ssh/sshd_config.d/10-lab.conf: terminating, 1 bad configuration options\n',
        hint: 'the file on the host is unchanged; correct the template and run again',
      },
    });
    recorder.finish('vps', 'failed', { changed: 1, failed: 1, notReached: 3 }, 3);
    for (const host of ['node1', 'node2']) {
      recorder.add({
        event: 'resource-finished',
        host,
        resource: installed.resource,
        title: installed.title,
        status: 'changed',
        changes: installed.changes,
        durationMs: 2400,
      });
      recorder.change(host, motdResource);
      recorder.add({ event: 'host-planned', host, stage: 2, resources: [unitKnown], orphans: [] });
      recorder.change(host, unitKnown);
      if (host === 'node2')
        recorder.add({
          event: 'host-notice',
          host,
          level: 'warning',
          text: 'waited 12 s for the dpkg lock of unattended-upgrades (pid 812)',
        });
      recorder.finish(host, 'changed', { changed: 3 }, 4);
    }
  }
  end(recorder, check ? 3 : 1);
  return recorder.events;
}

function convergedRun(hosts: readonly string[]): RunEvent[] {
  const recorder = new Recorder();
  begin(recorder, { mode: 'run' }, hosts);
  for (const host of hosts) recorder.add({ event: 'host-connecting', host }, 1);
  for (const host of hosts) recorder.add({ event: 'host-connected', host }, 5);
  for (const host of hosts) {
    recorder.add({ event: 'host-planned', host, stage: 1, resources: inSync, orphans: [] }, 5);
    recorder.finish(host, 'ok', {}, 1);
  }
  end(recorder, 0);
  return recorder.events;
}

function manyHosts(number: number): RunEvent[] {
  const recorder = new Recorder();
  const hosts = Array.from({ length: number }, (_, index) => `node${index + 1}`);
  begin(recorder, { mode: 'run' }, hosts);
  for (const host of hosts) recorder.add({ event: 'host-connecting', host }, 10);
  for (const host of hosts) {
    recorder.add({ event: 'host-connected', host }, 20);
    recorder.add({ event: 'host-planned', host, stage: 1, resources: [motdResource, ...inSync], orphans: [] }, 20);
    recorder.change(host, motdResource, 30);
    recorder.finish(host, 'changed', { changed: 1 }, 2);
  }
  end(recorder, 0);
  return recorder.events;
}
