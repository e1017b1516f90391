import type { Host, Inventory } from '../../model/types.ts';
import type { Play, Playbook, RoleUse } from '../../playbook/contract.ts';
import { type RunResult, run } from '../../runner/run.ts';
import { openedSecrets } from '../../secrets/secret.ts';
import type { Reach } from '../endpoints.ts';
import { withPasswords } from '../passwords.ts';
import type { ConnectOptions, ShowOptions } from '../run-options.ts';
import { rendererFor } from '../run-playbook.ts';
import { stopOnInterrupt } from '../stop-on-interrupt.ts';

export type RoleOptions = ConnectOptions &
  ShowOptions & { readonly guardTimeout: number; readonly check?: boolean; readonly prune?: boolean };

/** Runs one role of ours as a playbook of its own: planned, journaled and guarded as any other. */
export async function runRole(
  name: string,
  role: RoleUse,
  hosts: readonly Host[],
  inventory: Inventory,
  reach: Reach,
  options: RoleOptions,
): Promise<RunResult> {
  const play: Play = { name, hosts: hosts.map((host) => host.name), roles: [role], tags: [], at: undefined };
  const playbook: Playbook = { kind: 'playbook', name, inventory, plays: [play], at: undefined };
  const renderer = rendererFor(options);
  const stop = stopOnInterrupt(renderer);
  try {
    return await run({
      mode: options.check === true ? 'check' : 'run',
      playbook,
      hosts: await withPasswords(hosts, options),
      playsOf: () => [play],
      forks: options.forks,
      guardSeconds: options.guardTimeout,
      prune: options.prune,
      connect: (host, which) => reach(host, which, stop.signal),
      secrets: openedSecrets(),
      onEvent: (event) => renderer.handle(event),
      stop: stop.signal,
    });
  } finally {
    stop.end();
    await renderer.close();
  }
}
