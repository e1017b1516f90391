import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ConnectionSettings, HostKeyPolicy } from '../../../src/transport/contract.ts';
import { collect, connect, fingerprint } from '../../../src/transport/index.ts';
import { answering, keygen, pinning, Sshd } from './sshd.ts';

let sshd: Sshd;
let stranger: Sshd;
beforeAll(async () => {
  [sshd, stranger] = await Promise.all([Sshd.start(), Sshd.start()]);
});
afterAll(() => Promise.all([sshd, stranger].map((each) => each[Symbol.asyncDispose]())));
beforeEach(() => sshd.knownHosts([]));

const line = (from: Sshd, type?: 'ed25519' | 'ecdsa' | 'rsa') => {
  const { type: name, base64 } = from.hostKey(type);
  return `[127.0.0.1]:${sshd.port} ${name} ${base64}`;
};

describe.each(['ssh', 'openssh'] as const)('%s', (transport) => {
  async function login(hostKeys: HostKeyPolicy, more: Partial<ConnectionSettings> = {}) {
    await using connection = await connect('nas', sshd.settings({ transport, ...more }), { hostKeys });
    expect((await collect(await connection.start(['true']))).code).toBe(0);
    return connection;
  }

  test('trusts the key of the lock file', async () => {
    expect((await login(pinning(sshd.hostKey()))).hostKey).toEqual(sshd.hostKey());
  });

  test('trusts a key of known_hosts', async () => {
    sshd.knownHosts([line(sshd)]);
    await login(answering(false));
  });

  test('trusts a key of a hashed known_hosts', async () => {
    sshd.knownHosts([line(sshd)]);
    execFileSync('ssh-keygen', ['-q', '-H', '-f', sshd.path('known_hosts')], { stdio: 'ignore' });
    await login(answering(false));
  });

  test.each(['ecdsa', 'rsa'] as const)('asks for the type that is known: %s', async (type) => {
    sshd.knownHosts([line(sshd, type)]);
    await login(answering(false));
    await login(pinning(sshd.hostKey(type)));
  });

  test('asks about a key that is not known, and goes on when it is accepted', async () => {
    const policy = answering(true);
    const connection = await login(policy);
    expect(policy.asked).toEqual([{ host: 'nas', fingerprint: fingerprint(sshd.hostKey()) }]);
    expect(connection.hostKey).toEqual(sshd.hostKey());
  });

  test('fails when nobody accepts it', async () => {
    await expect(login(answering(false))).rejects.toMatchObject({
      code: 'HOST_KEY_UNKNOWN',
      details: { host: 'nas', found: `ssh-ed25519 ${fingerprint(sshd.hostKey())}` },
    });
  });

  test('holds no connection while a person is asked: sshd would end it', async () => {
    await using impatient = await Sshd.start(['LoginGraceTime 1']);
    const during: number[] = [];
    const slow: HostKeyPolicy = {
      pinned: () => [],
      async firstContact() {
        await delay(2000);
        during.push(...impatient.sessionPids());
        return true;
      },
    };
    await using connection = await connect('nas', impatient.settings({ transport }), { hostKeys: slow });
    expect((await collect(await connection.start(['true']))).code).toBe(0);
    expect(during).toEqual([]);
  });

  test('after the answer takes no other key than the one that was shown', async () => {
    await using changing = await Sshd.start();
    const shown = changing.hostKey();
    const swapped: HostKeyPolicy = {
      pinned: () => [],
      async firstContact() {
        for (const type of ['ed25519', 'ecdsa', 'rsa'] as const) {
          rmSync(changing.path(`host_${type}`));
          keygen(changing.path(`host_${type}`), type);
        }
        await changing.restart();
        return true;
      },
    };
    await expect(connect('nas', changing.settings({ transport }), { hostKeys: swapped })).rejects.toMatchObject({
      code: 'HOST_KEY_CHANGED',
      details: { expected: expect.stringContaining(fingerprint(shown)) },
    });
  });

  test('tells the key of a login, also one that only known_hosts vouches for', async () => {
    const seen: unknown[] = [];
    const loggedIn = async (...args: unknown[]) => void seen.push(args);
    sshd.knownHosts([line(sshd), line(sshd, 'ecdsa'), line(sshd, 'rsa')]);
    const connection = await login({ ...answering(false), loggedIn });
    expect(connection.hostKey).toEqual(sshd.hostKey());
    await login({ ...pinning(sshd.hostKey('ecdsa')), loggedIn });
    await login({ ...answering(true), loggedIn });
    expect(seen).toEqual([
      ['nas', sshd.hostKey(), '127.0.0.1'],
      ['nas', sshd.hostKey('ecdsa'), '127.0.0.1'],
      ['nas', sshd.hostKey(), '127.0.0.1'],
    ]);
    seen.length = 0;
    await expect(login({ ...pinning(stranger.hostKey()), loggedIn })).rejects.toThrow();
    expect(seen).toEqual([]);
  });

  test('does not count the time that a person takes', async () => {
    const slow: HostKeyPolicy = { pinned: () => [], firstContact: () => delay(6000).then(() => true) };
    // A busy machine takes more than a second for a login.
    await login(slow, { connectTimeoutSeconds: 5 });
  });

  test('refuses another key than that of known_hosts, and says where it is', async () => {
    sshd.knownHosts(['# first', line(stranger)]);
    const policy = answering(true);
    await expect(login(policy)).rejects.toMatchObject({
      code: 'HOST_KEY_CHANGED',
      details: {
        at: { file: sshd.path('known_hosts'), line: 2 },
        expected: expect.stringContaining(fingerprint(stranger.hostKey())),
        found: expect.stringContaining(fingerprint(sshd.hostKey())),
        hint: expect.stringContaining('ssh-keygen -f'),
      },
    });
    expect(policy.asked).toEqual([]);
  });

  test('refuses another key than that of the lock file, whatever known_hosts says', async () => {
    sshd.knownHosts([line(sshd)]);
    await expect(login(pinning(stranger.hostKey()))).rejects.toMatchObject({
      code: 'HOST_KEY_CHANGED',
      details: {
        expected: `ssh-ed25519 ${fingerprint(stranger.hostKey())} (lock file)`,
        found: expect.stringContaining(fingerprint(sshd.hostKey())),
        hint: expect.stringContaining('remove the key of "nas" from the lock file'),
      },
    });
  });

  test('refuses a revoked key', async () => {
    const { type, base64 } = sshd.hostKey();
    sshd.knownHosts([`@revoked * ${type} ${base64}`, line(sshd)]);
    await expect(login(answering(true))).rejects.toMatchObject({ code: 'HOST_KEY_CHANGED' });
  });

  test('refuses a revoked key that is pinned, wherever it was revoked, and says so', async () => {
    const { type, base64 } = sshd.hostKey();
    sshd.knownHosts([`@revoked where-it-was.example ${type} ${base64}`]);
    await expect(login(pinning(sshd.hostKey()))).rejects.toMatchObject({
      code: 'HOST_KEY_CHANGED',
      message: expect.stringContaining('marked as revoked'),
      details: { at: { file: sshd.path('known_hosts'), line: 1 } },
    });
  });
});
