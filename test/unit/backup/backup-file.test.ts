import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { KeptEntry, KeptHost, Manifest } from '../../../src/backup/manifest.ts';
import { readBackup } from '../../../src/backup/read-backup.ts';
import { type HostContent, writeBackup } from '../../../src/backup/write-backup.ts';
import { decryptWith, encryptFor, encryptStream, newIdentity, recipientOf } from '../../../src/secrets/age.ts';
import { tarEnd, tarHeader, tarPadding } from '../../../src/shared/tar.ts';

const canary = 'canary-7391-of-a-private-key';
const odd = `/srv/state/it's "odd" $(x)\nünïcode/-n/${'long'.repeat(30)}`;
let folder: string;
let file: string;
let identity: string;
let recipient: string;

beforeAll(async () => {
  identity = await newIdentity();
  recipient = await recipientOf(identity);
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lab-backup-'));
  file = join(folder, 'a.tar.age');
});
afterEach(() => rmSync(folder, { recursive: true }));

function entry(path: string, content: Uint8Array | null): KeptEntry {
  return {
    ...{
      path,
      mode: content === null ? '0700' : '0640',
      owner: 'root',
      group: 'knot',
      target: null,
      modified: 1_795_000_000,
    },
    kind: content === null ? 'directory' : 'file',
    size: content?.length ?? 0,
    sha256: content && createHash('sha256').update(content).digest('hex'),
    above: false,
  };
}

function hostWith(host: string, contents: Readonly<Record<string, Uint8Array>>): HostContent {
  const entries = [entry('/etc/keys', null), ...Object.entries(contents).map(([path, bytes]) => entry(path, bytes))];
  const kept: KeptHost = { address: '192.0.2.1', state: [{ role: 'web', entries }], users: [], groups: [] };
  return { host, kept, contents: new Map(Object.entries(contents)) };
}

const describeHosts = (kept: ReadonlyMap<string, KeptHost>): Manifest => ({
  ...{ kind: 'labwright-backup', version: 1, madeBy: '0.1.0', madeAt: '2026-11-27T01:02:03.000Z', project: 'home' },
  hosts: Object.fromEntries(kept),
  missing: { nas: 'no route to host' },
});

async function* each<Value>(...values: Value[]) {
  yield* values;
}

const large = randomBytes(300_000);
const sample = () =>
  hostWith('vps', {
    '/etc/keys/a.key': Buffer.from(canary),
    '/etc/keys/empty': Buffer.alloc(0),
    '/var/large': large,
    [odd]: Buffer.from('odd'),
  });
const write = (force = false, hosts = [sample()]) =>
  writeBackup({ file, recipients: [recipient], force }, each(...hosts), describeHosts);

it('gives back what was written, byte by byte', async () => {
  await write();
  const { manifest, contents } = await readBackup(file, [identity], ['vps']);
  expect(manifest.hosts.vps).toEqual(sample().kept);
  const { contents: given } = sample();
  expect([...(contents.get('vps') ?? new Map()).keys()]).toEqual([...given.keys()]);
  for (const [path, bytes] of given) expect(contents.get('vps')?.get(path)?.equals(bytes), path).toBe(true);
});

it('is for its owner alone, holds nothing readable, and leaves no other file', async () => {
  await write();
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readFileSync(file).includes(canary)).toBe(false);
  expect(readdirSync(folder)).toEqual(['a.tar.age']);
});

it('is an ordinary tar archive in an ordinary age file', async () => {
  await write();
  const archive = await decryptWith([identity], readFileSync(file), file);
  const listed = execFileSync('tar', ['-tvf', '-', '--quoting-style=literal'], { input: archive }).toString();
  expect(listed).toMatch(/^-rw-r----- root\/knot +28 .* hosts\/vps\/etc\/keys\/a\.key$/m);
  expect(listed).toMatch(/^drwx------ root\/knot +0 .* hosts\/vps\/etc\/keys\/?$/m);
  expect(execFileSync('tar', ['-xOf', '-', `hosts/vps${odd}`], { input: archive }).toString()).toBe('odd');
});

it('never takes the place of a file that is there, unless it is told to', async () => {
  writeFileSync(file, 'mine');
  await expect(write()).rejects.toMatchObject({
    code: 'BACKUP_FILE',
    details: { hint: expect.stringContaining('--force') },
  });
  expect(readFileSync(file, 'utf8')).toBe('mine');
  expect(readdirSync(folder)).toEqual(['a.tar.age']);
  await write(true);
  expect((await readBackup(file, [identity], [])).manifest.project).toBe('home');
});

it('is not written without any host, nor when a host breaks off', async () => {
  await write(false, []);
  expect(readdirSync(folder)).toEqual([]);
  async function* broken(): AsyncGenerator<HostContent> {
    yield sample();
    throw new Error('lost');
  }
  await expect(writeBackup({ file, recipients: [recipient], force: false }, broken(), describeHosts)).rejects.toThrow(
    'lost',
  );
  expect(readdirSync(folder)).toEqual([]);
});

it('cannot be written into a folder that does not exist', async () => {
  const target = { file: join(folder, 'missing', 'a'), recipients: [recipient], force: false };
  await expect(writeBackup(target, each(sample()), describeHosts)).rejects.toMatchObject({
    code: 'BACKUP_FILE',
    details: { found: expect.stringContaining('ENOENT') },
  });
});

describe('is refused', () => {
  const read = () => readBackup(file, [identity], ['vps']);

  it('by somebody whom it is not for, without a word of what is in it', async () => {
    await write();
    const stranger = await newIdentity();
    const error = await readBackup(file, [stranger], []).catch((thrown) => thrown);
    expect(error).toMatchObject({
      code: 'SECRETS_IDENTITY',
      details: { found: `yours: ${await recipientOf(stranger)}` },
    });
    expect(JSON.stringify(error.details)).not.toContain(stranger);
  });

  it('when one byte of it is another one, wherever that is', async () => {
    await write();
    const whole = readFileSync(file);
    const places = [0, 25, 60, 130, 170, 200, 260, 70_000, 200_000, whole.length - 1];
    for (const place of places) {
      const changed = Buffer.from(whole);
      changed[place] = (changed[place] ?? 0) ^ 1;
      writeFileSync(file, changed);
      // A changed line for a recipient looks like one for somebody else.
      await expect(read(), `byte ${place}`).rejects.toMatchObject({
        code: expect.stringMatching(/^(BACKUP_FILE|SECRETS_IDENTITY)$/),
      });
    }
  });

  it.each([0, 10, 100, 200, 65_752, 100_000, -1])('when it ends at byte %i', async (end) => {
    await write();
    writeFileSync(file, readFileSync(file).subarray(0, end));
    await expect(read()).rejects.toMatchObject({ code: 'BACKUP_FILE', message: expect.stringContaining('cut short') });
  });

  it('when there is no such file', async () => {
    await expect(read()).rejects.toMatchObject({
      code: 'BACKUP_FILE',
      details: { found: expect.stringContaining('ENOENT') },
    });
  });

  it.each([
    ['no archive at all', () => Buffer.from('hello'.repeat(300)), /damaged/],
    ['an archive without a list', () => tarEnd, /damaged/],
    ['another version', () => listed({ ...describeHosts(new Map()), version: 2 }), /another version/],
    ['another list', () => listed({ kind: 'something' }), /does not fit/],
    [
      'a path that leads elsewhere',
      () => listed(describeHosts(new Map([['vps', hostWith('vps', { '/etc/../x': Buffer.from('') }).kept]]))),
      /does not fit/,
    ],
    ['a file that is listed and missing', () => listed(describeHosts(new Map([['vps', sample().kept]]))), /damaged/],
    [
      'a file that nobody lists',
      () => Buffer.concat([member('hosts/vps/etc/shadow', 'x'), listed(describeHosts(new Map()))]),
      /damaged/,
    ],
  ])('for %s, encrypted as it should be', async (_, content, message) => {
    const pieces: Uint8Array[] = [];
    for await (const piece of await encryptStream([recipient], each(content()))) pieces.push(piece);
    writeFileSync(file, Buffer.concat(pieces));
    await expect(read()).rejects.toMatchObject({ code: 'BACKUP_FILE', message: expect.stringMatching(message) });
  });

  it('for the secrets of a project', async () => {
    writeFileSync(file, await encryptFor([recipient], Buffer.from('nas: x')));
    await expect(read()).rejects.toMatchObject({ code: 'BACKUP_FILE' });
  });
});

function member(path: string, text: string): Buffer {
  const content = Buffer.from(text);
  return Buffer.concat([
    tarHeader({ path, type: 'file', size: content.length, mode: '0600' }),
    content,
    tarPadding(content.length),
  ]);
}

function listed(manifest: object): Buffer {
  return Buffer.concat([member('manifest.json', JSON.stringify(manifest)), tarEnd]);
}
