import { describe, expect, it, test } from 'vitest';
import { type Job, jobName, manifestText, parseManifest, placesOf } from '../../../src/schedule/job.ts';
import { statusOf } from '../../../src/schedule/jobs.ts';
import { loginAs } from '../../../src/schedule/logins.ts';
import { parseAddresses } from '../../../src/schedule/look.ts';
import { chooseNode, type NodeOffer } from '../../../src/schedule/node-choice.ts';
import { notificationOf } from '../../../src/schedule/tell.ts';
import { jobCommand, summaryOf } from '../../../src/schedule/work.ts';

const job: Job = {
  version: 1,
  name: 'site',
  control: 'nas',
  playbook: '-site.ts',
  options: ['--limit', 'a b', '$(x)'],
  calendar: 'weekly',
  delay: '1h',
  logins: { vps: { user: 'ada', address: '192.0.2.1', port: 2222, jumps: [] } },
  node: { path: '/usr/bin/node', from: 'host' },
};

describe('the name of a job', () => {
  test.each([
    ['playbooks/rotate-keys.ts', undefined, 'rotate-keys'],
    ['site', undefined, 'site'],
    ['Übung 1.ts', 'exercise', 'exercise'],
  ])('%s', (playbook, given, name) => expect(jobName(playbook, given)).toBe(name));

  test.each(['', '../../etc', 'a/b', '-x', 'A', 'a%i', 'a'.repeat(25)])('is not %j, as it is part of paths', (name) => {
    expect(() => jobName('site.ts', name)).toThrow('cannot be the name');
    expect(() => placesOf(name)).toThrow();
  });
});

it('keeps its manifest as it was, and takes nothing else for one', () => {
  expect(parseManifest(manifestText(job))).toEqual(job);
  for (const text of ['', '{}', 'null', manifestText({ ...job, version: 2 as 1 })])
    expect(parseManifest(text)).toBeUndefined();
});

it('gives the words of the user to lab run as they are', () => {
  expect(jobCommand(job, true).slice(-6)).toEqual(['--check', '--limit', 'a b', '$(x)', '--', '-site.ts']);
});

describe('the Node that runs a job', () => {
  const offer: NodeOffer = {
    job: 'site',
    installed: [],
    candidate: null,
    architecture: 'x86_64',
    controller: { platform: 'linux', arch: 'x64', version: 'v22.1.0' },
  };
  const old = { path: '/usr/bin/node', version: 'v18.20.4' };
  const fit = { path: '/usr/local/bin/node', version: 'v20.19.0' };
  const copy = { path: '/usr/local/lib/lab-schedule/site/node', from: 'copy' };

  test.each<[string, Partial<NodeOffer>, Job['node'] | typeof copy]>([
    ['one that is there', { installed: [old, fit] }, { path: fit.path, from: 'host' }],
    [
      'one that an earlier schedule installed',
      { installed: [fit], before: { path: fit.path, from: 'package' } },
      { path: fit.path, from: 'package' },
    ],
    ['the package', { installed: [old], candidate: '22.4.1+dfsg-1' }, { path: '/usr/bin/node', from: 'package' }],
    ['a copy, where the package is too old', { installed: [old], candidate: '18.20.4+dfsg-1~deb12u1' }, copy],
    [
      'a copy, on an ARM board',
      { architecture: 'aarch64', controller: { platform: 'linux', arch: 'arm64', version: 'v22.1.0' } },
      copy,
    ],
  ])('is %s', (_, given, chosen) => expect(chooseNode({ ...offer, ...given })).toEqual(chosen));

  test.each<[string, Partial<NodeOffer>]>([
    ['another architecture', { architecture: 'armv6l', installed: [old] }],
    ['a controller with macOS', { controller: { platform: 'darwin', arch: 'x64', version: 'v22.1.0' } }],
  ])('is none for %s, and that is told', (_, given) => {
    expect(() => chooseNode({ ...offer, ...given })).toThrow('no Node that is new enough');
  });
});

describe('what is known of the last run', () => {
  const times = { startedAt: '2026-11-25T20:00:00.000Z', endedAt: '2026-11-25T20:01:00.000Z' };
  const written = { version: 1 as const, ...times, exitCode: 0, summary: '2 changes on 1 host', output: '' };
  const timer = new Map([['NextElapseUSecRealtime', 'Mon 2026-11-30 00:07:00 UTC']]);
  const unit = (text: string) => new Map(text.split(' ').map((pair) => pair.split('=') as [string, string]));
  const inactive = unit('ActiveState=inactive Result=success ExecMainStatus=0');

  test.each<[string, Parameters<typeof statusOf>[1], string, object]>([
    ['none', undefined, 'ActiveState=inactive', { state: 'never-run', last: null }],
    [
      'good',
      written,
      'ActiveState=inactive',
      { state: 'succeeded', last: { exitCode: 0, summary: '2 changes on 1 host' } },
    ],
    [
      'failed',
      { ...written, exitCode: 3 },
      'ActiveState=failed Result=exit-code ExecMainStatus=3',
      { state: 'failed', last: { exitCode: 3, summary: '2 changes on 1 host' } },
    ],
    [
      'failed, and the host was started anew',
      { ...written, exitCode: 3 },
      'ActiveState=inactive',
      { state: 'failed', last: { exitCode: 3 } },
    ],
    ['under way', { ...written, endedAt: null, exitCode: null }, 'ActiveState=activating', { state: 'running' }],
    [
      'killed',
      { ...written, endedAt: null, exitCode: null },
      'ActiveState=failed Result=oom-kill ExecMainStatus=9',
      { state: 'failed', last: { exitCode: 9, summary: 'systemd: oom-kill 9' } },
    ],
    [
      'cut short by a crash of the host',
      { ...written, endedAt: null, exitCode: null },
      'ActiveState=inactive',
      { state: 'failed', last: { exitCode: null, summary: 'it was ended before it was done' } },
    ],
    [
      'never begun: Node is gone',
      written,
      'ActiveState=failed Result=exit-code ExecMainStatus=203',
      { state: 'failed', last: { exitCode: 203, summary: 'systemd: exit-code 203' } },
    ],
  ])('%s', (_, result, service, expected) =>
    expect(statusOf(job, result, timer, unit(service))).toMatchObject(expected),
  );

  it('comes with the next run, if there is one', () => {
    expect(statusOf(job, written, timer, inactive).nextRun).toBe('2026-11-30T00:07:00Z');
    expect(statusOf(job, written, new Map([['NextElapseUSecRealtime', '']]), inactive).nextRun).toBeNull();
  });
});

it.each([
  ['run site on 2 hosts\n\n1 change on 1 host\n', '', '1 change on 1 host'],
  ['', 'warning\nPLAYBOOK_LOAD: no such module\n  at x.ts\n', 'PLAYBOOK_LOAD: no such module'],
  ['', '', 'it said nothing'],
])('sums a run up by the sentence that it ends with', (stdout, stderr, summary) => {
  expect(summaryOf(stdout, stderr)).toBe(summary);
});

describe('what is told of a failure', () => {
  const result = {
    version: 1 as const,
    startedAt: '2026-11-25T20:00:00.000Z',
    endedAt: '2026-11-25T20:01:00.000Z',
    exitCode: 3,
    summary: '1 host unreachable',
    output: 'vps | recap | unreachable',
  };

  it('is what the job wrote down', () => {
    const { title, text, report, environment } = notificationOf(job, result, {});
    expect(title).toBe('scheduled job site failed on nas');
    expect(text).toContain('vps | recap | unreachable');
    expect(report).toMatchObject({ status: 'failed', exitCode: 3, summary: '1 host unreachable', durationMs: 60_000 });
    expect(environment).toMatchObject({ LAB_JOB: 'site', LAB_JOB_HOST: 'nas', LAB_JOB_EXIT_CODE: '3' });
  });

  it('is what systemd says, when the job could not write any more', () => {
    const monitor = { MONITOR_SERVICE_RESULT: 'timeout', MONITOR_EXIT_STATUS: 'TERM' };
    const cut = { ...result, endedAt: null, exitCode: null, summary: '' };
    for (const last of [cut, { ...result, exitCode: 0 }, undefined])
      expect(notificationOf(job, last, monitor).report.summary).toBe('systemd: timeout TERM');
  });
});

it('binds the key to addresses that connections come from', () => {
  const output = `1: lo    inet 127.0.0.1/8 scope host lo
2: eth0    inet 192.168.1.10/24 brd 192.168.1.255 scope global eth0
2: eth0    inet6 2001:db8::10/64 scope global
2: eth0    inet6 2001:db8::abcd/64 scope global temporary dynamic
3: docker0    inet 172.17.0.1/16 scope global docker0
4: wg0    inet 10.80.0.10/24 scope global wg0
`;
  expect(parseAddresses(output.replace(/^1:.*\n/, ''))).toEqual(['10.80.0.10', '192.168.1.10', '2001:db8::10']);
});

it('logs in with the key of the job, wherever the inventory has another', () => {
  const declared = {
    transport: 'ssh',
    address: 'vps',
    proxyJump: ['alias-of-door'],
    become: 'sudo',
    identityFile: '/home/ada/.ssh/id_ed25519',
    configFile: '/home/ada/.ssh/config',
    fallback: [{ port: 22, identityFile: '/home/ada/.ssh/old' }],
  } as const;
  expect(loginAs(declared, { user: 'ada', address: '192.0.2.1', port: 2222, jumps: ['door'] }, '/key')).toEqual({
    transport: 'ssh',
    become: 'sudo',
    ...{ user: 'ada', address: '192.0.2.1', port: 2222, proxyJump: ['door'], identityFile: '/key' },
    fallback: [{ port: 22, identityFile: '/key' }],
  });
});
