import { afterAll, beforeAll, expect, test } from 'vitest';
import base from '../../../roles/base/role.ts';
import { resolveInventory } from '../../../src/model/resolve-inventory.ts';
import type { Playbook } from '../../../src/playbook/contract.ts';
import type { RunEvent, RunMode } from '../../../src/runner/events.ts';
import { run } from '../../../src/runner/run.ts';
import { connect } from '../../../src/transport/index.ts';
import { type StartedHost, startHost } from '../../support/host.ts';
import { fileSystemOf } from '../../support/snapshot.ts';

let host: StartedHost;
let failuresBefore: readonly string[] = [];
beforeAll(async () => {
  host = await startHost({ packages: ['ssh-audit'] });
  failuresBefore = await auditFailures();
});
afterAll(() => host?.remove());

/** What ssh-audit calls a failure; version 2.5 does not know the algorithms left out, which are newer than it. */
async function auditFailures(): Promise<string[]> {
  const { stdout } = await host.exec(['ssh-audit', '--no-colors', '127.0.0.1']);
  if (!stdout.includes('curve25519')) throw new Error(`ssh-audit did not look: ${stdout}`);
  return stdout.split('\n').filter((line) => line.includes('[fail]') && !/sntrup761|kex-strict/.test(line));
}

/** Runs the role on the container; `connection` is how the inventory says that lab logs in. */
async function runBase(
  params: Parameters<typeof base>[0],
  mode: RunMode = 'run',
  connection: Partial<StartedHost['connection']> = {},
) {
  const inventory = resolveInventory({ hosts: { target: { address: host.address } } }, { at: undefined });
  const declared = inventory.hosts.get('target');
  if (declared === undefined) throw new Error('the inventory lost its host');
  const play = { name: 'test', hosts: ['all'], roles: [base(params)], tags: [], at: undefined };
  const playbook: Playbook = { kind: 'playbook', name: 'test', inventory, plays: [play], at: undefined };
  const events: RunEvent[] = [];
  const result = await run({
    mode,
    playbook,
    hosts: [{ ...declared, connection: { ...host.connection, ...connection } }],
    playsOf: () => [play],
    connect: async ({ name, connection: settings }) => {
      const hostKeys = { pinned: () => host.hostKeys, firstContact: async () => false };
      return { connection: await connect(name, settings, { hostKeys }), settings };
    },
    onEvent: (event) => events.push(event),
    stop: new AbortController().signal,
  });
  const finished = events.find((event) => event.event === 'host-finished');
  const changed = events.flatMap((event) =>
    event.event === 'resource-finished' && event.status === 'changed' ? [event.resource] : [],
  );
  return { result, finished, changed, events };
}

const params = (): Parameters<typeof base>[0] => ({
  hostname: null,
  timezone: 'Europe/Berlin',
  admins: [{ name: 'ada', comment: 'Ada', keys: [host.publicKey], groups: ['adm'] }],
});

const limit = 180_000;

test('a bare host gets the whole role in one run, and the second changes nothing in one round trip', {
  timeout: limit,
}, async () => {
  const untouched = await fileSystemOf(host);
  const checked = await runBase(params(), 'check');
  expect(await fileSystemOf(host)).toBe(untouched);
  const plans = checked.events.flatMap((event) => (event.event === 'host-planned' ? event.resources : []));
  expect(plans.filter(({ outcome }) => outcome === 'impossible')).toEqual([]);
  const first = await runBase(params());
  expect(first.finished).toMatchObject({ status: 'changed', counts: { differences: 0 } });
  const planned = plans.filter(({ outcome }) => outcome === 'change').map(({ resource }) => resource);
  expect(first.changed.filter((resource) => planned.includes(resource))).toEqual(planned);
  const mayChange = plans.filter(({ outcome }) => outcome !== 'in-sync').map(({ resource }) => resource);
  expect(first.changed.filter((resource) => !mayChange.includes(resource))).toEqual([]);
  const before = await fileSystemOf(host, ['/var/lib/lab', '/var/lib/apt']);
  const second = await runBase(params());
  expect(second.changed).toEqual([]);
  expect(second.finished).toMatchObject({ status: 'ok', roundTrips: 1 });
  expect(await fileSystemOf(host, ['/var/lib/lab', '/var/lib/apt'])).toBe(before);
});

test('the admin logs in with the key and becomes root; root still does, as lab logs in as root', {
  timeout: limit,
}, async () => {
  const asAda = await runBase(params(), 'check', { user: 'ada', become: 'sudo' });
  expect(asAda.finished).toMatchObject({ status: 'would-change' });
  const effective = await host.sh('sshd -T');
  expect(effective).toContain('permitrootlogin without-password');
  expect(effective).toContain('passwordauthentication no');
  expect(effective).toContain('kbdinteractiveauthentication no');
});

test('once lab logs in as an admin, root need not', { timeout: limit }, async () => {
  const asAda = await runBase(params(), 'run', { user: 'ada', become: 'sudo' });
  expect(asAda.changed).toEqual(['file:/etc/ssh/sshd_config.d/00-lab.conf', 'unit:ssh.service']);
  expect(await host.sh('sshd -T')).toContain('permitrootlogin no');
  await expect(runBase(params(), 'check')).resolves.toMatchObject({ finished: { status: 'unreachable' } });
  const back = await runBase({ ...params(), sshd: { permitRootLogin: 'prohibit-password' } }, 'run', {
    user: 'ada',
    become: 'sudo',
  });
  expect(back.finished).toMatchObject({ status: 'changed' });
});

test('ssh-audit finds no failure any more', { timeout: limit }, async () => {
  expect(failuresBefore.length).toBeGreaterThan(0);
  expect(await auditFailures()).toEqual([]);
});

test('a setting that sshd does not take leaves the host as it was', { timeout: limit }, async () => {
  const before = await host.sh('cat /etc/ssh/sshd_config.d/00-lab.conf');
  const broken = await runBase({
    ...params(),
    sshd: { permitRootLogin: 'prohibit-password', settings: { Ciphers: 'nonsense' } },
  });
  expect(broken.finished).toMatchObject({ status: 'failed', failure: { code: 'STEP_FAILED' } });
  expect(await host.sh('cat /etc/ssh/sshd_config.d/00-lab.conf')).toBe(before);
  expect(await host.sh('ls -A /etc/ssh/sshd_config.d')).not.toContain('.lab-');
});

test('an admin who goes cannot log in any more', { timeout: limit }, async () => {
  const gone = await runBase({
    hostname: null,
    timezone: 'Europe/Berlin',
    formerAdmins: ['ada'],
    sshd: { permitRootLogin: 'prohibit-password' },
  });
  expect(gone.finished).toMatchObject({ status: 'changed' });
  expect((await host.exec(['id', 'ada'])).exitCode).not.toBe(0);
  expect((await host.exec(['test', '-e', '/etc/sudoers.d/lab-admins'])).exitCode).not.toBe(0);
  expect(await host.sh('test -d /home/ada && echo stays')).toBe('stays\n');
});
