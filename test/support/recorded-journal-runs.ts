import type { PlannedChange, PlannedResource, RunEvent } from '../../src/runner/events.ts';
import { type Beginning, begin, end, Recorder, resource, text } from './recorder.ts';

/** Recordings of what the journals of hosts make possible: changes taken back, orphans, rollbacks, resumed runs. */

function titled(key: string, changes: readonly PlannedChange[], more: Partial<PlannedResource> = {}): PlannedResource {
  return resource(key, changes, { title: key.replace(':', ' '), ...more });
}

const motd = titled('file:/etc/motd', [text('Welcome\n', 'Welcome to nas\n')]);
const port: PlannedChange = { ...text('Port 22\n', 'Port 2222\n'), risk: 'connectivity' };
const sshd = titled('file:/etc/ssh/sshd_config.d/00-lab.conf', [port]);
const restart = titled('unit:ssh.service', [
  {
    attribute: 'restart',
    before: 'running',
    after: 'restarted',
    trigger: 'file /etc/ssh/sshd_config.d/00-lab.conf',
    risk: 'connectivity',
  },
]);
const cron = titled('file:/etc/cron.d/backup', [text(null, '0 3 * * * root backup\n')]);
const steady = Array.from({ length: 6 }, (_, index) => titled(`directory:/srv/${index}`, []));
const asDeclared = (...plans: readonly PlannedResource[]) =>
  plans.map((plan): PlannedResource => ({ ...plan, outcome: 'in-sync', changes: [] }));

function connect(recorder: Recorder, hosts: readonly string[]): void {
  for (const host of hosts) recorder.add({ event: 'host-connecting', host }, 5);
  for (const host of hosts) recorder.add({ event: 'host-connected', host });
}

/**
 * Port and restart of sshd on three hosts: `nas` is confirmed over a connection that was lost in between, into `vps` nobody
 * can log in any more, and `node1` cannot take all of it back.
 */
export function guardedRun(): RunEvent[] {
  const recorder = new Recorder();
  const hosts = ['vps', 'nas', 'node1', 'node2'];
  begin(recorder, { mode: 'run' }, hosts);
  connect(recorder, hosts);
  const plan = (host: string, stage: number, resources: readonly PlannedResource[]) =>
    recorder.add({ event: 'host-planned', host, stage, resources, orphans: [] });
  const notice = (host: string, level: 'info' | 'warning', told: string, after = 60) =>
    recorder.add({ event: 'host-notice', host, level, text: told }, after);
  plan('node2', 1, steady);
  recorder.finish('node2', 'ok', {}, 1);
  for (const host of ['vps', 'nas', 'node1']) {
    plan(host, 1, [motd, sshd, restart, cron, ...steady]);
    recorder.change(host, motd);
    plan(host, 2, [...asDeclared(motd), sshd, restart, cron, ...steady]);
    recorder.change(host, sshd);
    if (host === 'nas')
      notice(host, 'info', 'the connection was lost: the host works on, and is connected to again', 300);
    recorder.change(host, restart, 300);
  }
  notice('nas', 'info', 'a fresh login confirmed the changes that could have cut the way in', 500);
  plan('nas', 3, [...asDeclared(motd, sshd, restart), cron, ...steady]);
  recorder.change('nas', cron);
  plan('nas', 4, [...asDeclared(motd, sshd, restart, cron), ...steady]);
  recorder.finish('nas', 'changed', { changed: 4 }, 7);
  for (const host of ['vps', 'node1']) {
    notice(host, 'warning', 'no fresh login: the host takes back what it did', 1500);
    recorder.add({ event: 'resource-undone', host, ...keyOf(restart), complete: true }, 300);
    recorder.add({ event: 'resource-undone', host, ...keyOf(sshd), complete: host === 'vps' }, 300);
    recorder.finish(host, 'reverted', { changed: 1, notReached: 3 }, 6, {
      code: 'GUARD_REVERTED',
      message: 'no fresh login within 60 s: the host took back what could have cut the way in',
      expected: 'a login to root@10.77.1.10:2222, with root',
      found: 'connection to 10.77.1.10 port 2222 timed out',
      hint: 'see what would have cut the way in, or give a longer --guard-timeout',
    });
  }
  end(recorder, 5);
  return recorder.events;
}

function keyOf({ resource, title }: PlannedResource): Pick<PlannedResource, 'resource' | 'title'> {
  return { resource, title };
}

const site = titled('file:/etc/nginx/sites-enabled/old.conf', [text('server {}\n', null)]);
const nginx = titled('package:nginx', [{ attribute: 'installed', before: '1.22.1-9', after: null }]);

/** One host with two orphans, and one with more than a person wants to read. */
export function orphanedRun(mode: Beginning): RunEvent[] {
  const recorder = new Recorder();
  const hosts = ['vps', 'nas'];
  begin(recorder, mode, hosts);
  connect(recorder, hosts);
  const few = [site, nginx].map(({ resource }) => ({ resource, role: 'web' }));
  const many = Array.from({ length: 13 }, (_, index) => ({ resource: `file:/etc/app/${index}.conf`, role: null }));
  const check = mode.mode === 'check';
  const left = (number: number) => (mode.prune ? 0 : number);
  recorder.add({ event: 'host-planned', host: 'vps', stage: 1, resources: [motd, ...steady], orphans: few });
  recorder.add({ event: 'host-planned', host: 'nas', stage: 1, resources: steady, orphans: many });
  const pruned = mode.prune ? 2 : 0;
  if (check) {
    recorder.finish('vps', 'would-change', { changed: 1 + pruned, orphans: left(2) }, 1);
    const status = mode.prune ? 'would-change' : 'ok';
    recorder.finish('nas', status, { changed: mode.prune ? 13 : 0, orphans: left(13) }, 1);
  } else {
    recorder.change('vps', motd);
    recorder.add({
      event: 'host-planned',
      host: 'vps',
      stage: 2,
      resources: [...asDeclared(motd), ...steady],
      orphans: [],
    });
    if (mode.prune) for (const orphan of [site, nginx]) recorder.change('vps', orphan);
    recorder.finish('vps', 'changed', { changed: 1 + pruned, orphans: left(2) }, 3);
    // Of these the journal holds nothing to undo: they only stop being listed.
    recorder.finish('nas', 'ok', { orphans: left(13) }, 1);
  }
  end(recorder, check ? 2 : 0);
  return recorder.events;
}

/** The opposite of what a run did to `vps`; on `nas` there is nothing of it. */
export function rollbackRun(mode: 'rollback' | 'rollback-check'): RunEvent[] {
  const recorder = new Recorder();
  const hosts = ['vps', 'nas'];
  begin(recorder, { mode, playbook: 'role web, last run' }, hosts);
  connect(recorder, hosts);
  const enabled = titled('unit:nginx.service', [{ attribute: 'enabled', before: 'enabled', after: 'disabled' }]);
  const restarted = titled('unit:nginx.service', [
    { attribute: 'restart', before: 'running', after: 'restarted', trigger: 'what was taken back' },
  ]);
  const plans = [enabled, cron, site, nginx, restarted];
  recorder.add({ event: 'host-planned', host: 'vps', stage: 1, resources: plans, orphans: [] });
  recorder.finish('nas', 'ok', { total: 0, inSync: 0 }, 2);
  if (mode === 'rollback') for (const plan of plans) recorder.change('vps', plan);
  const status = mode === 'rollback' ? 'changed' : 'would-change';
  recorder.finish('vps', status, { total: 5, inSync: 0, changed: 5 }, 5);
  end(recorder, mode === 'rollback' ? 0 : 2);
  return recorder.events;
}

/** `vps` went down in the middle, `nas` has done all of its plan already, and on `node1` no run was left alone. */
export function resumedRun(): RunEvent[] {
  const recorder = new Recorder();
  const hosts = ['vps', 'nas', 'node1'];
  begin(recorder, { mode: 'resume', playbook: 'resume' }, hosts);
  connect(recorder, hosts);
  recorder.finish('node1', 'ok', { total: 0, inSync: 0 }, 2);
  const who = 'run 20261123T190205Z-5f3a9c of anna@laptop, site';
  recorder.add({ event: 'host-notice', host: 'vps', level: 'info', text: `${who}: it was cut short; doing the rest` });
  recorder.add({ event: 'host-planned', host: 'vps', stage: 1, resources: [motd, cron, site], orphans: [] });
  recorder.add({
    event: 'host-notice',
    host: 'nas',
    level: 'info',
    text: `${who}: it went on alone; this is what it did since`,
  });
  recorder.add({ event: 'host-planned', host: 'nas', stage: 1, resources: [motd], orphans: [] });
  recorder.finish('nas', 'ok', { total: 1, inSync: 1 }, 4);
  for (const plan of [cron, site]) recorder.change('vps', plan);
  recorder.finish('vps', 'changed', { total: 3, inSync: 1, changed: 2 }, 4);
  end(recorder, 0);
  return recorder.events;
}
