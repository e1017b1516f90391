import { setTimeout } from 'node:timers/promises';
import type { Host } from '../model/types.ts';
import { FactLoader } from '../remote/facts/loader.ts';
import { Session } from '../remote/session.ts';
import { asLabError, LabError } from '../shared/errors.ts';
import type { Connect } from './link.ts';

/** How long a machine may take to reboot, in seconds: servers test their memory. */
const rebootSeconds = 600;
const pauseMs = 1000;

/**
 * Waits until the host has booted anew. That sshd answers is not enough: it does so until the host goes down.
 *
 * @throws LabError UNREACHABLE when it is not back in time
 */
export async function waitForReboot(connect: Connect, host: Host, bootIdBefore: string): Promise<void> {
  const deadline = Date.now() + rebootSeconds * 1000;
  let last: LabError | undefined;
  while (Date.now() < deadline) {
    await setTimeout(pauseMs);
    try {
      if ((await bootIdOf(connect)) !== bootIdBefore) return;
    } catch (thrown) {
      last = asLabError(thrown);
      // Another key will not mend itself by waiting; a refused login may: a host that is booting refuses users.
      if (last.code === 'HOST_KEY_CHANGED') throw last;
    }
  }
  throw new LabError('UNREACHABLE', `not back ${rebootSeconds} s after the reboot`, {
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
