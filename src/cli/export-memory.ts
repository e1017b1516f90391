import type { LockFile } from '../model/lock-file.ts';
import type { ExportMemory } from '../runner/exports.ts';

/**
 * Exports that outlast a run: the public keys of WireGuard interfaces, in the lock file, so that a host that a run does not
 * reach keeps its place in everybody's tunnel.
 */
export function exportMemoryOf(lock: LockFile): ExportMemory {
  return {
    recall(host, role) {
      const [known] = role === 'wireguard' ? lock.wireguardKeys(host) : [];
      return known && { interface: known[0], publicKey: known[1] };
    },
    remember(host, role, { interface: name, publicKey }) {
      if (role === 'wireguard' && name !== undefined && publicKey !== undefined)
        lock.setWireguardKey(host, name, publicKey);
    },
  };
}
