import { PassThrough, Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { Session } from '../../../src/remote/session.ts';
import type { Connection } from '../../../src/transport/contract.ts';

it('tells that a shell ended before it was asked anything, and does not wait for it to take the question', async () => {
  const stdin = new Writable();
  const connection = {
    host: 'alpha',
    closed: new Promise<undefined>(() => {}),
    start: async () => {
      const process = { stdin, stdout: new PassThrough(), stderr: new PassThrough(), kill() {} };
      stdin.destroy();
      process.stderr.end('This account is currently not available.\n');
      return { ...process, exit: Promise.resolve(1) };
    },
    [Symbol.asyncDispose]: async () => {},
  } as unknown as Connection;
  const session = await Session.open(connection, { transport: 'local', address: 'here', become: 'none' });
  await new Promise((resolve) => stdin.once('close', resolve));
  await expect(session.request('true')).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
});
