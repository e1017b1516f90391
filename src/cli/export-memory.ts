import type { LockFile } from '../model/lock-file.ts';
import type { Inventory } from '../model/types.ts';
import type { ExportMemory } from '../runner/exports.ts';

const linkPrefix = 'link ';

/**
 * Exports that outlast a run: public keys and links of the role wireguard, in the lock file, so that a host that a run does not
 * reach, and a device that nobody logs in to, keeps its place in everybody's tunnel.
 */
export function exportMemoryOf(lock: LockFile, { devices }: Pick<Inventory, 'devices'>): ExportMemory {
  return {
    recall(name, role) {
      if (role !== 'wireguard') return undefined;
      const { keys, links } = lock.wireguard(devices.has(name) ? 'device' : 'host', name);
      if (keys.size === 0) return undefined;
      return Object.fromEntries([...keys, ...[...links].map(([peer, text]) => [`${linkPrefix}${peer}`, text])]);
    },
    remember(host, role, exports) {
      if (role !== 'wireguard') return;
      const entries = Object.entries(exports);
      const isLink = ([name]: [string, string]) => name.startsWith(linkPrefix);
      lock.setWireguard('host', host, {
        keys: new Map(entries.filter((entry) => !isLink(entry))),
        links: new Map(entries.filter(isLink).map(([name, text]) => [name.slice(linkPrefix.length), text])),
      });
    },
  };
}
