import { hostKeyPolicy, LockFile, lockFilePath } from '../model/lock-file.ts';
import { projectRoot } from '../model/project-root.ts';
import type { Inventory } from '../model/types.ts';
import { sandboxHostKeys } from '../sandbox/state-folder.ts';
import type { HostKeyPolicy } from '../transport/contract.ts';

export interface FirstContact {
  /** Pin what a host never seen presents, without asking. */
  readonly accept: boolean;
  /** Takes a live display off the terminal while a person is asked. */
  readonly suspend?: () => Promise<() => void>;
}

/**
 * Host keys by the lock file beside the inventory. A key never seen is shown with its fingerprint, and pinned when the
 * person at the terminal agrees; without a terminal it is refused.
 */
export async function hostKeysOf(
  inventory: Inventory,
  file: string,
  { accept, suspend }: FirstContact,
): Promise<HostKeyPolicy> {
  const lock = await LockFile.read(lockFilePath(inventory.source?.file ?? file));
  let turn: Promise<unknown> = Promise.resolve();
  const policy = hostKeyPolicy(lock, (host, key, fingerprint) => {
    if (accept) {
      process.stderr.write(`${host}: pinned ${key.type} ${fingerprint}\n`);
      return Promise.resolve(true);
    }
    if (!process.stdin.isTTY) return Promise.resolve(false);
    const asked = turn.then(() => ask(host, key.type, fingerprint, suspend));
    turn = asked.catch(() => {});
    return asked;
  });
  // The sandbox's hosts are made anew with new keys, which it knows without asking: they are no business of the lock file.
  const ofSandbox = sandboxHostKeys(projectRoot(inventory.source?.file ?? file));
  const sandboxKeys = (host: string) => ofSandbox.get(inventory.hosts.get(host)?.connection.address ?? '');
  return { ...policy, pinned: (host) => sandboxKeys(host) ?? policy.pinned(host) };
}

async function ask(
  host: string,
  type: string,
  fingerprint: string,
  suspend: FirstContact['suspend'],
): Promise<boolean> {
  const resume = await suspend?.();
  try {
    const { confirm } = await import('@inquirer/prompts');
    const message = `${host} has never been seen. Its ${type} key is ${fingerprint}. Is that its key?`;
    return await confirm({ message, default: false }, { output: process.stderr });
  } finally {
    resume?.();
  }
}
