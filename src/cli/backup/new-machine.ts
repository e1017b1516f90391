import type { ReadBackup } from '../../backup/read-backup.ts';
import { LabError } from '../../shared/errors.ts';
import type { HostKey, HostKeyPolicy } from '../../transport/contract.ts';

const publicKeyLine = /^((?:ssh|ecdsa|sk)-[a-z0-9@.-]+) ([A-Za-z0-9+/]+=*)(?:\s.*)?$/;

/**
 * The key of a new machine, as a line of its `ssh_host_*_key.pub`.
 *
 * @throws LabError USAGE
 */
export function hostKeyIn(text: string): HostKey {
  const [, type, base64] = publicKeyLine.exec(text.trim()) ?? [];
  if (type !== undefined && base64 !== undefined) return { type, base64 };
  throw new LabError('USAGE', 'this is no public host key', {
    expected: '--host-key "ssh-ed25519 AAAA…"',
    found: text.slice(0, 80),
    hint: 'on the console of the new machine: cat /etc/ssh/ssh_host_ed25519_key.pub',
  });
}

/** The public host keys that a host shows again when its backup is put back. */
export function hostKeysIn({ contents }: ReadBackup, host: string, paths: readonly string[]): HostKey[] {
  return paths.flatMap((path) => {
    const content = contents.get(host)?.get(path);
    const [, type, base64] = publicKeyLine.exec(content?.toString().trim() ?? '') ?? [];
    return type === undefined || base64 === undefined ? [] : [{ type, base64 }];
  });
}

/**
 * Host keys while a new machine becomes the one it replaces: its own key is taken until it shows those of the backup, which
 * are known as well. It is not pinned.
 */
export function withNewMachine(
  policy: HostKeyPolicy,
  host: string,
  own: HostKey,
  restored: readonly HostKey[],
): HostKeyPolicy {
  const same = (a: HostKey, b: HostKey) => a.type === b.type && a.base64 === b.base64;
  return {
    ...policy,
    // A host is asked for keys in the order of their types here: that of the one that is known comes first.
    pinned: (name, address) => [
      ...(name === host ? [own] : []),
      ...policy.pinned(name, address),
      ...(name === host ? restored : []),
    ],
    async loggedIn(name, key, address) {
      if (name === host && same(key, own)) return;
      await policy.loggedIn?.(name, key, address);
    },
  };
}
