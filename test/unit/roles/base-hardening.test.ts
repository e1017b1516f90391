import { describe, expect, test } from 'vitest';
import { kernelParameters } from '../../../roles/base/hardening/kernel.ts';
import { hardeningOf } from '../../../roles/base/hardening/params.ts';
import { renderJail, renderModules, renderProfile } from '../../../roles/base/hardening/render.ts';
import { params } from '../../../roles/base/params.ts';
import { renderSshd } from '../../../roles/base/render-sshd.ts';
import base from '../../../roles/base/role.ts';
import { resolveInventory } from '../../../src/model/resolve-inventory.ts';
import type { SystemFact } from '../../../src/remote/facts/contract.ts';
import type { Resource, ResourceTree } from '../../../src/resources/contract.ts';
import { FakeFacts } from '../../support/fake-facts.ts';

type Given = Parameters<typeof params.parse>[0];

const levelOf = (given: Given = {}) => hardeningOf(params.parse(given).hardening);
const machine = await new FakeFacts({}).system();
const container: SystemFact = { ...machine, container: 'lxc' };

/** Which host in which inventory decides about bans. */
const homelab = (services: object = {}) =>
  resolveInventory(
    {
      networks: { home: { prefixes: '10.0.1.0/24' }, public: { prefixes: '203.0.113.0/24', public: true } },
      hosts: { nas: { addresses: { home: '10.0.1.2' } }, vps: { addresses: { public: '203.0.113.2' } } },
      services: services as never,
    },
    { at: undefined },
  );

async function declared(
  given: Given,
  { system = machine, name = 'nas', services }: { system?: SystemFact; name?: string; services?: object } = {},
): Promise<ReadonlyMap<string, Record<string, unknown>>> {
  const inventory = homelab(services);
  const host = inventory.hosts.get(name);
  if (host === undefined) throw new Error(`the inventory lost ${name}`);
  const tree = await base.definition.resources({
    host,
    params: params.parse(given),
    inventory,
    system: async () => system,
    withExports: () => null,
    agreed: (_: string, make: () => unknown) => make() as never,
  });
  const flat = (branch: ResourceTree): Resource[] =>
    !branch ? [] : Array.isArray(branch) ? branch.flatMap(flat) : [branch as Resource];
  return new Map(flat(tree).map(({ type, id, props }) => [`${type}:${id}`, props as Record<string, unknown>]));
}

describe('levels', () => {
  test('standard installs nothing for hardening, and changes no way of using the host', async () => {
    const bare = await declared({ hardening: { level: 'none' } });
    const standard = await declared({});
    const packagesOf = (all: typeof bare) => [...all.keys()].filter((key) => key.startsWith('package:'));
    expect(packagesOf(standard)).toEqual(packagesOf(bare));
    expect(levelOf()).toMatchObject({ idleTimeout: null, umask: null, banner: null, bans: null, passwordLength: null });
  });

  test('brings nothing that packages of its own only recommend, and all for what is asked for', async () => {
    const all = await declared({ packages: { install: ['htop', 'sudo'] }, admins: [{ name: 'ada', keys: [] }] });
    expect(all.get('package:htop,sudo')).not.toMatchObject({ recommends: false });
    expect(all.get('package:openssh-server,systemd-timesyncd,unattended-upgrades')).toMatchObject({
      recommends: false,
    });
  });

  test('none leaves alone all but what is asked for', async () => {
    const none = await declared({ hardening: { level: 'none' }, sysctl: { 'vm.swappiness': 10 } });
    const keys = [...none.keys()];
    expect(keys.filter((key) => key.startsWith('sysctl:'))).toEqual(['sysctl:vm.swappiness']);
    expect(keys.filter((key) => /modprobe|limits|coredump|login.defs|profile|issue|cron\./.test(key))).toEqual([]);
    expect(levelOf({ hardening: { level: 'none', idleTimeout: 60 } }).idleTimeout).toBe(60);
  });

  test('what a host says wins over the level, and null is something that is said', () => {
    const strict = levelOf({
      hardening: { level: 'strict', idleTimeout: null, bans: { failures: 3 }, coreDumps: true, checksums: false },
    });
    expect(strict).toMatchObject({ idleTimeout: null, bans: { failures: 3, minutes: 60 }, coreDumps: true });
    expect(strict).toMatchObject({ checksums: false, fileChanges: true, umask: '027', passwordLength: 12 });
  });

  test('modules are added to those of the level, or let in', () => {
    const { blockedModules } = levelOf({ hardening: { blockedModules: { 'usb-storage': true, sctp: false } } });
    expect(blockedModules).toContain('usb-storage');
    expect(blockedModules).toContain('dccp');
    expect(blockedModules).not.toContain('sctp');
    expect(levelOf({ hardening: { level: 'none', blockedModules: { dccp: true } } }).blockedModules).toEqual(['dccp']);
  });

  const refused: [string, Given, (string | number)[]][] = [
    ['a level that there is not', { hardening: { level: 'paranoid' } } as never, ['hardening', 'level']],
    ['a mistyped part', { hardening: { idleTimeut: 3 } } as never, ['hardening']],
    ['a module with a line in it', { hardening: { blockedModules: { 'a\ninstall b /bin/sh': true } } }, []],
    ['no octal mask', { hardening: { umask: '28' } }, ['hardening', 'umask']],
    ['commands of agetty', { hardening: { banner: '\\n' } }, ['hardening', 'banner']],
    ['a timeout that ends every shell', { hardening: { idleTimeout: 1 } }, ['hardening', 'idleTimeout']],
    ['a ban without failures', { hardening: { bans: { failures: 0 } } }, ['hardening', 'bans', 'failures']],
  ];
  test.each(refused)('refused: %s', (_, given, path) => {
    const issues = params.safeParse(given).error?.issues ?? [];
    expect(issues.length).toBeGreaterThan(0);
    expect(issues[0]?.path.slice(0, path.length)).toEqual(path);
  });
});

describe("the kernel's parameters", () => {
  test('of a machine, and not of a container, whose kernel is that of the machine below', () => {
    const keys = (system: SystemFact) =>
      Object.keys(kernelParameters(levelOf({ hardening: { level: 'strict' } }), system));
    expect(keys(machine)).toContain('kernel.kptr_restrict');
    expect(keys(machine)).toContain('fs.suid_dumpable');
    expect(keys(container).filter((key) => !/^net\.ipv[46]\./.test(key))).toEqual([]);
    expect(keys(container)).toContain('net.ipv4.tcp_syncookies');
  });

  test('none that cuts a home off, or that no rollback could set back', () => {
    for (const level of ['standard', 'strict'] as const) {
      const keys = Object.keys(kernelParameters(levelOf({ hardening: { level } }), machine));
      const cuts = /ip_forward|forwarding|accept_ra|autoconf|arp_|disable_ipv6|userns|max_user_namespaces|bootp/;
      expect(keys.filter((key) => cuts.test(key))).toEqual([]);
      expect(keys.filter((key) => /modules_disabled|kexec_load_disabled|unprivileged_bpf_disabled/.test(key))).toEqual(
        [],
      );
    }
    expect(kernelParameters(levelOf(), machine)).toMatchObject({ 'net.ipv4.conf.all.rp_filter': 2 });
  });

  test('a parameter can be left alone or given another value, in a container too', async () => {
    const sysctl = { 'net.ipv4.tcp_syncookies': null, 'net.ipv4.conf.all.rp_filter': 0, 'kernel.sysrq': 1 };
    const all = await declared({ sysctl }, { system: container });
    expect(all.has('sysctl:net.ipv4.tcp_syncookies')).toBe(false);
    expect(all.get('sysctl:net.ipv4.conf.all.rp_filter')).toMatchObject({ value: 0 });
    expect(all.get('sysctl:kernel.sysrq')).toMatchObject({ value: 1, ignoreUnknown: false });
  });

  test('core dumps that are wanted are not half forbidden', async () => {
    const all = await declared({ hardening: { coreDumps: true } });
    expect([...all.keys()].filter((key) => /suid_dumpable|limits|coredump|profile/.test(key))).toEqual([]);
  });
});

describe('bans', () => {
  const jail = 'file:/etc/fail2ban/jail.d/lab-base.local';
  const services = { web: { host: 'nas', port: 80, public: 'web.example.dev', gateways: 'vps' } };
  const strict: Given = { hardening: { level: 'strict' } };

  // Whether it bans is not known here: its role may not be played, be absent, or say `ban: null`.
  test('a gateway is no exception', async () => {
    expect((await declared(strict, { name: 'vps', services })).has(jail)).toBe(true);
  });

  test('never whoever is inside', async () => {
    const all = await declared(strict);
    expect(String(all.get(jail)?.content)).toContain('ignoreip = 127.0.0.0/8 ::1 10.0.1.0/24\n');
    expect(renderJail({ failures: 3, minutes: 5 }, [], 2222)).toMatch(/port = 2222\nmaxretry = 3\n/);
  });
});

describe('what is written', () => {
  test('modules neither by alias nor by name', () => {
    expect(renderModules(['dccp'])).toBe('# Managed by lab (role base).\nblacklist dccp\ninstall dccp /bin/true\n');
  });
  test('the profile exports no timeout, which would end scripts', () => {
    const text = renderProfile({ coreDumps: false, idleTimeout: 900 });
    expect(text).toMatch(/^ulimit -c 0\nTMOUT=900\n/m);
    expect(text).not.toContain('export');
    expect(renderProfile({ coreDumps: true, idleTimeout: 60 })).not.toContain('ulimit');
  });
  test('sshd: jumps go on when strict, and Debian alone is told of its own keyword', () => {
    const strict = renderSshd({}, {}, { strict: true, os: 'debian' });
    expect(strict).toMatch(/^AllowTcpForwarding local$/m);
    expect(strict).toMatch(/^MaxAuthTries 3$/m);
    expect(strict).not.toMatch(/^MaxSessions/m);
    expect(renderSshd({}, {}, { strict: false, os: 'fedora' })).not.toMatch(/^Allow|DebianBanner/m);
    expect(renderSshd({}, { AllowAgentForwarding: 'yes' }, { strict: true, os: 'debian' })).not.toMatch(
      /AllowAgentForwarding no/,
    );
  });
});

test('on a host without apt, systemd and PAM nothing of it is asked for', async () => {
  const system: SystemFact = { ...machine, os: 'alpine', init: 'openrc', packageManager: 'apk' };
  const all = await declared({ hardening: { level: 'strict' } }, { system });
  const keys = [...all.keys()].filter((key) =>
    /unit|security|login.defs|cron|fail2ban|aide|debsums|coredump/.test(key),
  );
  expect(keys).toEqual([]);
  expect(all.has('file:/etc/modprobe.d/60-lab.conf')).toBe(true);
});
