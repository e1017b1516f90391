import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { collect, connect } from '../../../src/transport/index.ts';
import fc from '../../support/fast-check.ts';

const hostKeys = { pinned: () => [], firstContact: async () => false };
const local = () => connect('here', { transport: 'local', address: 'localhost', become: 'none' }, { hostKeys });

test('arguments arrive as they are', async () => {
  await using connection = await local();
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0'))),
      async (words) => {
        const { stdout } = await collect(await connection.start(['sh', '-c', 'printf "<%s>" "$@"', '--', ...words]));
        expect(stdout.toString()).toBe(words.length === 0 ? '<>' : words.map((word) => `<${word}>`).join(''));
      },
    ),
    { numRuns: 20 },
  );
});

test('a command that does not exist exits with 127, as over SSH', async () => {
  await using connection = await local();
  expect((await collect(await connection.start(['no-such-command']))).code).toBe(127);
});

test('a process ended by a signal has no exit code', async () => {
  await using connection = await local();
  expect((await collect(await connection.start(['sh', '-c', 'kill -TERM $$']))).code).toBeNull();
});

test('killing ends the children as well', async () => {
  await using connection = await local();
  const process = await connection.start(['sh', '-c', 'sleep 60 & echo $!; wait']);
  const [pid] = (await process.stdout.iterator({ destroyOnReturn: false }).next()).value.toString().split('\n');
  process.kill();
  expect(await process.exit).toBeNull();
  await delay(50);
  expect(existsSync(`/proc/${pid}/cwd`)).toBe(false);
});

test('the exit comes after all the output that is read', async () => {
  await using connection = await local();
  for (let run = 0; run < 10; run++) {
    const process = await connection.start(['sh', '-c', 'head -c 300000 /dev/zero; exit 3']);
    let bytes = 0;
    process.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    expect(await process.exit).toBe(3);
    expect(bytes).toBe(300_000);
  }
});

test('disposing ends what runs, and closes without an error', async () => {
  const connection = await local();
  const process = await connection.start(['sleep', '60']);
  await connection[Symbol.asyncDispose]();
  expect(await process.exit).toBeNull();
  expect(await connection.closed).toBeUndefined();
  await expect(connection.start(['true'])).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
});
