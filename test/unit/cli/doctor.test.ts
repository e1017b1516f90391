import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { lookFindings, parseLook } from '../../../src/cli/doctor/host.ts';
import { agentFinding, nodeFinding } from '../../../src/cli/doctor/programs.ts';
import { project } from '../playbook/project.ts';

const lookAt = (lines: readonly string[], isInTunnel = false) =>
  lookFindings(parseLook(lines.map((line) => `${line.replace(' ', '\t')}\n`).join('')), isInTunnel).map(({ id }) => id);

it.each([
  ['a host that is well', ['space / 900000 9000000', 'inodes / 90000 900000', 'wireguard kernel', 'nft yes'], []],
  ['a small file system with room', ['space /boot/efi 3000 5000'], []],
  ['a small one that is full', ['space /boot/efi 100 5000'], ['disk-full']],
  ['ufw alone', ['nft yes', 'firewall ufw'], []],
  ['our own table alone', ['nft yes', 'firewall lab-nftables', 'firewall nftables'], []],
  ['ufw beside our own table', ['nft yes', 'firewall ufw', 'firewall lab-nftables'], ['two-firewalls']],
  ['iptables-legacy beside nftables', ['nft yes', 'firewall iptables-legacy'], ['iptables-legacy']],
  ['iptables-legacy alone', ['firewall iptables-legacy'], []],
])('%s', (_, lines, expected) => {
  expect(lookAt(lines)).toEqual(expected);
});

it('asks for WireGuard only of hosts in a tunnel', () => {
  expect(lookAt(['wireguard none'])).toEqual([]);
  expect(lookAt(['wireguard none'], true)).toEqual(['no-wireguard']);
  expect(lookAt(['wireguard no-tun'], true)).toEqual(['no-tun']);
  expect(lookAt(['wireguard go'], true)).toEqual([]);
});

it.each([
  ['18.20.4', 'node-old'],
  ['20.18.0', 'node-old'],
  ['20.19.0', 'node'],
  ['22.1.0', 'node'],
])('Node %s', (version, id) => {
  expect(nodeFinding(version).id).toBe(id);
});

it('knows an agent that nobody answers for', async () => {
  expect(await agentFinding('/nowhere/agent.sock')).toMatchObject({ id: 'agent-dead', level: 'warning' });
  expect(await agentFinding(undefined)).toMatchObject({ level: 'good' });
});

// 124 is what timeout(1) ends with when it had to stop a program.
it.each([
  ['is slow', 124, false],
  ['is well', 0, false],
  ['refuses', 100, true],
])('tells of an apt that is broken, when it %s', (_, exitCode, isTold) => {
  const folder = project({ 'apt-get': '#!/bin/sh\n', dpkg: '#!/bin/sh\n', timeout: `#!/bin/sh\nexit ${exitCode}\n` });
  for (const name of ['apt-get', 'dpkg', 'timeout']) chmodSync(join(folder, name), 0o755);
  const input = readFileSync(new URL('../../../src/cli/doctor/look.sh', import.meta.url));
  const env = { ...process.env, PATH: `${folder}:${process.env.PATH}` };
  const said = execFileSync('sh', ['-s'], { input, env, encoding: 'utf8', stdio: ['pipe', 'pipe', 'ignore'] });
  expect(said.includes('apt-broken')).toBe(isTold);
});
