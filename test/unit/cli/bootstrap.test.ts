import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { bootstrap } from '../../../src/cli/bootstrap/bootstrap.ts';
import { cloudConfig } from '../../../src/cli/bootstrap/cloud-init.ts';
import { hostDraft, type Wanted, withPlainHost } from '../../../src/cli/bootstrap/entry.ts';
import { adminName, parseTarget, pathForInventory } from '../../../src/cli/bootstrap/request.ts';
import { resolveInventory } from '../../../src/model/resolve-inventory.ts';
import { saysExpired } from '../../../src/transport/expired-password.ts';
import { project } from '../playbook/project.ts';

describe('the machine', () => {
  it.each([
    ['203.0.113.10', { user: 'root', address: '203.0.113.10', port: 22 }],
    ['debian@vps.example.dev:2222', { user: 'debian', address: 'vps.example.dev', port: 2222 }],
    ['root@[2001:db8::1]:2222', { user: 'root', address: '2001:db8::1', port: 2222 }],
    ['root@2001:db8::1', { user: 'root', address: '2001:db8::1', port: 22 }],
  ])('%s', (text, target) => {
    expect(parseTarget(text)).toEqual(target);
  });

  it.each(['', '-oProxyCommand=id', '-l@host', 'root@host:0', 'root@host:70000', 'two words'])(
    'refuses "%s"',
    (text) => {
      expect(() => parseTarget(text)).toThrow(expect.objectContaining({ code: 'USAGE' }));
    },
  );
});

describe('a host that is in the inventory', () => {
  it('is refused with a login of root, which would be false afterwards, before anybody is asked', async () => {
    const cwd = project({
      'inventory/index.ts': `import { defineInventory } from 'labwright';
export default defineInventory({ ssh: { user: 'root' }, hosts: { vps: { address: '192.0.2.1' } } });
`,
    });
    const inventory = join(cwd, 'inventory/index.ts');
    const options = {
      name: 'vps',
      group: [],
      join: [],
      sshFrom: [],
      key: [],
      upgrade: false,
      firewall: false,
      inventory,
      guardTimeout: 60,
    };
    await expect(bootstrap('root@192.0.2.1', options)).rejects.toMatchObject({
      code: 'USAGE',
      details: { path: ['hosts', 'vps', 'ssh', 'user'], hint: expect.stringContaining('take vps out of hosts') },
    });
  });
});

describe('the admin', () => {
  it('is who is named, who logs in, who is declared, in this order, and never root', () => {
    expect(adminName('ada', 'debian', ['bob'])).toBe('ada');
    expect(adminName(undefined, 'debian', ['bob'])).toBe('debian');
    expect(adminName(undefined, 'root', ['bob'])).toBe('bob');
    expect(() => adminName('root', 'root', [])).toThrow(expect.objectContaining({ code: 'USAGE' }));
    expect(() => adminName('Ada L', 'root', [])).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});

describe('who may log in over SSH from then on', () => {
  const admin = { name: 'ada', keys: ['ssh-ed25519 AAAA ada'] };
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'lab-bootstrap-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const flowsFor = async (address: string, more: Partial<Wanted> = {}) => {
    const file = join(folder, 'index.yml');
    writeFileSync(file, 'networks:\n  home: { prefixes: 192.168.1.0/24 }\n');
    const target = { user: 'root', address, port: 22 };
    const given = { name: 'vps1', groups: [], join: [], sshFrom: [], firewall: true, identityFile: undefined, target };
    const wanted: Wanted = { ...given, ...more };
    const plain = await withPlainHost(file, resolveInventory({ hosts: {} }, { at: undefined }), wanted);
    const { inventory } = await hostDraft(file, plain, wanted, admin);
    return inventory.flows.map(({ from }) => from.map((one) => ('name' in one ? one.name : one.kind)));
  };

  it('is the internet for a public address, its network for one of the inventory', async () => {
    expect(await flowsFor('203.0.113.10')).toEqual([['internet']]);
    expect(await flowsFor('2a01:4f8::10')).toEqual([['internet']]);
    expect(await flowsFor('192.168.1.7')).toEqual([['home']]);
    expect(await flowsFor('vps.example.dev')).toEqual([['internet']]);
  });

  it.each(['10.1.2.3', 'fd77::3'])(
    'is not known for %s, of no network: that is said before anything is done',
    async (address) => {
      await expect(flowsFor(address)).rejects.toMatchObject({
        code: 'USAGE',
        details: { hint: expect.stringMatching(/prefixes: '(10\.1\.2\.0\/24|fd77::\/64)'/) },
      });
      expect(await flowsFor(address, { firewall: false })).toEqual([]);
      expect(await flowsFor(address, { sshFrom: ['home'] })).toEqual([['home']]);
    },
  );
});

it('writes the path of a key as an inventory reads it', () => {
  expect(pathForInventory('/lab/keys/id', '/lab')).toBe('keys/id');
  expect(pathForInventory('/keys/id', '/lab')).toBe('/keys/id');
  expect(pathForInventory('~/.ssh/id', '/lab')).toBe('~/.ssh/id');
  expect(pathForInventory(`${homedir()}/.ssh/id`, '/lab')).toBe('~/.ssh/id');
});

it('knows what a host says whose password has expired', () => {
  expect(saysExpired('Password change required but no TTY available.\n')).toBe(true);
  expect(saysExpired('You are required to change your password immediately (administrator enforced).')).toBe(true);
  expect(saysExpired('Permission denied')).toBe(false);
});

it('gives cloud-init keys as values, whatever they hold', () => {
  const keys = ["ssh-ed25519 AAAA it's: {ada} # $(id)"];
  const text = cloudConfig({ name: 'ada', keys }, { name: 'vps1', upgrade: true });
  expect(text.startsWith('#cloud-config\n')).toBe(true);
  expect(parse(text)).toMatchObject({
    hostname: 'vps1',
    users: [{ name: 'ada', ssh_authorized_keys: keys, lock_passwd: true }],
    disable_root: true,
    ssh_pwauth: false,
    package_upgrade: true,
    write_files: [{ content: expect.stringMatching(/PermitRootLogin no\nPasswordAuthentication no/) }],
  });
});
