import type { LockFile } from '../model/lock-file.ts';
import type { Inventory } from '../model/types.ts';
import type { Exports } from '../playbook/contract.ts';
import type { ExportMemory } from '../runner/exports.ts';

const linkPrefix = 'link ';

/** How what a role exports stands in the lock file. */
interface Memory {
  recall(lock: LockFile, name: string, isDevice: boolean): Exports | undefined;
  remember(lock: LockFile, host: string, exports: Exports): void;
}

const memories: Readonly<Record<string, Memory>> = {
  /** A host that a run does not reach, and a device that nobody logs in to, keeps its place in everybody's tunnel. */
  wireguard: {
    recall(lock, name, isDevice) {
      const { keys, links } = lock.wireguard(isDevice ? 'device' : 'host', name);
      if (keys.size === 0) return undefined;
      return Object.fromEntries([...keys, ...[...links].map(([peer, text]) => [`${linkPrefix}${peer}`, text])]);
    },
    remember(lock, host, exports) {
      const entries = Object.entries(exports);
      const isLink = ([name]: [string, string]) => name.startsWith(linkPrefix);
      lock.setWireguard('host', host, {
        keys: new Map(entries.filter((entry) => !isLink(entry))),
        links: new Map(entries.filter(isLink).map(([name, text]) => [name.slice(linkPrefix.length), text])),
      });
    },
  },
  /** Whose way to the internet a gateway is. */
  firewall: {
    recall(lock, name) {
      const carries = lock.carries(name);
      return carries.length === 0 ? undefined : { carries: carries.join(' ') };
    },
    remember(lock, host, { carries = '' }) {
      lock.setCarries(host, carries === '' ? [] : carries.split(' '));
    },
  },
  /** Whom the others ask for names, also in a run that does not reach it. */
  dns: {
    recall: (lock, name) => (lock.answers(name) ? { answers: 'yes' } : undefined),
    remember(lock, host, { answers }) {
      if (answers === 'yes') lock.setAnswers(host);
    },
  },
};

/** Exports that outlast a run, in the lock file. */
export function exportMemoryOf(lock: LockFile, { devices }: Pick<Inventory, 'devices'>): ExportMemory {
  return {
    recall: (name, role) =>
      Object.hasOwn(memories, role) ? memories[role]?.recall(lock, name, devices.has(name)) : undefined,
    remember(host, role, exports) {
      if (Object.hasOwn(memories, role)) memories[role]?.remember(lock, host, exports);
    },
  };
}
