import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { tryCommand } from '../../src/sandbox/docker.ts';
import { fingerprint } from '../../src/transport/known-hosts.ts';
import { type StartedHost, startHost } from '../support/host.ts';
import { type LabProject, labProject } from '../support/lab-project.ts';

// From a bare machine to a host of the inventory, as a person does it; looked at from outside with ssh and past it.

vi.setConfig({ testTimeout: 240_000 });

const before = `import { defineInventory } from 'labwright';

export default defineInventory({
  networks: { office: { prefixes: '172.16.0.0/12' } },
  groups: { gateways: {} },
  hosts: {
    nas: { address: '192.0.2.20' }, // at home
    // more to come
  },
});
`;
let host: StartedHost;
let project: LabProject;
const sshLogin = async (user: string, ...options: string[]) =>
  (
    await tryCommand([
      'ssh',
      '-F',
      'none',
      '-i',
      host.identityFile,
      '-o',
      `UserKnownHostsFile=${host.knownHostsFile}`,
      '-o',
      'BatchMode=yes',
      ...options,
      `${user}@${host.address}`,
      'sudo -n id -u || id -u',
    ])
  ).stdout.trim();
const said = async (...args: string[]) => {
  const { exitCode, stdout, stderr } = await project.lab(['bootstrap', ...args], { env: { LAB_SSH_PASSWORD: '' } });
  return { exitCode, said: stdout + stderr };
};

beforeAll(async () => {
  host = await startHost({ packages: ['nftables', 'sudo'] });
  project = labProject({ 'inventory/index.ts': before });
}, 240_000);
afterAll(async () => {
  project?.remove();
  await host?.remove();
});

describe('a machine that lets root in with a key', () => {
  const ask = (...more: string[]) =>
    said(
      `root@${host.address}`,
      '--name',
      'vps1',
      '--group',
      'gateways',
      '--admin',
      'ada',
      '--identity',
      host.identityFile,
      '--no-upgrade',
      ...more,
    );

  it('is not touched when its key is not the one of the console, or nobody can be asked', async () => {
    expect(await ask()).toMatchObject({ exitCode: 3, said: expect.stringContaining('HOST_KEY_UNKNOWN') });
    const { exitCode, said } = await ask('--fingerprint', 'SHA256:wrong');
    expect({ exitCode, said }).toMatchObject({ exitCode: 3, said: expect.stringContaining('HOST_KEY_CHANGED') });
    expect(said).toContain('SHA256:wrong');
    expect(await host.sh('id ada 2>&1 || true')).toContain('no such user');
    expect(readFileSync(`${project.root}/inventory/index.ts`, 'utf8')).toBe(before);
  });

  it('gets an admin, loses the login of root, and is in the inventory with comments kept', async () => {
    const key = host.hostKeys.find(({ type }) => type === 'ssh-ed25519');
    const result = await ask('--fingerprint', fingerprint(key as never));
    expect(result).toMatchObject({ exitCode: 0 });
    expect(result.said).toContain('npx lab run site.ts --limit vps1 --check --diff');
    expect(await sshLogin('ada')).toBe('0');
    expect(await sshLogin('root')).toBe('');
    const { stderr } = await tryCommand([
      'ssh',
      '-F',
      'none',
      '-o',
      `UserKnownHostsFile=${host.knownHostsFile}`,
      '-o',
      'PubkeyAuthentication=no',
      '-o',
      'BatchMode=yes',
      `ada@${host.address}`,
      'true',
    ]);
    expect(stderr).toMatch(/Permission denied \(publickey\)/);
    const after = readFileSync(`${project.root}/inventory/index.ts`, 'utf8');
    for (const line of before.split('\n')) expect(after).toContain(line);
    expect(after).toContain('vps1: {');
    expect(await host.sh('nft list table inet lab | grep -c administration')).not.toBe('0\n');
  });

  it('can be asked for again', async () => {
    const text = readFileSync(`${project.root}/inventory/index.ts`, 'utf8');
    const result = await ask();
    expect(result).toMatchObject({ exitCode: 0, said: expect.stringContaining('0 changed') });
    expect(readFileSync(`${project.root}/inventory/index.ts`, 'utf8')).toBe(text);
  });
});

describe('a machine that a provider hands over with a password', () => {
  const [today, tomorrow] = ["to'day $(id) \u00fc", 'Kj7-brass-Lantern'];
  let fresh: StartedHost;
  let yaml: LabProject;
  beforeAll(async () => {
    fresh = await startHost({ packages: ['nftables', 'sudo'], rootPassword: today });
    // No key of anybody, and the password has to be changed at the first login.
    await fresh.sh('rm /root/.ssh/authorized_keys; chage -d 0 root');
    yaml = labProject({
      'inventory/index.yml': '# The homelab\nhosts:\n  nas: # at home\n    address: 192.0.2.20\n',
    });
  }, 240_000);
  afterAll(async () => {
    yaml?.remove();
    await fresh?.remove();
  });
  const ask = async (env: Record<string, string>) => {
    const { exitCode, stdout, stderr } = await yaml.lab(
      [
        'bootstrap',
        fresh.address,
        '--name',
        'vps1',
        '--admin',
        'ada',
        '--identity',
        fresh.identityFile,
        '--accept-new-host-key',
        '--no-upgrade',
        '--no-firewall',
      ],
      { env },
    );
    return { exitCode, said: stdout + stderr };
  };

  it('says which passwords it needs, and shows none', async () => {
    expect(await ask({})).toMatchObject({ exitCode: 3, said: expect.stringContaining('LAB_SSH_PASSWORD') });
    const { exitCode, said } = await ask({ LAB_SSH_PASSWORD: today });
    expect({ exitCode, said }).toMatchObject({ exitCode: 3, said: expect.stringContaining('LAB_NEW_PASSWORD') });
    const weak = await ask({ LAB_SSH_PASSWORD: today, LAB_NEW_PASSWORD: 'a' });
    expect(weak).toMatchObject({ exitCode: 3, said: expect.stringMatching(/did not take the new password/) });
    for (const secret of [today, tomorrow]) expect(said).not.toContain(secret);
    expect(yaml.read('inventory/index.yml')).not.toContain('vps1');
  });

  it('changes the one that has expired, and goes on with the new one', async () => {
    const { exitCode, said } = await ask({ LAB_SSH_PASSWORD: today, LAB_NEW_PASSWORD: tomorrow });
    expect({ exitCode, said }).toMatchObject({ exitCode: 0 });
    for (const secret of [today, tomorrow]) expect(said).not.toContain(secret);
    expect(
      await fresh.sh(
        'sshd -T -C user=root,host=x,addr=1.2.3.4 | grep -E "^(permitrootlogin|passwordauthentication) " | sort',
      ),
    ).toBe('passwordauthentication no\npermitrootlogin no\n');
    expect(await fresh.sh('runuser -u ada -- sudo -n id -u')).toBe('0\n');
    expect(yaml.read('inventory/index.yml')).toMatch(
      /^# The homelab\nhosts:\n {2}nas: # at home\n {4}address: 192.0.2.20\n {2}vps1:\n/,
    );
    // In no file and no argument of a process.
    const { stdout } = await fresh.exec(['grep', '-rlF', tomorrow, '/etc', '/var', '/root', '/home', '/run']);
    expect(stdout).toBe('');
  });
});

describe('a machine whose image has a user of its own', () => {
  let fresh: StartedHost;
  let own: LabProject;
  beforeAll(async () => {
    fresh = await startHost({ packages: ['nftables', 'sudo'], user: { name: 'debian', sudo: 'none' } });
    own = labProject({ 'inventory/index.yml': 'hosts: {}\n' });
  }, 240_000);
  afterAll(async () => {
    own?.remove();
    await fresh?.remove();
  });
  const ask = async () => {
    const { exitCode, stdout, stderr } = await own.lab([
      'bootstrap',
      `debian@${fresh.address}`,
      '--name',
      'vps1',
      '--identity',
      fresh.identityFile,
      '--accept-new-host-key',
      '--no-upgrade',
      '--no-firewall',
    ]);
    return { exitCode, said: stdout + stderr };
  };

  it('cannot be managed by whoever may not become root', async () => {
    expect(await ask()).toMatchObject({
      exitCode: 3,
      said: expect.stringContaining('or bootstrap as root instead of debian'),
    });
    expect(own.read('inventory/index.yml')).toBe('hosts: {}\n');
  });

  it('waits for cloud-init, and makes that user the admin', async () => {
    await fresh.sh(`echo 'debian ALL=(ALL:ALL) NOPASSWD: ALL' >/etc/sudoers.d/90-cloud; chmod 440 /etc/sudoers.d/90-cloud
      cat >/usr/local/bin/cloud-init <<'SH'
#!/bin/sh
[ "$2" = --wait ] || { [ -e /run/cloud-done ] && echo status: done || echo status: running; exit; }
until [ -e /run/cloud-done ]; do sleep 0.2; done
SH
      chmod 755 /usr/local/bin/cloud-init; systemd-run -q --on-active=8 touch /run/cloud-done`);
    const { exitCode, said } = await ask();
    expect({ exitCode, said }).toMatchObject({ exitCode: 0, said: expect.stringContaining('cloud-init is at work') });
    expect(await fresh.sh('test -e /run/cloud-done; sshd -T | grep ^permitrootlogin')).toBe('permitrootlogin no\n');
    expect(own.read('inventory/index.yml')).toContain('user: debian');
  });
});
