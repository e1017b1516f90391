import { z } from 'zod';
import type { SystemFact } from '../remote/facts/contract.ts';
import type { Change } from './contract.ts';
import { defineResource } from './define-resource.ts';

/** The stage ends and gives the lock back before the host goes down. */
const delaySeconds = 2;
/** How long a machine may take to be back: servers test their memory. */
const patienceSeconds = 600;

/**
 * Reboots the host when an update asked for it (`/run/reboot-required`, which Debian's and Ubuntu's kernel and libc
 * packages write). The run waits until the host is back, and goes on with what is declared after it. Put it last, or before
 * what needs the new kernel.
 *
 * @example
 * rebootIfRequired({});
 */
export const rebootIfRequired = defineResource({
  type: 'reboot',
  props: z.strictObject({}),
  id: () => 'when required',
  read: (host) => host.system(),
  diff: (_, system: SystemFact): readonly Change[] => (system.rebootRequired ? [reboot()] : []),
});

/**
 * Reboots a host that has not booted since it was looked at: a desired state, so that a run which is resumed does not reboot
 * it twice.
 *
 * @example
 * rebootedSince({ bootId: system.bootId, because: 'kernel 6.1.0-31 is installed, 6.1.0-28 runs', timeoutSeconds: 600 });
 */
export const rebootedSince = defineResource({
  type: 'reboot',
  props: z.strictObject({
    /** The boot that has to be over, as the facts of the system tell it. */
    bootId: z.string().min(1),
    because: z.string(),
    /** How long it may take to come back. */
    timeoutSeconds: z.int().min(1),
  }),
  id: () => 'since it was looked at',
  read: (host) => host.system(),
  diff: ({ bootId, because, timeoutSeconds }, system: SystemFact): readonly Change[] =>
    system.bootId === bootId ? [reboot(because, timeoutSeconds)] : [],
});

function reboot(before = 'a reboot is required', timeoutSeconds = patienceSeconds): Change {
  const script = 'setsid sh -c "sleep $1; systemctl reboot || reboot" >/dev/null 2>&1 </dev/null &';
  return {
    attribute: 'state',
    before,
    after: 'rebooted',
    apply: [{ do: 'run', argv: ['sh', '-c', script, 'lab', String(delaySeconds)] }],
    revert: [],
    reboots: { timeoutSeconds },
  };
}
