/**
 * A controller that can be killed: rotates the keys of the hosts in its first argument (JSON) as `lab run` does, and tells of
 * each step on a line of its own. After the step `holdAfter` it stands still until it is given a line.
 */
import { readSync, writeSync } from 'node:fs';
import { rotateKeys } from '../../roles/wireguard/role.ts';
import type { Procedure } from '../../src/playbook/procedure.ts';
import type { StartedHost } from '../support/host.ts';
import { describe, TunnelHosts } from '../support/tunnel.ts';
import { type LaneName, rotationDrain } from './rotation-lane.ts';

/** What a controller in a process of its own is told. */
export interface RotationTask {
  readonly hosts: Readonly<Record<LaneName, Pick<StartedHost, 'address' | 'connection' | 'hostKeys'>>>;
  readonly known: readonly (readonly [string, Readonly<Record<string, string>>])[];
  readonly guardSeconds: number;
  /** Name of a step. */
  readonly holdAfter: string | null;
}

/** A line of its output. */
export interface RotationTold {
  readonly event: 'started' | 'finished' | 'told';
  /** Of the step, or what was told. */
  readonly text: string;
}

const { hosts, known, guardSeconds, holdAfter } = JSON.parse(process.argv[2] ?? '') as RotationTask;
const tell = (told: RotationTold) => writeSync(1, `${JSON.stringify(told)}\n`);
const tunnel = TunnelHosts.over(hosts as Record<LaneName, StartedHost>);
for (const [host, exports] of known) tunnel.known.set(host, exports);
await tunnel.proceed((inventory) => rotateKeys({ inventory, drain: rotationDrain }) as unknown as Procedure, {
  given: { maxAge: '0s' },
  guardSeconds,
  onProcedure(event) {
    if (event.event === 'step-started') tell({ event: 'started', text: event.name });
    else tell({ event: 'told', text: describe(event) });
    if (event.event !== 'step-finished') return;
    tell({ event: 'finished', text: event.name });
    if (event.name === holdAfter) readSync(0, new Uint8Array(1));
  },
});
