import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Reach, reachHosts } from '../../../src/cli/endpoints.ts';
import type { ConnectionInput, HostInput } from '../../../src/model/input.ts';
import { resolveInventory } from '../../../src/model/resolve-inventory.ts';
import type { Host } from '../../../src/model/types.ts';
import { formatError, type LabError } from '../../../src/shared/errors.ts';
import type { HostKey } from '../../../src/transport/contract.ts';
import { collect } from '../../../src/transport/index.ts';
import { freePort, Sshd } from './sshd.ts';

// A host whose port, user or address changes, as a command reaches it: with a lock file, on a real sshd.

let root: string;
let sshd: Sshd;
let stranger: Sshd;
beforeAll(async () => {
  [sshd, stranger] = await Promise.all([Sshd.start(['ListenAddress 127.0.0.2']), Sshd.start()]);
});
afterAll(() => Promise.all([sshd, stranger].map((each) => each[Symbol.asyncDispose]())));
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'lab-endpoints-'));
  mkdirSync(join(root, 'inventory'));
  for (const each of [sshd, stranger]) each.knownHosts([]);
});
afterEach(() => rmSync(root, { recursive: true }));

const lock = () => (existsSync(lockPath()) ? readFileSync(lockPath(), 'utf8') : '');
const lockPath = () => join(root, 'inventory/lab.lock.yml');
const text = ({ type, base64 }: HostKey) => `${type} ${base64}`;
const listed = (at: string, port: number, from = sshd) => from.knownHosts([`[${at}]:${port} ${text(from.hostKey())}`]);

function pin(key: HostKey, endpoint?: string): void {
  const last = endpoint === undefined ? '' : `    endpoint: ${endpoint}\n`;
  writeFileSync(lockPath(), `version: 1\nhosts:\n  nas:\n    ssh:\n      - ${text(key)}\n${last}`);
}

/** `nas` as an inventory of this moment declares it, and how a new process reaches it. */
async function declare(ssh: ConnectionInput, more: HostInput = {}): Promise<{ reach: Reach; nas: Host }> {
  const { transport: _, become: __, ...settings } = sshd.settings();
  const input = { hosts: { nas: { ...more, ssh: { ...settings, ...ssh } } } };
  const inventory = resolveInventory(input, { at: { file: join(root, 'inventory/index.yml') } });
  const reach = await reachHosts(inventory, join(root, 'site.ts'), { accept: false });
  return { reach, nas: inventory.hosts.get('nas') as Host };
}

/** Logs in and out again; which port, user and address it was. */
async function visit(reach: Reach, host: Host, which: 'declared' | 'any') {
  const { connection, settings, fellBack } = await reach(host, which);
  await using open = connection;
  expect((await collect(await open.start(['true']))).code).toBe(0);
  return { fellBack, address: settings.address, port: settings.port, user: settings.user, become: settings.become };
}

async function failure(attempt: Promise<unknown>): Promise<LabError> {
  return attempt.then(
    () => Promise.reject(new Error('it was reached')),
    (error) => error as LabError,
  );
}

/** Lets an sshd of its own listen somewhere else from now on. */
async function movable() {
  const here = await Sshd.start();
  writeFileSync(here.path('authorized_keys'), readFileSync(sshd.path('id.pub')));
  return Object.assign(here, {
    async moveTo(port: number) {
      writeFileSync(
        here.path('config'),
        readFileSync(here.path('config'), 'utf8').replace(/^Port .*/m, `Port ${port}`),
      );
      await here.restart();
    },
  });
}

describe.each(['ssh', 'openssh'] as const)('%s', (transport) => {
  test('a port that has moved: known by its name, found where it was, confirmed where it is', async () => {
    await using box = await movable();
    const after = await freePort();
    const configFile = box.path('ssh_config');
    listed('127.0.0.1', box.port, box);
    const fallback = [{ port: box.port }];
    const { reach, nas } = await declare({ transport, configFile, port: after, fallback });

    expect(await failure(reach(nas, 'declared'))).toMatchObject({ code: 'UNREACHABLE' });
    expect(await visit(reach, nas, 'any')).toMatchObject({ fellBack: true, port: box.port });
    expect(lock()).toContain(`  nas:\n    ssh:\n      - ${text(box.hostKey())}\n`);
    expect(lock()).toContain(`    endpoint: ${sshd.user}@127.0.0.1:${box.port}\n`);

    await box.moveTo(after);
    expect(await visit(reach, nas, 'declared')).toMatchObject({ fellBack: false, port: after });
    expect(await visit(reach, nas, 'any')).toMatchObject({ fellBack: false, port: after });
    expect(lock()).toContain(`    endpoint: ${sshd.user}@127.0.0.1:${after}\n`);
    expect(lock().match(/endpoint/g)).toHaveLength(1);

    // Without what was seen before, nothing vouches for the new port.
    writeFileSync(lockPath(), '');
    const fresh = await declare({ transport, configFile, port: after });
    expect(await failure(fresh.reach(fresh.nas, 'any'))).toMatchObject({ code: 'HOST_KEY_UNKNOWN' });
  });

  test('where it answered last is tried when the inventory has no fallback', async () => {
    pin(sshd.hostKey());
    const before = await declare({ transport });
    await visit(before.reach, before.nas, 'any');
    const { reach, nas } = await declare({ transport, port: await freePort() });
    expect(await visit(reach, nas, 'any')).toMatchObject({ fellBack: true, port: sshd.port, user: sshd.user });
    expect(await failure(reach(nas, 'declared'))).toMatchObject({ code: 'UNREACHABLE', details: { host: 'nas' } });
  });

  test('a user who has changed: a refused login goes on, and becomes root as that user does', async () => {
    pin(sshd.hostKey());
    const { reach, nas } = await declare({ transport, user: 'not-there-yet', fallback: [{ user: sshd.user }] });
    expect(await failure(reach(nas, 'declared'))).toMatchObject({ code: 'AUTH_FAILED' });
    expect(await visit(reach, nas, 'any')).toMatchObject({
      fellBack: true,
      user: sshd.user,
      become: sshd.user === 'root' ? 'none' : 'sudo',
    });
    expect(lock()).toContain(`endpoint: ${sshd.user}@127.0.0.1:${sshd.port}\n`);
  });

  test('an address that has changed', async () => {
    listed('127.0.0.2', sshd.port);
    const moved = { transport, fallback: [{ address: '127.0.0.2' }] };
    const { reach, nas } = await declare({ ...moved, address: '127.0.0.9' });
    expect(await visit(reach, nas, 'any')).toMatchObject({ fellBack: true, address: '127.0.0.2' });
    const later = await declare({ ...moved, address: '127.0.0.1' });
    expect(await visit(later.reach, later.nas, 'declared')).toMatchObject({ fellBack: false, address: '127.0.0.1' });
  });

  test('a fallback that presents another key is refused, and nothing is tried after it', async () => {
    pin(sshd.hostKey());
    const fallback = [{ port: stranger.port }, { port: sshd.port }];
    const { reach, nas } = await declare({ transport, port: await freePort(), fallback });
    expect(await failure(reach(nas, 'any'))).toMatchObject({
      code: 'HOST_KEY_CHANGED',
      message: expect.stringContaining(`127.0.0.1:${stranger.port}`),
      details: { others: [{ code: 'UNREACHABLE' }] },
    });
    expect(lock()).not.toContain('endpoint');
  });

  test('another machine at the new port of a host that known_hosts vouched for is refused', async () => {
    listed('127.0.0.1', sshd.port);
    const { reach, nas } = await declare({ transport, fallback: [{ port: stranger.port }] });
    await visit(reach, nas, 'any');
    const later = await declare({ transport, port: await freePort(), fallback: [{ port: stranger.port }] });
    expect(await failure(later.reach(later.nas, 'any'))).toMatchObject({ code: 'HOST_KEY_CHANGED' });
  });

  test('when all fail, the error is that of the declared one and lists the others', async () => {
    const [declared, gone, last] = await Promise.all([freePort(), freePort(), freePort()]);
    pin(sshd.hostKey(), `ada@127.0.0.1:${last}`);
    const fallback = [{ port: gone }, { port: sshd.port, user: 'nobody-here' }, { port: declared }];
    const error = await failure(
      declare({ transport, port: declared, fallback }).then(({ reach, nas }) => reach(nas, 'any')),
    );
    expect(error).toMatchObject({
      code: 'UNREACHABLE',
      message: `127.0.0.1:${declared} refuses the connection`,
      details: {
        host: 'nas',
        others: [
          { code: 'UNREACHABLE', message: `127.0.0.1:${gone} refuses the connection` },
          { code: 'AUTH_FAILED', message: `cannot log in as nobody-here@127.0.0.1:${sshd.port}` },
          { code: 'UNREACHABLE', message: `127.0.0.1:${last} refuses the connection` },
        ],
      },
    });
    expect(error.details.others).toHaveLength(3); // the third fallback is the declared one again
    for (const port of [declared, gone, sshd.port, last]) expect(formatError(error)).toContain(`127.0.0.1:${port}`);
    expect(lock()).toContain(`endpoint: ada@127.0.0.1:${last}`);
  });

  test('after a refused connection and a silent one comes the next', async () => {
    pin(sshd.hostKey());
    let tried = 0;
    const silent = createServer(() => tried++).listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    const { port } = silent.address() as { port: number };
    const fallback = [{ port }, { port: sshd.port }];
    const { reach, nas } = await declare({ transport, port: await freePort(), fallback, connectTimeoutSeconds: 2 });
    expect(await visit(reach, nas, 'any')).toMatchObject({ fellBack: true, port: sshd.port });
    expect(tried).toBe(1);
    silent.close();
  });

  test('every attempt is a new connection', async () => {
    pin(sshd.hostKey());
    const { reach, nas } = await declare({ transport });
    // Those of the test before may still be ending.
    await expect.poll(() => sshd.sessionPids()).toEqual([]);
    const all = await Promise.all([reach(nas, 'any'), reach(nas, 'declared'), reach(nas, 'declared')]);
    await expect.poll(() => sshd.sessionPids()).toHaveLength(3);
    await Promise.all(all.map(({ connection }) => connection[Symbol.asyncDispose]()));
  });

  test('an alias of ~/.ssh/config is remembered as what it means, and stays an alias to log in', async () => {
    pin(sshd.hostKey());
    const configFile = join(root, 'ssh_config');
    const stanza = (port: number) => [
      'Host cellar',
      ' HostName 127.0.0.2',
      ` Port ${port}`,
      ` IdentityFile ${sshd.path('id')}`,
    ];
    const alias = { transport, address: 'cellar', port: undefined, identityFile: undefined, configFile };
    writeFileSync(configFile, sshd.clientConfig(...stanza(sshd.port)));
    const before = await declare(alias);
    await visit(before.reach, before.nas, 'any');
    expect(lock()).toContain(`endpoint: ${sshd.user}@127.0.0.2:${sshd.port}\n`);
    // The key to log in with is known by the alias only.
    writeFileSync(configFile, sshd.clientConfig(...stanza(await freePort())));
    const { reach, nas } = await declare(alias);
    expect(await visit(reach, nas, 'any')).toMatchObject({ fellBack: true, address: 'cellar', port: sshd.port });
  });
});

describe('the lock file', () => {
  test('is written when something has changed only', async () => {
    listed('127.0.0.1', sshd.port);
    const { reach, nas } = await declare({});
    await visit(reach, nas, 'any');
    const written = lock();
    writeFileSync(lockPath(), `${written}# untouched\n`);
    const again = await declare({});
    await visit(again.reach, again.nas, 'any');
    expect(lock()).toBe(`${written}# untouched\n`);
  });

  test('that cannot be written keeps nobody from the host', async () => {
    listed('127.0.0.1', sshd.port);
    rmSync(join(root, 'inventory'), { recursive: true });
    const told = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    try {
      const { reach, nas } = await declare({});
      await visit(reach, nas, 'any');
      await visit(reach, nas, 'any');
      expect(told.mock.calls.map(([line]) => String(line).split(':')[0])).toEqual(['LOCK_FILE']);
    } finally {
      told.mockRestore();
    }
  });

  test('pins no jump host that the inventory does not know', async () => {
    const { type, base64 } = sshd.hostKey();
    const hop = stranger.hostKey();
    sshd.knownHosts([
      `[127.0.0.1]:${sshd.port} ${type} ${base64}`,
      `[127.0.0.1]:${stranger.port} ${hop.type} ${hop.base64}`,
    ]);
    writeFileSync(stranger.path('authorized_keys'), readFileSync(sshd.path('id.pub')));
    const { reach, nas } = await declare({ proxyJump: `${stranger.user}@127.0.0.1:${stranger.port}` });
    await visit(reach, nas, 'any');
    expect(lock()).toContain(base64);
    expect(lock()).not.toContain(hop.base64);
  });

  test('remembers nothing of a host that is reached without SSH', async () => {
    const { reach, nas } = await declare({ transport: 'local', fallback: [{ port: 1 }] });
    expect((await reach(nas, 'any')).fellBack).toBe(false);
    expect(lock()).toBe('');
  });

  test('never pins the keys of a sandbox, remembers its endpoint, and knows a container that moves', async () => {
    mkdirSync(join(root, '.lab/sandbox'), { recursive: true });
    writeFileSync(join(root, '.lab/sandbox/known_hosts'), `127.0.0.2 ${text(sshd.hostKey())}\n`);
    const { reach, nas } = await declare({ address: '127.0.0.1', fallback: [{ address: '127.0.0.2' }] });
    const fallback = { ...nas, connection: { ...nas.connection, address: '127.0.0.2' } };
    await visit(reach, fallback, 'declared');
    await visit(reach, nas, 'declared');
    expect(lock()).toContain(`    endpoint: ${sshd.user}@127.0.0.1:${sshd.port}\n`);
    expect(lock()).not.toContain('ssh-ed25519');
    const later = await declare({ address: '127.0.0.1', fallback: [{ address: '127.0.0.2' }] });
    await visit(later.reach, later.nas, 'declared');
    const unknown = await declare({ address: '127.0.0.1' });
    expect(await failure(unknown.reach(unknown.nas, 'any'))).toMatchObject({ code: 'HOST_KEY_UNKNOWN' });
  });
});
