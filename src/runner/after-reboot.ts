import { setTimeout } from 'node:timers/promises';
import type { Host } from '../model/types.ts';
import { FactLoader } from '../remote/facts/loader.ts';
import { Session } from '../remote/session.ts';
import { asLabError, LabError } from '../shared/errors.ts';
import type { Connect } from './link.ts';

const pauseMs = 1000;

/** A host that is about to reboot. */
export interface PendingReboot {
  /** Of the boot that ends. */
  readonly bootId: string;
  /** How long it may take to come back. */
  readonly timeoutSeconds: number;
}

/**
 * Waits until the host has booted anew. That sshd answers is not enough: it does so until the host goes down.
 *
 * @throws LabError UNREACHABLE when it is not back in time; the reason of `stop` when that aborts
 */
export async function waitForReboot(
  connect: Connect,
  host: Host,
  { bootId, timeoutSeconds }: PendingReboot,
  stop: AbortSignal,
): Promise<void> {
  const deadline = Date.now() + timeoutSeconds * 1000;
  let last: LabError | undefined;
  while (Date.now() < deadline) {
    await setTimeout(pauseMs, undefined, { signal: stop }).catch(() => {});
    if (stop.aborted) throw stop.reason;
    try {
      if ((await bootIdOf(connect)) !== bootId) return;
    } catch (thrown) {
      last = asLabError(thrown);
      // Another key will not mend itself by waiting; a refused login may: a host that is booting refuses users.
      if (last.code === 'HOST_KEY_CHANGED') throw last;
    }
  }
  throw new LabError('UNREACHABLE', `not back ${timeoutSeconds} s after the reboot`, {
    host: host.name,
    cause: last,
    hint: 'look at its console; run this again when it is up',
  });
}

async function bootIdOf(connect: Connect): Promise<string> {
  const { connection, settings } = await connect('any');
  await using _ = connection;
  await using session = await Session.open(connection, settings);
  return (await new FactLoader(session).system()).bootId;
}
