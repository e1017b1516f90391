import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Secret } from '../../../src/shared/secret.ts';
import type { ConnectionSettings } from '../../../src/transport/contract.ts';
import { collect, connect } from '../../../src/transport/index.ts';
import { answering, freePort, keygen, pinning, Sshd } from './sshd.ts';

let sshd: Sshd;
beforeAll(async () => {
  sshd = await Sshd.start();
  // Others make such directories, too, in the one of the whole machine.
  vi.stubEnv('TMPDIR', mkdtempSync(join(tmpdir(), 'lab-openssh-')));
});
afterAll(async () => {
  await sshd[Symbol.asyncDispose]();
  rmSync(tmpdir(), { recursive: true });
  vi.unstubAllEnvs();
});

const dial = (more: Partial<ConnectionSettings> = {}, signal?: AbortSignal) =>
  connect('nas', sshd.settings({ transport: 'openssh', ...more }), { hostKeys: pinning(sshd.hostKey()), signal });
const privateDirectories = () => readdirSync(tmpdir()).filter((name) => name.startsWith('lab-ssh-'));

test('arguments arrive as they are, exit codes come back', async () => {
  await using connection = await dial();
  const words = ["it's", '$(reboot)', 'ä→🦀', 'line\nline', '', '-n'];
  const { stdout } = await collect(await connection.start(['printf', '<%s>', ...words]));
  expect(stdout.toString()).toBe(words.map((word) => `<${word}>`).join(''));
  expect((await collect(await connection.start(['sh', '-c', 'exit 7']))).code).toBe(7);
  expect((await collect(await connection.start(['sh', '-c', 'exit 255']))).code).toBe(255);
});

test('20 MB go through unchanged', async () => {
  await using connection = await dial();
  const bytes = randomBytes(20 * 1024 * 1024);
  const { code, stdout } = await collect(await connection.start(['cat']), bytes);
  expect(code).toBe(0);
  expect(stdout.equals(bytes)).toBe(true);
});

test('a connection that is cut leaves the exit code unknown and says so', async () => {
  const connection = await dial();
  const process = await connection.start(['sh', '-c', 'echo started; sleep 60']);
  await new Promise((resolve) => process.stdout.once('data', resolve));
  sshd.killSessions();
  expect(await process.exit).toBeNull();
  expect(await connection.closed).toMatchObject({ code: 'CONNECTION_LOST' });
  await expect(connection.start(['true'])).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
});

test('nothing is left behind: no process, no directory', async () => {
  const before = privateDirectories();
  const connection = await dial();
  expect(privateDirectories().length).toBe(before.length + 1);
  await connection[Symbol.asyncDispose]();
  expect(await connection.closed).toBeUndefined();
  expect(privateDirectories()).toEqual(before);
  await expect(dial({ port: 1 })).rejects.toThrow();
  expect(privateDirectories()).toEqual(before);
  await expect.poll(() => sshd.sessionPids()).toEqual([]);
});

describe('what the user configured for ssh', () => {
  const config = (name: string, ...lines: string[]) => {
    const file = sshd.path(name);
    writeFileSync(file, sshd.clientConfig('Host *', ...lines));
    return file;
  };

  test.each([
    ['StrictHostKeyChecking no'],
    ['NoHostAuthenticationForLocalhost yes'],
    ['KnownHostsCommand /bin/echo "* %t %K"'],
    ['UpdateHostKeys yes', 'StrictHostKeyChecking accept-new'],
  ])('does not let an unknown key in: %s', async (...lines) => {
    const configFile = config('trusting', ...lines.map((line) => ` ${line}`));
    sshd.knownHosts([]);
    const settings = sshd.settings({ transport: 'openssh', configFile });
    await expect(connect('nas', settings, { hostKeys: answering(false) })).rejects.toMatchObject({
      code: 'HOST_KEY_UNKNOWN',
    });
    await using stranger = await Sshd.start();
    await expect(connect('nas', settings, { hostKeys: pinning(stranger.hostKey()) })).rejects.toMatchObject({
      code: 'HOST_KEY_CHANGED',
    });
    expect(readFileSync(sshd.path('known_hosts'), 'utf8')).toBe('');
  });

  test('does not take the place of a new connection: a master that is up', async () => {
    const socket = sshd.path('users-master');
    const configFile = config('mastered', ' ControlMaster auto', ` ControlPath ${socket}`, ' ControlPersist 60');
    const { type, base64 } = sshd.hostKey();
    sshd.knownHosts([`[127.0.0.1]:${sshd.port} ${type} ${base64}`]);
    const target = ['-p', String(sshd.port), '-i', sshd.path('id'), `${sshd.user}@127.0.0.1`];
    // Those of the test before may still be ending.
    await expect.poll(() => sshd.sessionPids()).toEqual([]);
    execFileSync('ssh', ['-F', configFile, ...target, 'true'], { stdio: 'ignore' });
    expect(sshd.sessionPids()).toHaveLength(1);
    await using connection = await dial({ configFile });
    expect((await collect(await connection.start(['true']))).code).toBe(0);
    expect(sshd.sessionPids()).toHaveLength(2);
    execFileSync('ssh', ['-F', configFile, '-O', 'exit', ...target], { stdio: 'ignore' });
  });

  test('may hold options that this ssh does not know, when it says so itself', async () => {
    await using connection = await dial({
      configFile: config('foreign', ' IgnoreUnknown UseKey*', ' UseKeychain yes'),
    });
    expect((await collect(await connection.start(['true']))).code).toBe(0);
  });
});

describe('errors', () => {
  test('port closed', async () => {
    const port = await freePort();
    await expect(dial({ port })).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: `127.0.0.1:${port} refuses the connection`,
    });
  });
  test('unknown name', async () => {
    await expect(dial({ address: 'no-such-host.invalid' })).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: 'the name "no-such-host.invalid" cannot be resolved',
    });
  });
  test('refused key', async () => {
    keygen(sshd.path('stranger'), 'ed25519');
    await expect(dial({ identityFile: sshd.path('stranger') })).rejects.toMatchObject({
      code: 'AUTH_FAILED',
      details: { found: expect.stringContaining('the host accepts: publickey') },
    });
  });
  test('a password is refused with a reason', async () => {
    await expect(dial({ password: new Secret('x') })).rejects.toMatchObject({ code: 'SSH_CONFIG' });
  });
  test('a host that never answers, and a caller who has changed his mind', async () => {
    const { createServer } = await import('node:net');
    const server = createServer(() => {}).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    await expect(dial({ port, connectTimeoutSeconds: 0.5 })).rejects.toMatchObject({ code: 'UNREACHABLE' });
    const reason = new Error('enough');
    const controller = new AbortController();
    const pending = dial({ port }, controller.signal);
    setTimeout(() => controller.abort(reason), 200);
    await expect(pending).rejects.toBe(reason);
    server.close();
  });
});

describe('certificates', () => {
  test('of the user and of the host', async () => {
    await using certified = await Sshd.start();
    const authority = certified.path('authority');
    keygen(authority, 'ed25519');
    keygen(certified.path('me'), 'ed25519');
    const sign = (...args: string[]) =>
      execFileSync('ssh-keygen', ['-q', '-s', authority, ...args], { stdio: 'ignore' });
    sign('-I', 'me', '-n', certified.user, certified.path('me.pub'));
    sign('-h', '-I', 'host', '-n', '127.0.0.1', certified.path('host_ed25519.pub'));
    const [type, base64] = execFileSync('cat', [`${authority}.pub`], { encoding: 'utf8' }).split(' ');
    const config = execFileSync('cat', [certified.path('config')], { encoding: 'utf8' });
    writeFileSync(
      certified.path('config'),
      `${config}TrustedUserCAKeys ${authority}.pub\nHostCertificate ${certified.path('host_ed25519-cert.pub')}\n`,
    );
    await certified.restart();
    certified.knownHosts([`@cert-authority [127.0.0.1]:${certified.port} ${type} ${base64}`]);
    const settings = certified.settings({ transport: 'openssh', identityFile: certified.path('me') });
    const pinned: unknown[] = [];
    const hostKeys = { ...answering(false), loggedIn: async (...args: unknown[]) => void pinned.push(args) };
    await using connection = await connect('nas', settings, { hostKeys });
    expect(pinned).toEqual([]); // a certificate is renewed: its authority is what is trusted
    expect((await collect(await connection.start(['true']))).code).toBe(0);
    // ssh2 knows neither, and says what does.
    await expect(
      connect('nas', { ...settings, transport: 'ssh' }, { hostKeys: answering(false) }),
    ).rejects.toMatchObject({
      code: 'HOST_KEY_UNKNOWN',
      details: { hint: expect.stringContaining('transport: openssh') },
    });
  });
});
