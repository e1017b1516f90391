import type { Host, Inventory } from '../model/types.ts';
import { withJobLogin } from '../schedule/logins.ts';
import type { HostKeyPolicy } from '../transport/contract.ts';
import { connectToHost, type Reached } from '../transport/endpoints.ts';
import { type FirstContact, hostKeysOf, lockOf, saveOrWarn } from './host-keys.ts';

/** Connects to a host of the inventory: where it is declared to be, or with `any` also where it was before. */
export type Reach = (host: Host, which: 'declared' | 'any', signal?: AbortSignal) => Promise<Reached>;

/**
 * How a command reaches the hosts of an inventory. Host keys, and where each host answered last, are kept in the lock file
 * beside it.
 *
 * @param file the playbook, for an inventory that has no file of its own
 * @param adapt what else is known of host keys while the command runs
 */
export async function reachHosts(
  inventory: Inventory,
  file: string,
  contact: FirstContact,
  adapt: (policy: HostKeyPolicy) => HostKeyPolicy = (policy) => policy,
): Promise<Reach> {
  const lock = await lockOf(inventory, file);
  const hostKeys = adapt(await hostKeysOf(inventory, file, contact, lock));
  const memory = {
    endpoint: (host: string) => lock.endpoint(host),
    async reached(host: string, endpoint: Parameters<typeof lock.setEndpoint>[1]) {
      lock.setEndpoint(host, endpoint);
      await saveOrWarn(lock);
    },
  };
  const hosts = new Map([...inventory.hosts].map(([name, host]) => [name, withJobLogin(host)]));
  return (host, which, signal) => connectToHost(host, which, { hostKeys, hosts, memory, signal });
}
