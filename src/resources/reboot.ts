import { z } from 'zod';
import type { SystemFact } from '../remote/facts/contract.ts';
import type { Change } from './contract.ts';
import { defineResource } from './define-resource.ts';

/** The stage ends and gives the lock back before the host goes down. */
const delaySeconds = 2;

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

function reboot(): Change {
  const script = 'setsid sh -c "sleep $1; systemctl reboot || reboot" >/dev/null 2>&1 </dev/null &';
  return {
    attribute: 'state',
    before: 'a reboot is required',
    after: 'rebooted',
    apply: [{ do: 'run', argv: ['sh', '-c', script, 'lab', String(delaySeconds)] }],
    revert: [],
    reboots: true,
  };
}
