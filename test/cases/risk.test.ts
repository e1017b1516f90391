import { describe, expect, test } from 'vitest';
import type { Change, Resource } from '../../src/resources/contract.ts';
import { directory } from '../../src/resources/directory.ts';
import { file } from '../../src/resources/file.ts';
import { group } from '../../src/resources/group.ts';
import { mount } from '../../src/resources/mount.ts';
import { packages } from '../../src/resources/package.ts';
import { sysctl } from '../../src/resources/sysctl.ts';
import { unit } from '../../src/resources/unit.ts';
import { unitFile } from '../../src/resources/unit-file.ts';
import { user } from '../../src/resources/user.ts';
import { changesOf, type FakeHost } from '../support/fake-facts.ts';

// What runs behind the guard: by path, unit, kernel parameter, account, mount and package.

type Risk = Change['risk'] | 'none';

async function riskOf(resource: Resource, host: FakeHost): Promise<Risk> {
  const changes = await changesOf(resource, host);
  expect(changes).not.toEqual([]);
  return changes.find(({ risk }) => risk !== undefined)?.risk ?? 'none';
}

const paths: Record<string, Risk> = {
  ...{ '/etc/ssh/sshd_config': 'connectivity', '/etc/ssh/sshd_config.d/10-x.conf': 'connectivity' },
  ...{ '/etc/default/ssh': 'connectivity', '/etc/dropbear/dropbear_ed25519_host_key': 'connectivity' },
  ...{ '/etc/hosts.allow': 'connectivity', '/etc/hosts.deny': 'connectivity' },
  ...{ '/etc/network/interfaces': 'connectivity', '/etc/network/interfaces.d/eth0': 'connectivity' },
  ...{ '/etc/netplan/50-x.yaml': 'connectivity', '/etc/systemd/network/10-eth0.network': 'connectivity' },
  ...{ '/etc/NetworkManager/system-connections/x.nmconnection': 'connectivity' },
  ...{ '/etc/wireguard/wg0.conf': 'connectivity', '/etc/nftables.conf': 'connectivity' },
  ...{ '/etc/nftables.d/10-x.nft': 'connectivity', '/etc/iptables/rules.v4': 'connectivity' },
  ...{ '/etc/ufw/user.rules': 'connectivity', '/etc/default/ufw': 'connectivity' },
  ...{ '/etc/firewalld/zones/public.xml': 'connectivity', '/etc/fail2ban/jail.local': 'connectivity' },
  ...{ '/etc/systemd/system/ssh.service': 'connectivity', '/etc/systemd/system/ssh.service.d/x.conf': 'connectivity' },
  ...{ '/etc/systemd/system/wg-quick@wg0.service.d/x.conf': 'connectivity', '/etc/init.d/sshd': 'connectivity' },
  ...{ '/etc/sudoers': 'privilege', '/etc/sudoers.d/x': 'privilege', '/etc/doas.conf': 'privilege' },
  ...{ '/etc/pam.d/sshd': 'privilege', '/etc/security/access.conf': 'privilege', '/etc/nsswitch.conf': 'privilege' },
  ...{ '/etc/passwd': 'privilege', '/etc/shadow': 'privilege', '/etc/nologin': 'privilege' },
  ...{ '/root/.ssh/authorized_keys': 'privilege', '/home/ada/.ssh/authorized_keys2': 'privilege' },
  ...{ '/etc/motd': 'none', '/etc/hosts': 'none', '/etc/resolv.conf': 'none', '/etc/sshx': 'none' },
  ...{ '/etc/hostname': 'none', '/etc/nftables.confx': 'none', '/etc/systemd/system/nginx.service': 'none' },
  ...{ '/home/ada/notes': 'none', '/srv/ssh/authorized_keys': 'none', '/etc/systemd/journald.conf': 'none' },
};

test.each(Object.entries(paths))('a file %s: %s', async (path, risk) => {
  expect(await riskOf(file({ path, content: 'new\n' }), { files: { [path]: 'old\n' } })).toBe(risk);
});

test.each([
  ['/root', 'privilege'],
  ['/home', 'privilege'],
  ['/home/ada', 'privilege'],
  ['/home/ada/.ssh', 'privilege'],
  ['/etc/ssh', 'connectivity'],
  ['/home/ada/music', 'none'],
  ['/srv', 'none'],
])('the mode of %s: %s', async (path, risk) => {
  const files = { [path]: { kind: 'directory' as const, mode: '0777' } };
  expect(await riskOf(directory({ path, mode: '0755' }), { files })).toBe(risk);
});

const units: Record<string, Risk> = {
  ...{ 'ssh.service': 'connectivity', 'ssh.socket': 'connectivity', 'sshd.service': 'connectivity' },
  ...{ 'dropbear.service': 'connectivity', 'networking.service': 'connectivity' },
  ...{ 'systemd-networkd.service': 'connectivity', 'NetworkManager.service': 'connectivity' },
  ...{ 'nftables.service': 'connectivity', 'iptables.service': 'connectivity', 'firewalld.service': 'connectivity' },
  ...{ 'ufw.service': 'connectivity', 'fail2ban.service': 'connectivity', 'wg-quick@wg0.service': 'connectivity' },
  ...{ 'systemd-logind.service': 'privilege', 'home.mount': 'privilege' },
  ...{ 'nginx.service': 'none', 'systemd-resolved.service': 'none', 'sshx.service': 'none', 'srv.mount': 'none' },
};

test.each(Object.entries(units))('the unit %s: %s', async (name, risk) => {
  expect(await riskOf(unit({ name, state: 'stopped' }), { units: { [name]: {} } })).toBe(risk);
  const dropIn = unitFile({ name, dropIn: 'x', content: '[Unit]\n' });
  expect(await riskOf(dropIn, { units: { [name]: {} }, files: { '/etc/systemd/system': { kind: 'directory' } } })).toBe(
    risk,
  );
});

test.each([
  ['net.ipv4.ip_forward', 'connectivity'],
  ['net.ipv4.conf.all.rp_filter', 'connectivity'],
  ['net.ipv4.conf.eth0/1.rp_filter', 'connectivity'],
  ['net.ipv6.conf.all.disable_ipv6', 'connectivity'],
  ['net.ipv6.conf.eth0.accept_ra', 'connectivity'],
  ['net.ipv4.icmp_echo_ignore_all', 'none'],
  ['net.core.somaxconn', 'none'],
  ['vm.swappiness', 'none'],
])('the kernel parameter %s: %s', async (key, risk) => {
  const host: FakeHost = { sysctls: { [key]: '0' }, files: { '/etc/sysctl.d': { kind: 'directory' } } };
  expect(await riskOf(sysctl({ key, value: 1 }), host)).toBe(risk);
});

describe('accounts', () => {
  const host: FakeHost = {
    users: { ada: { uid: 1001, gid: 1001 }, www: { uid: 33, gid: 33 }, root: { uid: 0, gid: 0, home: '/root' } },
    groups: { crew: { gid: 1500, members: ['ada'] }, empty: { gid: 1501 } },
    files: { '/bin/bash': '', '/home': { kind: 'directory' } },
  };
  const cases: [string, Resource, Risk][] = [
    ["a person's shell", user({ name: 'ada', shell: '/bin/bash' }), 'privilege'],
    ["a person's home", user({ name: 'ada', home: '/srv/ada' }), 'privilege'],
    ['a person goes', user({ name: 'ada', state: 'absent' }), 'privilege'],
    ["a person's comment", user({ name: 'ada', comment: 'Ada' }), 'none'],
    ["root's shell", user({ name: 'root', shell: '/bin/bash' }), 'privilege'],
    ["a service's shell", user({ name: 'www', shell: '/bin/bash' }), 'none'],
    ['a new person', user({ name: 'eve' }), 'none'],
    ['a group with members goes', group({ name: 'crew', state: 'absent' }), 'privilege'],
    ['a group without members goes', group({ name: 'empty', state: 'absent' }), 'none'],
  ];
  test.each(cases)('%s', async (_, resource, risk) => {
    expect(await riskOf(resource, host)).toBe(risk);
  });
});

test.each([
  ['/home', 'privilege'],
  ['/home/ada', 'privilege'],
  ['/srv/media', 'none'],
])('a mount on %s: %s', async (path, risk) => {
  const files = { [path]: { kind: 'directory' as const }, '/etc/fstab': '', '/proc/self/mounts': '' };
  expect(await riskOf(mount({ path, source: '/dev/sdb1', type: 'ext4' }), { files })).toBe(risk);
});

test.each([
  ['openssh-server', 'connectivity'],
  ['nftables', 'connectivity'],
  ['nftables:amd64', 'connectivity'],
  ['sudo', 'privilege'],
  ['curl', 'none'],
])('the removal of package %s: %s', async (name, risk) => {
  expect(await riskOf(packages({ name, state: 'absent' }), { packages: { [name]: {} } })).toBe(risk);
});
