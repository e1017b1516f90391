import { mkdtemp, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { parseDocument } from 'yaml';
import { parseCanonical, parseLock } from '../../../src/model/lock-content.ts';
import { hostKeyPolicy, LockFile } from '../../../src/model/lock-file.ts';

const ed25519 = { type: 'ssh-ed25519', base64: 'AAAAC3NzaC1lZDI1NTE5AAAAIJn0' };
const other = { type: 'ssh-ed25519', base64: 'AAAAC3NzaC1lZDI1NTE5AAAAIOth' };
const rsa = { type: 'rsa-sha2-512', base64: 'AAAAB3NzaC1yc2EAAAADAQABAAABgQ==' };
const links = new Map([['vps', 'wg0 wg0b 0123456789abcdef active, wg0c wg0 none staged']]);
const wireguard = 'xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=';

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lab-lock-'));
  file = join(folder, 'lab.lock.yml');
});

describe('a lock file', () => {
  test('that does not exist pins nothing, and is not made without a change', async () => {
    const lock = await LockFile.read(file);
    expect(lock.pinned('nas')).toEqual([]);
    await lock.save();
    expect(await readdir(folder)).toEqual([]);
  });

  test('keeps host keys and WireGuard keys, sorted, and is read back', async () => {
    const lock = await LockFile.read(file);
    lock.pin('vps', ed25519);
    lock.pin('nas', ed25519);
    lock.pin('nas', rsa);
    lock.setWireguard('host', 'nas', { keys: new Map([['wg0', wireguard]]), links });
    expect(lock.changed).toBe(true);
    await lock.save();
    expect(lock.changed).toBe(false);
    expect(
      await readFile(file, 'utf8'),
    ).toBe(`# Public keys that lab has seen, pinned so that a different one is noticed, and where hosts answered last.
# No secrets: commit this file.

version: 1
hosts:
  nas:
    ssh:
      - ${rsa.type} ${rsa.base64}
      - ${ed25519.type} ${ed25519.base64}
    wireguard:
      wg0: ${wireguard}
    links:
      vps: wg0 wg0b 0123456789abcdef active, wg0c wg0 none staged
  vps:
    ssh:
      - ${ed25519.type} ${ed25519.base64}
`);
    const again = await LockFile.read(file);
    expect(again.pinned('nas')).toEqual([rsa, ed25519]);
    expect(again.wireguard('host', 'nas')).toEqual({ keys: new Map([['wg0', wireguard]]), links });
    expect(again.wireguard('host', 'vps').keys.size).toBe(0);
  });

  test.each([
    [{ user: 'root', address: '10.77.1.10', port: 22 }, 'endpoint: root@10.77.1.10:22'],
    [{ address: 'nas.example', port: 2222 }, 'endpoint: nas.example:2222'],
    [{ user: 'root', address: 'fd00::2', port: 22 }, 'endpoint: root@[fd00::2]:22'],
    [{ address: 'fd00::2', port: 22 }, 'endpoint: "[fd00::2]:22"'],
    [{ user: 'ada@home.arpa', address: '10.77.1.10', port: 22 }, 'endpoint: ada@home.arpa@10.77.1.10:22'],
    [{ user: '#1 & only', address: '10.77.1.10', port: 22 }, 'endpoint: "#1 & only@10.77.1.10:22"'],
  ])('keeps where a host answered last: %j', async (endpoint, text) => {
    const lock = await LockFile.read(file);
    lock.pin('nas', ed25519);
    lock.setEndpoint('nas', { user: 'before', address: '10.77.1.9', port: 22 });
    lock.setEndpoint('nas', endpoint);
    lock.setEndpoint('vps', endpoint);
    await lock.save();
    expect(await readFile(file, 'utf8')).toContain(`    ${text}\n  vps:\n    ${text}\n`);
    const again = await LockFile.read(file);
    expect(again.endpoint('nas')).toEqual(endpoint);
    expect(again.endpoint('vps')).toEqual(endpoint);
    expect(again.pinned('nas')).toEqual([ed25519]);
    again.setEndpoint('nas', { ...endpoint });
    expect(again.changed).toBe(false);
    again.unpin('nas');
    expect(again.endpoint('nas')).toEqual(endpoint);
  });

  test('that gives a part of a host twice is left to the YAML parser, which refuses it', () => {
    const text = (...parts: string[]) => `version: 1\nhosts:\n  nas:\n${parts.map((part) => `    ${part}\n`).join('')}`;
    const ssh = `ssh:\n      - ssh-ed25519 ${ed25519.base64}`;
    expect(parseCanonical(text('endpoint: nas:22', ssh))?.hosts.get('nas')?.endpoint).toEqual({
      address: 'nas',
      port: 22,
    });
    for (const twice of [text('endpoint: nas:22', 'endpoint: nas:22'), text(ssh, 'endpoint: nas:22', ssh)]) {
      expect(parseCanonical(twice)).toBeUndefined();
      expect(() => parseLock(parseDocument(twice), file)).toThrow(/no YAML/);
    }
  });

  test('reads what it wrote without a YAML parser, and means the same', async () => {
    const lock = await LockFile.read(file);
    for (const host of ['nas', 'node1', 'vps']) lock.pin(host, ed25519);
    lock.setWireguard('host', 'vps', { keys: new Map([['wg0', wireguard]]), links: new Map() });
    lock.setAssigned('host', 'vps', 'vpn', ['10.80.0.2', 'fd80::2']);
    lock.setAssigned('device', 'phone', 'vpn', ['10.80.0.3', 'fd80::3']);
    lock.setAssigned('device', 'laptop', 'vpn', ['10.80.0.4']);
    for (const host of ['nas', 'vps']) lock.setEndpoint(host, { user: 'root', address: '10.77.1.10', port: 22 });
    await lock.save();
    const text = await readFile(file, 'utf8');
    const canonical = parseCanonical(text);
    expect(canonical?.hosts.size).toBe(3);
    expect([...(canonical?.devices.keys() ?? [])]).toEqual(['laptop', 'phone']);
    expect(canonical).toEqual(parseLock(parseDocument(text), file));
  });

  test('keeps the key pairs of devices, and is as before when the last one is forgotten', async () => {
    const lock = await LockFile.read(file);
    lock.pin('nas', ed25519);
    await lock.save();
    const before = await readFile(file, 'utf8');
    lock.setWireguard('device', 'phone', { keys: new Map([['device2', wireguard]]), links: new Map() });
    await lock.save();
    const text = await readFile(file, 'utf8');
    expect(text).toContain(`\ndevices:\n  phone:\n    wireguard:\n      device2: ${wireguard}\n`);
    expect(parseCanonical(text)).toEqual(parseLock(parseDocument(text), file));
    const again = await LockFile.read(file);
    expect(again.wireguard('device', 'phone').keys).toEqual(new Map([['device2', wireguard]]));
    again.setWireguard('device', 'phone', { keys: new Map(), links: new Map() });
    await again.save();
    expect(await readFile(file, 'utf8')).toBe(before);
  });

  test('keeps the addresses that were assigned to hosts and devices', async () => {
    const lock = await LockFile.read(file);
    lock.setAssigned('device', 'phone', 'vpn', ['10.80.0.2', 'fd80::2']);
    await lock.save();
    const onlyDevices = await readFile(file, 'utf8');
    expect(onlyDevices).toMatch(/\nhosts: \{\}\ndevices:\n {2}phone:\n {4}addresses:\n/);
    expect(parseCanonical(onlyDevices)).toEqual(parseLock(parseDocument(onlyDevices), file));
    lock.setAssigned('host', 'nas', 'vpn', ['10.80.0.3', 'fd80::3']);
    lock.setAssigned('host', 'nas', 'backup', ['10.81.0.1']);
    lock.pin('nas', ed25519);
    await lock.save();
    expect(await readFile(file, 'utf8')).toContain(`
hosts:
  nas:
    addresses:
      vpn: [ 10.80.0.3, fd80::3 ]
      backup: [ 10.81.0.1 ]
    ssh:
      - ${ed25519.type} ${ed25519.base64}
devices:
  phone:
    addresses:
      vpn: [ 10.80.0.2, fd80::2 ]
`);
    const again = await LockFile.read(file);
    expect(again.assigned('host', 'nas', 'vpn')).toEqual(['10.80.0.3', 'fd80::3']);
    expect(again.assigned('device', 'phone', 'vpn')).toEqual(['10.80.0.2', 'fd80::2']);
    expect(again.assigned('device', 'nas', 'vpn')).toEqual([]);
    expect(again.assigned('host', 'nas', 'home')).toEqual([]);
    again.setAssigned('device', 'phone', 'vpn', ['10.80.0.2', 'fd80::2']);
    expect(again.changed).toBe(false);
  });

  test.each([
    'hosts:\ndevices:\n',
    'hosts: {}\ndevices:\n  phone:\n',
    'hosts:\n  nas:\ndevices:\n  phone:\n    addresses:\n',
    'hosts:\n  nas:\n    addresses:\n',
  ])('from which a person took the last line of a map can be added to: %j', async (rest) => {
    await writeFile(file, `version: 1\n${rest}`);
    const lock = await LockFile.read(file);
    lock.setAssigned('host', 'nas', 'vpn', ['10.80.0.3']);
    lock.setAssigned('device', 'phone', 'vpn', ['10.80.0.2']);
    await lock.save();
    const again = await LockFile.read(file);
    expect(again.assigned('host', 'nas', 'vpn')).toEqual(['10.80.0.3']);
    expect(again.assigned('device', 'phone', 'vpn')).toEqual(['10.80.0.2']);
  });

  test.each([
    ['a host below "hosts: {}"', 'hosts: {}\n  nas:\n    endpoint: nas:22\n'],
    ['a network twice', 'hosts:\n  nas:\n    addresses:\n      vpn: [ 10.80.0.3 ]\n      vpn: [ 10.80.0.4 ]\n'],
    ['a part of hosts at a device', 'hosts: {}\ndevices:\n  phone:\n    endpoint: nas:22\n'],
    ['devices twice', 'hosts: {}\ndevices:\n  phone:\ndevices:\n  laptop:\n'],
    ['an address in another form', 'hosts:\n  nas:\n    addresses:\n      vpn: [ fd80:0::3 ]\n'],
  ])('with %s is left to the YAML parser', (_, text) => {
    expect(parseCanonical(`version: 1\n${text}`)).toBeUndefined();
  });

  test('means the same address in whatever form it is written', async () => {
    await writeFile(file, 'version: 1\nhosts:\n  nas:\n    addresses:\n      vpn:\n        - FD80:0::3\n');
    const lock = await LockFile.read(file);
    expect(lock.assigned('host', 'nas', 'vpn')).toEqual(['fd80::3']);
  });

  test('keeps comments and what another process pinned meanwhile', async () => {
    await writeFile(
      file,
      `# ours\nversion: 1\nhosts:\n  # in the cellar\n  nas:\n    ssh:\n      - ssh-ed25519 ${other.base64} # 2025\n`,
    );
    const mine = await LockFile.read(file);
    const theirs = await LockFile.read(file);
    theirs.pin('node1', ed25519);
    await theirs.save();
    mine.pin('vps', ed25519);
    await mine.save();
    const text = await readFile(file, 'utf8');
    expect(text).toContain('# ours');
    expect(text).toContain('# in the cellar');
    expect(text).toContain('# 2025');
    const lock = await LockFile.read(file);
    expect(lock.pinned('nas')).toEqual([other]);
    expect(lock.pinned('node1')).toEqual([ed25519]);
    expect(lock.pinned('vps')).toEqual([ed25519]);
  });

  test('replaces a key of the same type, and forgets a host', async () => {
    const lock = await LockFile.read(file);
    lock.pin('nas', ed25519);
    lock.pin('vps', ed25519);
    lock.pin('nas', other);
    lock.unpin('vps');
    await lock.save();
    const again = await LockFile.read(file);
    expect(again.pinned('nas')).toEqual([other]);
    expect(again.pinned('vps')).toEqual([]);
    expect(await readFile(file, 'utf8')).not.toContain('vps');
  });

  test('saves of the same moment all arrive', async () => {
    const lock = await LockFile.read(file);
    await Promise.all(
      Array.from({ length: 10 }, (_, index) => {
        lock.pin(`node${index}`, ed25519);
        return lock.save();
      }),
    );
    const again = await LockFile.read(file);
    for (let index = 0; index < 10; index++) expect(again.pinned(`node${index}`)).toEqual([ed25519]);
    expect(await readdir(folder)).toEqual(['lab.lock.yml']);
  });

  test('writes nothing when a pin is known already', async () => {
    const lock = await LockFile.read(file);
    lock.pin('nas', ed25519);
    await lock.save();
    const { mtimeMs } = await stat(file);
    const again = await LockFile.read(file);
    again.pin('nas', ed25519);
    expect(again.changed).toBe(false);
    await again.save();
    expect((await stat(file)).mtimeMs).toBe(mtimeMs);
  });

  test.each([
    ['no YAML', 'version: 1\nhosts:\n  nas: [', /no YAML/],
    ['a merge conflict', 'version: 1\nhosts:\n<<<<<<< HEAD\n  nas:\n    ssh: []\n=======\n', /no YAML|no entries/],
    ['another version', 'version: 2\nhosts: {}\n', /version 1/],
    ['a key that is none', 'version: 1\nhosts:\n  nas:\n    ssh: ["not a key at all"]\n', /"nas"/],
    ['an endpoint that is none', 'version: 1\nhosts:\n  nas:\n    endpoint: nas\n', /"nas" has an endpoint/],
    ['an endpoint that is a list', 'version: 1\nhosts:\n  nas:\n    endpoint: [nas]\n', /"nas" has an endpoint/],
    [
      'an address that is none',
      'version: 1\nhosts:\n  nas:\n    addresses: { vpn: [10.80.0.300] }\n',
      /hosts\.nas\.addr/,
    ],
    [
      'an address that is no list',
      'version: 1\ndevices:\n  a:\n    addresses: { vpn: 10.80.0.3 }\n',
      /devices\.a\.addr/,
    ],
    ['a WireGuard key that is none', 'version: 1\nhosts:\n  nas:\n    wireguard: { wg0: short }\n', /WireGuard/],
  ])('with %s is refused, naming the file', async (_, text, message) => {
    await writeFile(file, text);
    await expect(LockFile.read(file)).rejects.toMatchObject({
      code: 'LOCK_FILE',
      message: expect.stringMatching(message),
      details: { at: { file } },
    });
  });
});

test('a first contact that is accepted is pinned at once, one that is refused is not', async () => {
  const lock = await LockFile.read(file);
  const asked: string[] = [];
  const policy = hostKeyPolicy(lock, (host, _, fingerprint) => {
    asked.push(`${host} ${fingerprint}`);
    return Promise.resolve(host === 'nas');
  });
  expect(await policy.firstContact('nas', ed25519, 'SHA256:abc')).toBe(true);
  expect(await policy.firstContact('vps', ed25519, 'SHA256:def')).toBe(false);
  expect(asked).toEqual(['nas SHA256:abc', 'vps SHA256:def']);
  const again = await LockFile.read(file);
  expect(again.pinned('nas')).toEqual([ed25519]);
  expect(again.pinned('vps')).toEqual([]);
});
