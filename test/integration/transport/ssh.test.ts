import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Connection, ConnectionSettings } from '../../../src/transport/contract.ts';
import { collect, connect } from '../../../src/transport/index.ts';
import { freePort, pinning, Sshd } from './sshd.ts';

let sshd: Sshd;
beforeAll(async () => {
  sshd = await Sshd.start();
});
afterAll(() => sshd[Symbol.asyncDispose]());

const dial = (more: Partial<ConnectionSettings> = {}, signal?: AbortSignal): Promise<Connection> =>
  connect('nas', sshd.settings(more), { hostKeys: pinning(sshd.hostKey()), signal });

describe('a process', () => {
  test('gets its arguments as they are', async () => {
    await using connection = await dial();
    const words = ["it's", 'a b', '$(reboot)', '`id`', 'ä→🦀', 'line\nline', '', '-n', '*', '\\', '"', '!!'];
    const { stdout } = await collect(await connection.start(['printf', '<%s>', ...words]));
    expect(stdout.toString()).toBe(words.map((word) => `<${word}>`).join(''));
  });

  test('gives its exit code, and none when a signal ends it', async () => {
    await using connection = await dial();
    const run = async (script: string) => (await collect(await connection.start(['sh', '-c', script]))).code;
    expect(await run('exit 0')).toBe(0);
    expect(await run('exit 7')).toBe(7);
    expect(await run('exit 255')).toBe(255);
    expect(await run('kill -KILL $$')).toBeNull();
    expect((await collect(await connection.start(['no-such-command']))).code).toBe(127);
  });

  test('keeps stdout and stderr apart', async () => {
    await using connection = await dial();
    const { stdout, stderr } = await collect(await connection.start(['sh', '-c', 'echo out; echo err >&2']));
    expect([stdout.toString(), stderr.toString()]).toEqual(['out\n', 'err\n']);
  });

  test('takes 20 MB and gives them back unchanged', async () => {
    await using connection = await dial();
    const bytes = randomBytes(20 * 1024 * 1024);
    const { code, stdout } = await collect(await connection.start(['cat']), bytes);
    expect(code).toBe(0);
    expect(stdout.equals(bytes)).toBe(true);
  });

  test('holds the writer back while it does not read', async () => {
    await using connection = await dial();
    const process = await connection.start(['sleep', '60']);
    let taken = 0;
    const chunk = Buffer.alloc(64 * 1024);
    const write = () => process.stdin.write(chunk, () => (taken += chunk.length));
    for (let index = 0; index < 20 * 16; index++) write();
    await expect.poll(() => taken).toBeGreaterThan(0);
    // Until no more is taken.
    for (let before = 0; before < taken; await delay(300)) before = taken;
    expect(taken).toBeLessThan(8 * 1024 * 1024);
    process.kill();
  });

  test('that ends before it has read everything fails the write instead of leaving it hanging', async () => {
    await using connection = await dial();
    const process = await connection.start(['true']);
    const failed = new Promise<Error | null | undefined>((resolve) => {
      process.stdin.write(Buffer.alloc(8 * 1024 * 1024), (error) => resolve(error));
    });
    expect(await process.exit).toBe(0);
    expect(await failed).toMatchObject({ code: 'EPIPE' });
  });

  test('is left at once by kill, and sees the end of its input', async () => {
    await using connection = await dial();
    const mark = `mark-${Math.random()}`;
    const running = await connection.start(['sh', '-c', 'cat; exit 1', mark]);
    const processes = async () => (await collect(await connection.start(['ps', '-eo', 'args']))).stdout.toString();
    await expect.poll(processes).toContain(`cat; exit 1 ${mark}`);
    const stuck = await connection.start(['sleep', '600']);
    for (const process of [running, stuck]) {
      process.stdout.resume();
      process.kill();
      expect(await process.exit).toBeNull();
    }
    await expect.poll(processes).not.toContain(mark);
  });

  test('can run beside others on one connection, up to what sshd allows', async () => {
    await using connection = await dial();
    const processes = await Promise.all(Array.from({ length: 10 }, () => connection.start(['cat'])));
    await expect(connection.start(['cat'])).rejects.toMatchObject({ code: 'REMOTE_PROGRAM' });
    const outputs = await Promise.all(processes.map((process, index) => collect(process, `number ${index}`)));
    expect(outputs.map(({ stdout }) => stdout.toString())).toEqual(outputs.map((_, index) => `number ${index}`));
  });
});

describe('a connection', () => {
  test('tells the key that the host presented', async () => {
    await using connection = await dial();
    expect(connection.hostKey).toEqual(sshd.hostKey());
  });

  test('closes without an error when it is disposed of, and starts nothing any more', async () => {
    const connection = await dial();
    await connection[Symbol.asyncDispose]();
    expect(await connection.closed).toBeUndefined();
    await expect(connection.start(['true'])).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    await connection[Symbol.asyncDispose]();
  });

  test('reaches ::1', async () => {
    await using connection = await dial({ address: '[::1]' });
    expect((await collect(await connection.start(['true']))).code).toBe(0);
  });

  test('that is cut in the middle of a command says so, and the exit code is unknown', async () => {
    const connection = await dial();
    const process = await connection.start(['sh', '-c', 'echo started; sleep 60']);
    await new Promise((resolve) => process.stdout.once('data', resolve));
    sshd.killSessions();
    expect(await process.exit).toBeNull();
    expect(await connection.closed).toMatchObject({ code: 'CONNECTION_LOST', details: { host: 'nas' } });
    await expect(connection.start(['true'])).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    await connection[Symbol.asyncDispose]();
  });

  test('works fifty times at once', async () => {
    const connections = await Promise.all(Array.from({ length: 50 }, () => dial({ connectTimeoutSeconds: 30 })));
    const outcomes = await Promise.all(connections.map(async (each) => collect(await each.start(['echo', 'here']))));
    expect(outcomes.filter(({ stdout }) => stdout.toString() === 'here\n')).toHaveLength(50);
    await Promise.all(connections.map((each) => each[Symbol.asyncDispose]()));
  });
});

test('a host that drops logins at random (MaxStartups) is asked again', async () => {
  await using busy = await Sshd.start(['MaxStartups 2:60:20']);
  const outcomes = await Promise.allSettled(
    Array.from({ length: 12 }, () =>
      connect('nas', busy.settings({ connectTimeoutSeconds: 30 }), { hostKeys: pinning(busy.hostKey()) }),
    ),
  );
  for (const outcome of outcomes) {
    if (outcome.status === 'fulfilled') await outcome.value[Symbol.asyncDispose]();
  }
  expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([]);
});

describe('a host that cannot be reached', () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });
  async function serve(onConnection: (socket: Socket) => void): Promise<number> {
    const open = new Set<Socket>();
    const server = createServer((socket) => {
      open.add(socket.on('error', () => {}));
      onConnection(socket);
    }).listen(0, '127.0.0.1');
    server.on('close', () => {
      for (const socket of open) socket.destroy();
    });
    servers.push(server);
    await new Promise((resolve) => server.once('listening', resolve));
    return (server.address() as { port: number }).port;
  }

  test('because the port is closed', async () => {
    const port = await freePort();
    await expect(dial({ port })).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: `127.0.0.1:${port} refuses the connection`,
      details: { host: 'nas', hint: expect.stringContaining('sshd') },
    });
  });

  test('because its name does not exist', async () => {
    await expect(dial({ address: 'no-such-host.invalid' })).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: 'the name "no-such-host.invalid" cannot be resolved',
    });
  });

  test('because it accepts the connection and never speaks', async () => {
    const port = await serve(() => {});
    await expect(dial({ port, connectTimeoutSeconds: 0.4 })).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: `127.0.0.1:${port} accepts the connection, but does not speak SSH within 0.4 s`,
    });
  });

  test('because it stops in the middle of the key exchange', async () => {
    const port = await serve((socket) => socket.write('SSH-2.0-OpenSSH_9.2\r\n'));
    await expect(dial({ port, connectTimeoutSeconds: 0.4 })).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringContaining('did not finish the key exchange within 0.4 s'),
    });
  });

  test('because something else listens there', async () => {
    const port = await serve((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await expect(dial({ port })).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: `127.0.0.1:${port} does not speak SSH`,
      details: { found: '"HTTP/1.1 400 Bad Request"' },
    });
  });

  test.each(['end', 'resetAndDestroy'] as const)(
    'because it drops every connection, after some tries: %s',
    async (drop) => {
      let tries = 0;
      const port = await serve((socket) => {
        tries++;
        socket[drop]();
      });
      await expect(dial({ port })).rejects.toMatchObject({
        code: 'UNREACHABLE',
        message: expect.stringContaining('closes the connection before it says anything'),
      });
      expect(tries).toBe(5);
    },
  );

  test('because no algorithm is in common', async () => {
    await using odd = await Sshd.start(['KexAlgorithms sntrup761x25519-sha512@openssh.com']);
    await expect(connect('nas', odd.settings(), { hostKeys: pinning(odd.hostKey()) })).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringContaining('no algorithm in common'),
    });
  });

  test('because the caller has changed his mind', async () => {
    const port = await serve(() => {});
    const controller = new AbortController();
    const pending = dial({ port }, controller.signal);
    const reason = new Error('enough');
    setTimeout(() => controller.abort(reason), 100);
    await expect(pending).rejects.toBe(reason);
    await expect(dial({ port }, AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});

test('a connection whose other end has gone silent is lost after the keep-alives', async () => {
  const configFile = sshd.path('keepalive_config');
  writeFileSync(configFile, sshd.clientConfig('Host *', ' ServerAliveInterval 1', ' ServerAliveCountMax 1'));
  const connection = await dial({ configFile });
  for (const pid of sshd.sessionPids()) stop(pid);
  expect(await connection.closed).toMatchObject({
    code: 'CONNECTION_LOST',
    details: { found: 'no answer to 1 keep-alives, one every 1 s' },
  });
  sshd.killSessions();
});

/** Stops a session's process and, where privileges are separated, the child that talks. */
function stop(pid: number): void {
  process.kill(pid, 'SIGSTOP');
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  for (const child of children === '' ? [] : children.split(' ')) stop(Number(child));
}
