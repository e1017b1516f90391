import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, chmodSync, copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatError, type LabError } from '../../../src/shared/errors.ts';
import { Secret } from '../../../src/shared/secret.ts';
import type { ConnectionSettings } from '../../../src/transport/contract.ts';
import { collect, connect } from '../../../src/transport/index.ts';
import { keygen, pinning, Sshd } from './sshd.ts';

let sshd: Sshd;
beforeAll(async () => {
  sshd = await Sshd.start();
  keygen(sshd.path('stranger'), 'ed25519');
  keygen(sshd.path('locked'), 'ed25519', 'correct horse');
  for (const type of ['rsa', 'ecdsa']) keygen(sshd.path(`id_${type}`), type);
  for (const name of ['locked', 'id_rsa', 'id_ecdsa']) authorize(name);
});
afterAll(() => sshd[Symbol.asyncDispose]());

function authorize(name: string): void {
  appendFileSync(sshd.path('authorized_keys'), readFileSync(sshd.path(`${name}.pub`)));
}

function config(name: string, ...lines: string[]): string {
  const file = sshd.path(name);
  writeFileSync(file, sshd.clientConfig('Host *', ...lines));
  return file;
}

async function login(more: Partial<ConnectionSettings> = {}): Promise<string> {
  await using connection = await connect('nas', sshd.settings(more), { hostKeys: pinning(sshd.hostKey()) });
  return (await collect(await connection.start(['id', '-un']))).stdout.toString().trim();
}

async function refusal(more: Partial<ConnectionSettings>): Promise<string> {
  const error = await login(more).then(
    () => undefined,
    (thrown: LabError) => thrown,
  );
  expect(error?.code).toBe('AUTH_FAILED');
  return formatError(error as LabError);
}

/** A real ssh-agent that holds these keys. */
async function agent(...keys: string[]): Promise<AsyncDisposable & { readonly socket: string; readonly pid: number }> {
  const socket = sshd.path(`agent-${Math.random().toString(36).slice(2)}`);
  const child = spawn('ssh-agent', ['-D', '-a', socket], { stdio: ['ignore', 'pipe', 'ignore'] });
  await once(child.stdout, 'data');
  const env = {
    ...process.env,
    SSH_AUTH_SOCK: socket,
    SSH_ASKPASS: sshd.path('askpass'),
    SSH_ASKPASS_REQUIRE: 'force',
  };
  writeFileSync(sshd.path('askpass'), '#!/bin/sh\necho correct horse\n', { mode: 0o700 });
  for (const key of keys) execFileSync('ssh-add', ['-q', sshd.path(key)], { env, stdio: 'ignore' });
  return {
    socket,
    pid: child.pid as number,
    async [Symbol.asyncDispose]() {
      child.kill();
      await once(child, 'exit');
      rmSync(socket, { force: true });
    },
  };
}

describe('a key of the inventory', () => {
  test.each(['id', 'id_rsa', 'id_ecdsa'])('logs in: %s', async (name) => {
    expect(await login({ identityFile: sshd.path(name) })).toBe(sshd.user);
  });

  test('that the host does not know is named in the error, with what the host accepts', async () => {
    const text = await refusal({ identityFile: sshd.path('stranger') });
    expect(text).toContain(`cannot log in as ${sshd.user}@127.0.0.1:${sshd.port}`);
    expect(text).toContain(`tried key ${sshd.path('stranger')}; the host accepts: publickey`);
  });

  test('is the only one that is offered', async () => {
    await using holder = await agent('id');
    const configFile = config('with_agent', ` IdentityAgent ${holder.socket}`, ` IdentityFile ${sshd.path('id')}`);
    expect(await refusal({ configFile, identityFile: sshd.path('stranger') })).toContain(
      `tried key ${sshd.path('stranger')};`,
    );
  });

  test('that does not exist is said before the host is dialled', async () => {
    const text = await refusal({ identityFile: sshd.path('nope'), port: 1 });
    expect(text).toContain(`${sshd.path('nope')} does not exist`);
  });

  test('that is no key is said', async () => {
    expect(await refusal({ identityFile: sshd.path('config') })).toContain('cannot be used');
  });
});

describe('a key with a passphrase', () => {
  test('logs in with it', async () => {
    const passphrase = new Secret('correct horse');
    expect(await login({ identityFile: sshd.path('locked'), passphrase })).toBe(sshd.user);
  });

  test('without it fails and names ssh-add', async () => {
    const text = await refusal({ identityFile: sshd.path('locked') });
    expect(text).toContain(`key ${sshd.path('locked')} needs a passphrase`);
    expect(text).toContain(`ssh-add ${sshd.path('locked')}`);
  });

  test('with the wrong one fails, and does not show it', async () => {
    const text = await refusal({ identityFile: sshd.path('locked'), passphrase: new Secret('battery staple') });
    expect(text).toContain('the passphrase is wrong');
    expect(text).not.toContain('battery');
  });

  test('needs none when the agent holds it', async () => {
    await using holder = await agent('locked');
    const configFile = config('locked_agent', ` IdentityAgent ${holder.socket}`);
    expect(await login({ configFile, identityFile: sshd.path('locked') })).toBe(sshd.user);
  });
});

describe('an agent', () => {
  test('logs in with a key it holds, after others that the host refuses', async () => {
    await using holder = await agent('stranger', 'id_rsa');
    const configFile = config('two_keys', ` IdentityAgent ${holder.socket}`);
    expect(await login({ configFile, identityFile: undefined })).toBe(sshd.user);
  });

  test('holds the private half of a public key that is named', async () => {
    await using holder = await agent('stranger', 'id_ecdsa');
    const configFile = config('public_half', ` IdentityAgent ${holder.socket}`);
    const identityFile = sshd.path('only.pub');
    copyFileSync(sshd.path('id_ecdsa.pub'), identityFile);
    expect(await login({ configFile, identityFile })).toBe(sshd.user);
  });

  test('with IdentitiesOnly offers none but the named keys', async () => {
    await using holder = await agent('id');
    const configFile = config('only', ` IdentityAgent ${holder.socket}`, ' IdentitiesOnly yes');
    expect(await refusal({ configFile, identityFile: undefined })).not.toContain('the agent');
  });

  test('that refuses to sign does not keep the next key from being tried', async () => {
    await using holder = await agent();
    const env = {
      ...process.env,
      SSH_AUTH_SOCK: holder.socket,
      SSH_ASKPASS: '/bin/false',
      SSH_ASKPASS_REQUIRE: 'force',
    };
    execFileSync('ssh-add', ['-q', '-c', sshd.path('id_ecdsa')], { env, stdio: 'ignore' }); // asks, and is refused
    const configFile = config('refusing', ` IdentityAgent ${holder.socket}`, ` IdentityFile ${sshd.path('id')}`);
    expect(await login({ configFile, identityFile: undefined })).toBe(sshd.user);
  });

  test('that is dead does not keep a key file from being tried, and is named when nothing works', async () => {
    const dead = sshd.path('no-agent');
    const works = config('dead_works', ` IdentityAgent ${dead}`, ` IdentityFile ${sshd.path('id')}`);
    expect(await login({ configFile: works, identityFile: undefined })).toBe(sshd.user);
    const fails = config('dead_fails', ` IdentityAgent ${dead}`);
    expect(await refusal({ configFile: fails, identityFile: undefined })).toContain(`no agent answers at ${dead}`);
  });

  test('that hangs does not take longer than the connection may', async () => {
    await using holder = await agent('id');
    process.kill(holder.pid, 'SIGSTOP');
    const configFile = config('hanging', ` IdentityAgent ${holder.socket}`);
    await expect(login({ configFile, identityFile: undefined, connectTimeoutSeconds: 0.5 })).rejects.toMatchObject({
      code: 'UNREACHABLE',
    });
    process.kill(holder.pid, 'SIGCONT');
  });

  test('with more keys than the host takes is told apart', async () => {
    await using strict = await Sshd.start(['MaxAuthTries 1']);
    await using holder = await agent('stranger', 'id');
    const configFile = config('many', ` IdentityAgent ${holder.socket}`);
    const settings = { ...strict.settings(), configFile, identityFile: undefined };
    await expect(connect('nas', settings, { hostKeys: pinning(strict.hostKey()) })).rejects.toMatchObject({
      code: 'AUTH_FAILED',
      details: { hint: expect.stringContaining('too many keys') },
    });
  });
});

test('keys named in the configuration are tried in turn', async () => {
  const configFile = config('several', ` IdentityFile ${sshd.path('stranger')}`, ` IdentityFile ${sshd.path('id')}`);
  expect(await login({ configFile, identityFile: undefined })).toBe(sshd.user);
});

test('a key that nobody may read is said', async () => {
  if (process.getuid?.() === 0) return; // root reads everything
  copyFileSync(sshd.path('id'), sshd.path('unreadable'));
  chmodSync(sshd.path('unreadable'), 0);
  expect(await refusal({ identityFile: sshd.path('unreadable') })).toContain('EACCES');
});

describe('jump hosts', () => {
  test('one, with its key pinned like any other', async () => {
    await using bastion = await Sshd.start();
    const hop = `${bastion.user}@127.0.0.1:${bastion.port}`;
    appendFileSync(bastion.path('authorized_keys'), readFileSync(sshd.path('id.pub')));
    await using connection = await connect('nas', sshd.settings({ proxyJump: [hop] }), {
      hostKeys: {
        pinned: (host) => [host === 'nas' ? sshd.hostKey() : bastion.hostKey()],
        firstContact: async () => false,
      },
    });
    const { stdout } = await collect(await connection.start(['sh', '-c', 'echo $SSH_CONNECTION']));
    expect(stdout.toString().trim()).toMatch(new RegExp(`^127\\.0\\.0\\.1 \\d+ 127\\.0\\.0\\.1 ${sshd.port}$`));
    expect(bastion.sessionPids()).toHaveLength(1);
  });

  test('of the inventory are logged in to with their own settings, and their key is pinned under their name', async () => {
    await using bastion = await Sshd.start();
    const connection = bastion.settings();
    const hosts = new Map([['vps', { name: 'vps', connection }]]);
    const asked: string[] = [];
    const hostKeys = {
      pinned(host: string) {
        asked.push(host);
        return [host === 'vps' ? bastion.hostKey() : sshd.hostKey()];
      },
      firstContact: async () => false,
    };
    for (const jump of ['vps', `127.0.0.1:${bastion.port}`]) {
      const settings = sshd.settings({ proxyJump: [jump] });
      await using login = await connect('nas', settings, { hostKeys, hosts });
      expect((await collect(await login.start(['true']))).code).toBe(0);
    }
    // The files of known hosts are read side by side.
    expect(asked.sort()).toEqual(['nas', 'nas', 'vps', 'vps']);
  });

  test('several, one behind the other, and all of them closed at the end', async () => {
    await using first = await Sshd.start();
    await using second = await Sshd.start();
    for (const each of [first, second]) {
      appendFileSync(each.path('authorized_keys'), readFileSync(sshd.path('id.pub')));
    }
    const hops = [first, second].map((each) => `${each.user}@127.0.0.1:${each.port}`);
    const connection = await connect('nas', sshd.settings({ proxyJump: hops }), {
      hostKeys: pinning(sshd.hostKey(), first.hostKey(), second.hostKey()),
    });
    expect((await collect(await connection.start(['cat']), 'through')).stdout.toString()).toBe('through');
    await connection[Symbol.asyncDispose]();
    await expect.poll(() => [...first.sessionPids(), ...second.sessionPids()]).toEqual([]);
  });

  test('whose key has changed are refused', async () => {
    await using bastion = await Sshd.start();
    const hop = `${bastion.user}@127.0.0.1:${bastion.port}`;
    const pending = connect('nas', sshd.settings({ proxyJump: [hop] }), { hostKeys: pinning(sshd.hostKey()) });
    await expect(pending).rejects.toMatchObject({
      code: 'HOST_KEY_CHANGED',
      message: expect.stringContaining(`127.0.0.1:${bastion.port}`),
    });
  });

  test('that forbid forwarding, or do not reach the host, are named', async () => {
    await using forbidding = await Sshd.start(['AllowTcpForwarding no']);
    await using open = await Sshd.start();
    for (const each of [forbidding, open]) {
      appendFileSync(each.path('authorized_keys'), readFileSync(sshd.path('id.pub')));
    }
    const through = (jump: Sshd, port: number) =>
      connect('nas', sshd.settings({ port, proxyJump: [`${jump.user}@127.0.0.1:${jump.port}`] }), {
        hostKeys: pinning(sshd.hostKey(), jump.hostKey()),
      });
    await expect(through(forbidding, sshd.port)).rejects.toMatchObject({
      code: 'UNREACHABLE',
      details: { hint: expect.stringContaining('AllowTcpForwarding') },
    });
    await expect(through(open, 1)).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringContaining(`127.0.0.1:1 cannot be reached through ${open.user}@127.0.0.1:${open.port}`),
    });
  });

  test('that are lost take the connection with them', async () => {
    await using bastion = await Sshd.start();
    appendFileSync(bastion.path('authorized_keys'), readFileSync(sshd.path('id.pub')));
    const connection = await connect(
      'nas',
      sshd.settings({ proxyJump: [`${bastion.user}@127.0.0.1:${bastion.port}`] }),
      { hostKeys: pinning(sshd.hostKey(), bastion.hostKey()) },
    );
    const process = await connection.start(['sleep', '60']);
    bastion.killSessions();
    expect(await process.exit).toBeNull();
    expect(await connection.closed).toMatchObject({ code: 'CONNECTION_LOST' });
  });

  test('in a circle are said', async () => {
    const configFile = config('circle', ' ProxyJump a', 'Host a', ' ProxyJump b', 'Host b', ' ProxyJump a');
    await expect(login({ configFile, proxyJump: undefined })).rejects.toMatchObject({ code: 'SSH_CONFIG' });
  });

  test('may be a proxy command instead', async () => {
    const forward = `${process.execPath} -e "const s=require('net').connect(%p,'127.0.0.1');process.stdin.pipe(s);s.pipe(process.stdout)"`;
    expect(await login({ configFile: config('proxy', ` ProxyCommand ${forward}`), address: 'anything' })).toBe(
      sshd.user,
    );
  });
});
