import { once } from 'node:events';
import { Duplex, type Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import pLimit from 'p-limit';
import type { Host } from '../../../model/types.ts';
import { LabError } from '../../../shared/errors.ts';
import { readRoleFile } from '../../../shared/own-package.ts';
import { collect } from '../../../transport/collect.ts';
import type { Connection, RemoteProcess } from '../../../transport/contract.ts';
import type { Vantage } from './vantage.ts';

/** sshd allows ten sessions on a connection (MaxSessions), and one that has ended may still count for a moment. */
const sessionsAtOnce = 5;
/** Words of one command. */
const targetsAtOnce = 500;
const connectMilliseconds = 5000;
/** For a session to end by itself. */
const goodbyeMilliseconds = 1000;

/** A host of the inventory: it connects, and what comes and goes is carried by its standard input and output. */
export function hostVantage(connection: Connection, host: Host): Vantage {
  const limit = pLimit(sessionsAtOnce);
  const start = (command: string, words: readonly string[]) =>
    connection.start(['sh', '-c', readRoleFile('vps-gateway/exposure/look.sh'), 'lab-verify', command, ...words]);
  return {
    name: host.name,
    addresses: [...host.addresses.values()].flat(),
    async scan(targets) {
      const open = new Set<string>();
      for (let at = 0; at < targets.length; at += targetsAtOnce) {
        const words = targets.slice(at, at + targetsAtOnce).map(({ address, port }) => `${address},${port}`);
        const text = (await limit(async () => collect(await start('scan', words)))).stdout.toString();
        if (!text.includes('scanned'))
          throw new LabError('READ_FAILED', 'this host cannot connect to what is to be tried', {
            host: host.name,
            expected: 'bash',
            found: text.trim() || 'nothing',
            hint: 'install it there, or look from another host: --from HOST',
          });
        for (const [, target = ''] of text.matchAll(/^open (\S+)$/gm)) open.add(target);
      }
      return targets.filter(({ address, port }) => open.has(`${address},${port}`));
    },
    visit: ({ address, port }, work) =>
      limit(async () => {
        const process = await start('pipe', [address, String(port)]);
        process.stderr.resume();
        try {
          if ((await firstByte(process.stdout)) !== '+') return undefined;
          const stream = asStream(process);
          const value = await work(stream);
          // What nobody reads keeps a session from ending.
          stream.resume().end();
          await Promise.race([process.exit, pause(goodbyeMilliseconds, undefined, { ref: false })]);
          return value;
        } finally {
          process.kill();
        }
      }),
  };
}

/**
 * Both directions as one. Not `Duplex.from`: that takes an input which closes first, as it does when the process has ended, for a
 * failure of both, and drops what has not been read.
 */
function asStream({ stdin, stdout }: RemoteProcess): Duplex {
  const stream = new Duplex({
    read: () => stdout.resume(),
    write: (chunk: Buffer, _encoding, done) => stdin.write(chunk, () => done()),
    final: (done) => {
      stdin.end();
      done();
    },
  });
  stdout.on('data', (chunk: Buffer) => {
    if (!stream.push(chunk)) stdout.pause();
  });
  let isOver = false;
  const over = () => {
    if (!isOver) stream.push(null);
    isOver = true;
  };
  stdout.once('end', over).once('close', over);
  return stream.on('error', () => {});
}

/** That it is connected; undefined when it ended, or did not say so in time. */
async function firstByte(stdout: Readable): Promise<string | undefined> {
  const deadline = AbortSignal.timeout(connectMilliseconds);
  for (;;) {
    const chunk = stdout.read(1) as Buffer | null;
    if (chunk !== null) return chunk.toString();
    if (stdout.readableEnded || stdout.destroyed) return undefined;
    try {
      await Promise.race([once(stdout, 'readable', { signal: deadline }), once(stdout, 'end', { signal: deadline })]);
    } catch {
      return undefined;
    }
  }
}
