import { unifiedDiff } from '../../src/report/diff.ts';
import type {
  HostCounts,
  HostStatus,
  PlannedChange,
  PlannedResource,
  RunEvent,
  RunMode,
} from '../../src/runner/events.ts';
import type { ExitCode } from '../../src/shared/errors.ts';

/** Streams of events as the runner emits them, for tests of the renderers and to look at. */
export const recordings: Readonly<Record<string, () => readonly RunEvent[]>> = {
  first: () => firstRun('run'),
  check: () => firstRun('check'),
  converged: () => convergedRun(['vps', 'nas', 'node1', 'node2']),
  many: () => manyHosts(40),
  broken: () => firstRun('run').slice(0, -5),
};

const motd = { before: 'Welcome\r\nto nas\n', after: 'Welcome\nto nas\nmanaged by lab' };
const sshd = {
  before: `${Array.from({ length: 40 }, (_, index) => `Option${index} yes`).join('\n')}\n`,
  after: `${Array.from({ length: 40 }, (_, index) => `Option${index} ${index % 3 === 0 ? 'no' : 'yes'}`).join('\n')}\n`,
};

function resource(
  key: string,
  changes: readonly PlannedChange[],
  more: Partial<PlannedResource> = {},
): PlannedResource {
  return {
    resource: key,
    title: key,
    role: 'base',
    at: { file: `${process.cwd()}/roles/base/role.ts`, line: 31, column: 5 },
    outcome: changes.length === 0 ? 'in-sync' : 'change',
    changes,
    ...more,
  };
}

function text(before: string | null, after: string | null): PlannedChange {
  return { attribute: 'content', before, after, diff: unifiedDiff(before, after) };
}

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

class Recorder {
  readonly events: RunEvent[] = [];
  ms = 0;

  add(
    event: RunEvent extends infer Event ? (Event extends RunEvent ? Omit<Event, 'ms'> : never) : never,
    after = 60,
  ): void {
    this.ms += after;
    this.events.push({ ...event, ms: this.ms } as RunEvent);
  }
}

function counts(more: Partial<HostCounts>): HostCounts {
  return {
    total: 12,
    inSync: 6,
    changed: 0,
    knownAfterApply: 0,
    failed: 0,
    notReached: 0,
    differences: 0,
    orphans: 0,
    ...more,
  };
}

function firstRun(mode: RunMode): RunEvent[] {
  const recorder = new Recorder();
  const check = mode === 'check';
  const hosts = ['vps', 'nas', 'node1', 'node2', 'backup'];
  recorder.add(
    {
      event: 'run-started',
      version: 1,
      run: '20261123-1',
      startedAt: '2026-11-23T19:00:00Z',
      playbook: 'playbooks/site.ts',
      mode,
      hosts,
    },
    0,
  );
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
  const finish = (host: string, status: HostStatus, more: Partial<HostCounts>, roundTrips: number) =>
    recorder.add({ event: 'host-finished', host, status, counts: counts(more), roundTrips, durationMs: recorder.ms });
  finish('nas', 'ok', {}, 1);
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
    finish('vps', 'would-change', { changed: 5 }, 1);
    for (const host of ['node1', 'node2']) finish(host, 'would-change', { changed: 2, knownAfterApply: 1 }, 1);
  } else {
    const done = (host: string, { resource, title, changes }: PlannedResource, after = 150) => {
      recorder.add({ event: 'resource-started', host, resource, title });
      recorder.add(
        { event: 'resource-finished', host, resource, title, status: 'changed', changes, durationMs: after },
        after,
      );
    };
    done('vps', motdResource);
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
    finish('vps', 'failed', { changed: 1, failed: 1, notReached: 3 }, 3);
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
      done(host, motdResource);
      recorder.add({ event: 'host-planned', host, stage: 2, resources: [unitKnown], orphans: [] });
      done(host, unitKnown);
      if (host === 'node2')
        recorder.add({
          event: 'host-notice',
          host,
          level: 'warning',
          text: 'waited 12 s for the dpkg lock of unattended-upgrades (pid 812)',
        });
      finish(host, 'changed', { changed: 3 }, 4);
    }
  }
  end(recorder, check ? 3 : 1);
  return recorder.events;
}

function end(recorder: Recorder, exitCode: ExitCode): void {
  const finished = recorder.events.flatMap((event) => (event.event === 'host-finished' ? [event] : []));
  recorder.add({
    event: 'run-finished',
    run: '20261123-1',
    exitCode,
    durationMs: recorder.ms,
    hosts: Object.fromEntries(finished.map(({ host, status, counts }) => [host, { status, changed: counts.changed }])),
  });
}

function convergedRun(hosts: readonly string[]): RunEvent[] {
  const recorder = new Recorder();
  recorder.add(
    {
      event: 'run-started',
      version: 1,
      run: '20261123-2',
      startedAt: '2026-11-23T19:01:00Z',
      playbook: 'playbooks/site.ts',
      mode: 'run',
      hosts,
    },
    0,
  );
  for (const host of hosts) recorder.add({ event: 'host-connecting', host }, 1);
  for (const host of hosts) recorder.add({ event: 'host-connected', host }, 5);
  for (const host of hosts) {
    recorder.add({ event: 'host-planned', host, stage: 1, resources: inSync, orphans: [] }, 5);
    recorder.add(
      { event: 'host-finished', host, status: 'ok', counts: counts({}), roundTrips: 1, durationMs: recorder.ms },
      1,
    );
  }
  end(recorder, 0);
  return recorder.events;
}

function manyHosts(number: number): RunEvent[] {
  const recorder = new Recorder();
  const hosts = Array.from({ length: number }, (_, index) => `node${index + 1}`);
  recorder.add(
    {
      event: 'run-started',
      version: 1,
      run: '20261123-3',
      startedAt: '2026-11-23T19:02:00Z',
      playbook: 'playbooks/site.ts',
      mode: 'run',
      hosts,
    },
    0,
  );
  for (const host of hosts) recorder.add({ event: 'host-connecting', host }, 10);
  for (const host of hosts) {
    recorder.add({ event: 'host-connected', host }, 20);
    recorder.add({ event: 'host-planned', host, stage: 1, resources: [motdResource, ...inSync], orphans: [] }, 20);
    recorder.add({ event: 'resource-started', host, resource: motdResource.resource, title: motdResource.title }, 5);
    recorder.add(
      {
        event: 'resource-finished',
        host,
        resource: motdResource.resource,
        title: motdResource.title,
        status: 'changed',
        changes: motdResource.changes,
        durationMs: 10,
      },
      30,
    );
    recorder.add(
      {
        event: 'host-finished',
        host,
        status: 'changed',
        counts: counts({ changed: 1 }),
        roundTrips: 2,
        durationMs: recorder.ms,
      },
      5,
    );
  }
  end(recorder, 0);
  return recorder.events;
}
