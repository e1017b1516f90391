import type { Readable } from 'node:stream';

/**
 * The exit code, once the output that somebody reads has arrived as well: a status may overtake the last data. A stream
 * that nobody reads is not waited for.
 */
export async function exitOf(code: Promise<number | null>, outputs: readonly Readable[]): Promise<number | null> {
  const status = await code;
  await Promise.all(outputs.filter(isRead).map(ended));
  return status;
}

/** When everything in a stream has been read, or nothing will come any more. */
export async function ended(stream: Readable): Promise<void> {
  if (stream.readableEnded || stream.destroyed) return;
  return new Promise((resolve) => {
    for (const event of ['end', 'close', 'error']) stream.once(event, () => resolve());
  });
}

function isRead(stream: Readable): boolean {
  return stream.readableFlowing !== null || stream.listenerCount('readable') > 0;
}
