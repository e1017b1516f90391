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
