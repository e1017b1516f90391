import { createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askHttp, greetingOf } from '../../../src/cli/verify/exposure/conversation.ts';
import { hostVantage } from '../../../src/cli/verify/exposure/host-vantage.ts';
import { here, type Target, type Vantage } from '../../../src/cli/verify/exposure/vantage.ts';
import type { Host } from '../../../src/model/types.ts';
import type { Connection } from '../../../src/transport/contract.ts';
import { connect } from '../../../src/transport/index.ts';
import { type StartedHost, startHost } from '../../support/host.ts';

// The same is seen from this machine and through a host, which has nothing but bash and sshd with its defaults.

let host: StartedHost;
let connection: Connection;
const servers: Server[] = [];
const vantages: Record<'here' | 'host', Vantage | undefined> = { here: undefined, host: undefined };

/** On the address of this machine that the host sees. */
async function serve(onClient: (socket: Socket) => void): Promise<Target> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    onClient(socket);
  });
  servers.push(server);
  const gateway = (await host.sh("ip route show default | sed 's/.*via \\([^ ]*\\).*/\\1/'")).trim();
  await new Promise<void>((resolve) => server.listen(0, gateway, resolve));
  const { port } = server.address() as { port: number };
  return { address: gateway, port };
}

beforeAll(async () => {
  host = await startHost();
  connection = await connect('testhost', host.connection, {
    hostKeys: { pinned: () => host.hostKeys, firstContact: async () => false },
  });
  vantages.here = here();
  vantages.host = hostVantage(connection, { name: 'testhost', addresses: new Map() } as unknown as Host);
});
afterAll(async () => {
  for (const server of servers) server.close();
  await connection?.[Symbol.asyncDispose]();
  await host?.remove();
});

describe.each(['here', 'host'] as const)('from the %s', (name) => {
  const vantage = () => vantages[name] as Vantage;
  const answer = (socket: Socket) =>
    socket.once('data', (request) =>
      socket.end(`HTTP/1.1 200 OK\r\nX-Asked: ${request.toString().split('\r\n')[1]}\r\nX-Two: a: b\r\n\r\nwhole`),
    );

  it('finds ports that take a connection, and no others', async () => {
    const open = await serve((socket) => socket.end());
    const closed = { address: open.address, port: 1 };
    // On the same network, and nobody has it.
    const silent = { address: open.address.replace(/\d+\.\d+$/, '255.254'), port: 80 };
    expect(await vantage().scan([closed, open, silent])).toEqual([open]);
    expect(await vantage().scan([])).toEqual([]);
    expect(await vantage().visit(closed, async () => 'connected')).toBeUndefined();
    expect(await vantage().visit(silent, async () => 'connected')).toBeUndefined();
  }, 30_000);

  it('asks more at once than a connection has sessions', async () => {
    const target = await serve(answer);
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        vantage().visit(target, (stream) => askHttp(stream, `name${index}.example.dev`, '/')),
      ),
    );
    expect(answers.map((one) => one?.headers[0]?.[1])).toEqual(
      answers.map((_, index) => `Host: name${index}.example.dev`),
    );
    expect(answers[0]).toMatchObject({ status: 200, headers: [expect.any(Array), ['X-Two', 'a: b']], body: 'whole' });
  });

  it('takes what is no HTTP for none, and gives up on who says nothing', async () => {
    const ssh = await serve((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'));
    const mute = await serve(() => {});
    expect(await vantage().visit(ssh, (stream) => askHttp(stream, 'a.example.dev', '/'))).toBeUndefined();
    expect(await vantage().visit(mute, (stream) => askHttp(stream, 'a.example.dev', '/'))).toBeUndefined();
  }, 30_000);

  it('hears a greeting in pieces, and the answer to EHLO', async () => {
    const mail = await serve((socket) => {
      socket.write('220-mail.example.dev\r\n');
      setTimeout(() => socket.write('220 ESMTP\r\n'), 50);
      socket.once('data', (said) => socket.write(`250-heard ${said.toString().trim()}\r\n250 8BITMIME\r\n`));
    });
    expect(await vantage().visit(mail, greetingOf)).toEqual([
      '220-mail.example.dev',
      '220 ESMTP',
      '250-heard EHLO lab-verify.invalid',
      '250 8BITMIME',
    ]);
    const ssh = await serve((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'));
    expect(await vantage().visit(ssh, greetingOf)).toEqual([]);
  });
});

it('says so when a host has no bash', async () => {
  await using bare = await startHost({ variant: 'busybox' });
  await using other = await connect('bare', bare.connection, {
    hostKeys: { pinned: () => bare.hostKeys, firstContact: async () => false },
  });
  const vantage = hostVantage(other, { name: 'bare', addresses: new Map() } as unknown as Host);
  await expect(vantage.scan([{ address: '127.0.0.1', port: 22 }])).rejects.toMatchObject({
    code: 'READ_FAILED',
    details: { host: 'bare', found: 'no bash' },
  });
});
