import type { LockFile } from '../model/lock-file.ts';
import type { Inventory } from '../model/types.ts';

/**
 * Writes the addresses that were assigned, of every host and device, into the lock file.
 *
 * @throws LabError LOCK_FILE when it cannot be written: nothing would hold an assignment then
 */
export async function keepAssigned(inventory: Inventory, lock: LockFile): Promise<void> {
  const members = [
    ...[...inventory.hosts.values()].map((host) => ({ kind: 'host', ...host }) as const),
    ...[...inventory.devices.values()].map((device) => ({ kind: 'device', ...device }) as const),
  ];
  for (const { kind, name, addresses, assigned = [] } of members)
    for (const network of assigned) lock.setAssigned(kind, name, network, addresses.get(network) ?? []);
  await lock.save();
}
