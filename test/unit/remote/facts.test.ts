import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { hostname, release } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FactLoader } from '../../../src/remote/facts/loader.ts';
import { parseAccounts } from '../../../src/remote/facts/parse-accounts.ts';
import { parsePackages } from '../../../src/remote/facts/parse-packages.ts';
import { parseSystem } from '../../../src/remote/facts/parse-system.ts';
import { parseUnits } from '../../../src/remote/facts/parse-units.ts';
import { sysctlPath } from '../../../src/remote/facts/sysctl-path.ts';
import type { Frame } from '../../../src/remote/frames.ts';
import { describeShells, openSession, temporaryFolder } from './support.ts';

const frame = (id: string, text: string, status = 0): Frame => ({ id, body: Buffer.from(text), status });
const frames = (...all: Frame[]) => new Map(all.map((one) => [one.id, one]));

describe('packages', () => {
  const dpkg = (text: string) => frames(frame('packages dpkg-query', text));
  const fact = (name: string, text: string) => parsePackages([name], dpkg(text)).get(name);

  it.each([
    ['installed', 'ii ', { installed: true, version: '1.0', held: false, broken: false }],
    ['held', 'hi ', { installed: true, version: '1.0', held: true, broken: false }],
    ['removed, its configuration left', 'rc ', { installed: false, version: null, held: false, broken: false }],
    ['half-configured', 'iF ', { installed: false, version: null, held: false, broken: true }],
    ['half-installed', 'iH ', { installed: false, version: null, held: false, broken: true }],
    ['unpacked', 'iU ', { installed: false, version: null, held: false, broken: true }],
    ['never installed', 'un ', { installed: false, version: null, held: false, broken: false }],
  ])('tells one that is %s', (_, status, expected) => {
    expect(fact('curl', `curl\tcurl\t1.0\t${status}\n`)).toEqual({ name: 'curl', ...expected });
  });

  it('finds one by its name with architecture, and takes the architecture that is installed', () => {
    const text = 'libc6\tlibc6:amd64\t2.36\tii \nlibc6\tlibc6:i386\t\tun \n';
    expect(fact('libc6', text)).toMatchObject({ installed: true, version: '2.36' });
    expect(fact('libc6:amd64', text)).toMatchObject({ installed: true });
    expect(fact('libc6:i386', text)).toMatchObject({ installed: false });
  });

  it('takes one without an answer for not installed', () => {
    expect(fact('nothing', '')).toEqual({
      name: 'nothing',
      installed: false,
      version: null,
      held: false,
      broken: false,
    });
  });

  it('reads apk and pacman', () => {
    const apk = frames(frame('packages apk', 'curl\tcurl-8.5.0-r0\n'));
    expect(parsePackages(['curl', 'git'], apk).get('curl')).toMatchObject({ installed: true, version: '8.5.0-r0' });
    expect(parsePackages(['curl', 'git'], apk).get('git')).toMatchObject({ installed: false });
    const pacman = frames(frame('packages pacman', 'curl 8.5.0-1\n'));
    expect(parsePackages(['curl'], pacman).get('curl')).toMatchObject({ installed: true, version: '8.5.0-1' });
  });
});

describe('accounts', () => {
  it('joins users, their groups and their password hashes', () => {
    const accounts = parseAccounts(
      frames(
        frame('passwd', 'ann:x:1000:1000:Ann, "A" $(x),,,:/home/ann:/bin/sh\n'),
        frame('group', 'ann:x:1000:\nsudo:x:27:bob,ann\nempty:x:99:\nbackup:x:34:annabel\n'),
        frame('shadow', 'ann:$y$j9T$abc:19000:0:99999:7:::\n'),
      ),
    );
    expect(accounts.users.get('ann')).toEqual({
      ...{ name: 'ann', uid: 1000, gid: 1000, comment: 'Ann, "A" $(x),,,', home: '/home/ann', shell: '/bin/sh' },
      ...{ groups: ['ann', 'sudo'], passwordHash: '$y$j9T$abc' },
    });
    expect(accounts.groups.get('sudo')).toEqual({ name: 'sudo', gid: 27, members: ['bob', 'ann'] });
    expect(accounts.groups.get('empty')).toEqual({ name: 'empty', gid: 99, members: [] });
  });

  it('says null for a hash that it may not read', () => {
    const accounts = parseAccounts(frames(frame('passwd', 'ann:x:1:1::/:/bin/sh\n'), frame('shadow', '')));
    expect(accounts.users.get('ann')?.passwordHash).toBeNull();
  });
});

describe('units', () => {
  const block = (load: string, active: string, file: string, reload = 'no') =>
    `LoadState=${load}\nActiveState=${active}\nUnitFileState=${file}\nNeedDaemonReload=${reload}\n`;

  it('reads blocks in the order asked', () => {
    const text = `${block('loaded', 'active', 'enabled')}\n${block('not-found', 'inactive', '')}\n${block('masked', 'failed', 'masked', 'yes')}`;
    const units = parseUnits(['a.service', 'b.service', 'c.socket'], frame('units', text));
    expect([...(units?.values() ?? [])]).toEqual([
      { name: 'a.service', load: 'loaded', enablement: 'enabled', active: 'active', needsReload: false },
      { name: 'b.service', load: 'not-found', enablement: '', active: 'inactive', needsReload: false },
      { name: 'c.socket', load: 'masked', enablement: 'masked', active: 'failed', needsReload: true },
    ]);
  });

  it('gives nothing rather than a guess when blocks are missing or systemd does not answer', () => {
    expect(parseUnits(['a', 'b'], frame('units', block('loaded', 'active', 'enabled')))).toBeUndefined();
    expect(parseUnits(['a'], frame('units', '', 1))).toBeUndefined();
    expect(parseUnits(['a'], undefined)).toBeUndefined();
  });
});

describe('the system', () => {
  it('unquotes os-release, and counts processors in ranges', () => {
    const lines = [
      'os=PRETTY_NAME="Home \\"Lab\\" \\$1"',
      "os=ID='odd'",
      'os=VERSION_ID=12',
      'cpus=0-3,6,8-9',
      'uid=0',
    ];
    expect(parseSystem(frame('system', lines.join('\n')))).toMatchObject({
      ...{ osName: 'Home "Lab" $1', os: 'odd', osVersion: '12', cpus: 7, uid: 0, codename: '', init: 'other' },
      ...{ packageManager: 'none', rebootRequired: false },
    });
  });
});

describe('the path of a sysctl', () => {
  it.each([
    ['net.ipv4.ip_forward', '/proc/sys/net/ipv4/ip_forward'],
    ['net.ipv4.conf.eth0/100.forwarding', '/proc/sys/net/ipv4/conf/eth0.100/forwarding'],
    ['net/ipv4/conf/eth0.100/forwarding', '/proc/sys/net/ipv4/conf/eth0.100/forwarding'],
  ])('of %s is %s', (key, path) => {
    expect(sysctlPath(key)).toBe(path);
  });
});

describeShells('facts of this machine', (shell) => {
  const folder = temporaryFolder();
  const facts = async <Value>(ask: (loader: FactLoader) => Promise<Value>): Promise<Value> => {
    await using session = await openSession(shell, join(folder, 'state'));
    return await ask(new FactLoader(session));
  };

  it('are true', async () => {
    const system = await facts((loader) => loader.system());
    expect(system).toMatchObject({ hostname: hostname(), kernel: release(), uid: process.getuid?.() });
    expect(system.bootId).toMatch(/^[0-9a-f-]{36}/);
    expect(system.cpus).toBeGreaterThan(0);
    expect(system.memoryBytes).toBeGreaterThan(64 * 1024 * 1024);
  });

  it('name users and groups, those asked and no other', async () => {
    const [root, nobody, none, group] = await facts((loader) =>
      Promise.all([loader.user('root'), loader.user('nobody'), loader.user('no-such-user'), loader.group('root')]),
    );
    expect(root).toMatchObject({ uid: 0, gid: 0, home: '/root', groups: expect.arrayContaining(['root']) });
    expect(nobody?.name).toBe('nobody');
    expect(none).toBeNull();
    expect(group?.gid).toBe(0);
  });

  it('read sysctls, tabs as one blank, and say null for a key that does not exist', async () => {
    const values = await facts((loader) =>
      Promise.all(
        ['net.ipv4.ip_local_port_range', 'kernel.ostype', 'net.no.such.key'].map((key) => loader.sysctl(key)),
      ),
    );
    expect(values).toEqual([expect.stringMatching(/^\d+ \d+$/), 'Linux', null]);
  });

  it('run commands with any words, and give code and output', async () => {
    const words = ["it's", '$(touch /tmp/x)', 'a\nb', '-n', '', '*'];
    const [echoed, failed, missing] = await facts((loader) =>
      Promise.all([
        loader.run(['printf', '%s|', ...words]),
        loader.run(['sh', '-c', 'echo out; echo err >&2; exit 7']),
        loader.run(['/no/such/command']),
      ]),
    );
    expect(echoed).toEqual({ exitCode: 0, stdout: `${words.join('|')}|` });
    expect(failed).toEqual({ exitCode: 7, stdout: 'out\n' });
    expect(missing?.exitCode).toBeGreaterThanOrEqual(126);
  });

  it('take half of an answer for none', async () => {
    const [own, ...others] = await facts((loader) =>
      Promise.allSettled([
        loader.run(['sh', '-c', 'exit 124'], { timeoutSeconds: 5 }),
        loader.run(['sh', '-c', 'echo half; sleep 20', 'lab-look', 'x'], { timeoutSeconds: 1 }),
        loader.run(['sleep', '20'], { timeoutSeconds: 1 }),
      ]),
    );
    expect(own).toMatchObject({ status: 'fulfilled', value: { exitCode: 124 } });
    expect(others).toMatchObject([
      { reason: { code: 'READ_FAILED', details: { found: expect.stringContaining('lab-look x') } } },
      { reason: { code: 'READ_FAILED', details: { found: expect.stringContaining('sleep 20') } } },
    ]);
  });

  it('read what a command prints as bytes that end anywhere', async () => {
    const { stdout } = await facts((loader) => loader.run(['printf', 'no newline']));
    expect(stdout).toBe('no newline');
  });

  it('know what lab left: pending triggers, the last run and its end, what is owned', async () => {
    const state = join(folder, 'state');
    mkdirSync(join(state, 'pending'), { recursive: true });
    writeFileSync(join(state, 'pending', 'abc'), 'restart unit:a b=c.service\n');
    writeFileSync(join(state, 'last-run'), 'run-1\n');
    mkdirSync(join(state, 'runs/run-1'), { recursive: true });
    writeFileSync(join(state, 'runs/run-1/state'), 'complete 2026-01-01T00:00:00Z\n');
    mkdirSync(join(state, 'owned'));
    writeFileSync(join(state, 'owned/0123456789abcdef'), 'text');
    expect(await facts((loader) => loader.state())).toEqual({
      lastRun: 'run-1',
      ended: 'complete 2026-01-01T00:00:00Z',
      ownedText: null,
      owned: new Map([['0123456789abcdef', createHash('sha256').update('text').digest('hex')]]),
      pending: new Map([['abc', 'restart unit:a b=c.service']]),
      lock: null,
    });
  });
});
