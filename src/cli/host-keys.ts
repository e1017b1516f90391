import { hostKeyPolicy, LockFile, lockFilePath } from '../model/lock-file.ts';
import { projectRoot } from '../model/project-root.ts';
import type { Inventory } from '../model/types.ts';
import { sandboxHostKeys } from '../sandbox/state-folder.ts';
import { LabError } from '../shared/errors.ts';
import type { HostKey, HostKeyPolicy } from '../transport/contract.ts';
import { printError } from './print-error.ts';

export interface FirstContact {
  /** Pin what a host never seen presents, without asking. */
  readonly accept: boolean;
  /** `SHA256:…`, as the provider's console shows it: a host never seen has to present this key, and nobody is asked. */
  readonly expect?: string | undefined;
  /** Takes a live display off the terminal while a person is asked. */
  readonly suspend?: () => Promise<() => void>;
}

/** The lock file beside an inventory, or beside the file that holds one. */
export function lockOf(inventory: Inventory, file: string): Promise<LockFile> {
  return LockFile.read(lockFilePath(inventory.source?.file ?? file));
}

/**
 * Host keys by the lock file. A key never seen is shown with its fingerprint, and pinned when the person at the terminal
 * agrees; without a terminal it is refused. A host that `known_hosts` vouches for is pinned once it was logged in to, so
 * that it stays known when its address or port changes.
 */
export async function hostKeysOf(
  inventory: Inventory,
  file: string,
  { accept, expect, suspend }: FirstContact,
  shared?: LockFile,
): Promise<HostKeyPolicy> {
  const lock = shared ?? (await lockOf(inventory, file));
  let turn: Promise<unknown> = Promise.resolve();
  const policy = hostKeyPolicy(lock, (host, key, fingerprint) => {
    if (expect !== undefined && expect !== fingerprint) throw unexpected(host, expect, `${key.type} ${fingerprint}`);
    if (accept || expect !== undefined) {
      process.stderr.write(`${host}: pinned ${key.type} ${fingerprint}\n`);
      return Promise.resolve(true);
    }
    if (!process.stdin.isTTY) return Promise.resolve(false);
    const asked = turn.then(() => ask(host, key.type, fingerprint, suspend));
    turn = asked.catch(() => {});
    return asked;
  });
  const sandbox = new SandboxKeys(inventory, projectRoot(inventory.source?.file ?? file));
  return {
    ...policy,
    pinned(host, address) {
      const found = sandbox.at(host, address) ?? policy.pinned(host, address);
      return found.length > 0 ? found : sandbox.elsewhere(host);
    },
    async loggedIn(host, key) {
      // A jump host outside the inventory stays a matter of known_hosts: it has no name of ours.
      if (!inventory.hosts.has(host) || sandbox.met(host, key) || lock.pinned(host).length > 0) return;
      lock.pin(host, key);
      await saveOrWarn(lock);
    },
  };
}

function unexpected(host: string, expected: string, found: string): LabError {
  return new LabError('HOST_KEY_CHANGED', `${host} does not present the key that was expected`, {
    host,
    expected,
    found,
    hint: 'the fingerprint may be of another of its keys: compare with all that the console shows. If it is none of them, somebody else answers',
  });
}

/**
 * The keys of the sandbox's hosts: they are made anew with new keys, which are known without asking and are no business of
 * the lock file. By address, so that they are never taken for those of a real host of the same name.
 */
class SandboxKeys {
  readonly #inventory: Inventory;
  readonly #byAddress: ReadonlyMap<string, readonly HostKey[]>;
  readonly #met = new Map<string, readonly HostKey[]>();

  constructor(inventory: Inventory, root: string) {
    this.#inventory = inventory;
    this.#byAddress = sandboxHostKeys(root);
  }

  /** Those of the container with this address, or of the one that this host was before it moved to it. */
  at(host: string, address: string): readonly HostKey[] | undefined {
    return this.#byAddress.get(address) ?? this.#met.get(host);
  }

  /** For a container that has moved since it was made: those of another endpoint that the inventory has for the host. */
  elsewhere(host: string): readonly HostKey[] {
    const { address, fallback = [] } = this.#inventory.hosts.get(host)?.connection ?? { address: '' };
    const keys = [address, ...fallback.map((entry) => entry.address ?? '')].map((at) => this.#byAddress.get(at));
    return keys.find((each) => each !== undefined) ?? [];
  }

  /** Whether this key is one of the sandbox. */
  met(host: string, key: HostKey): boolean {
    const ours = [...this.#byAddress.values()].flat();
    const known = ours.some(({ type, base64 }) => type === key.type && base64 === key.base64);
    if (known) this.#met.set(host, [key]);
    return known;
  }
}

const warned = new WeakSet<LockFile>();

/** A repository that cannot be written to keeps nobody from working: the next run sees the same again. */
export async function saveOrWarn(lock: LockFile): Promise<void> {
  try {
    await lock.save();
  } catch (error) {
    if (!warned.has(lock)) printError(error as LabError);
    warned.add(lock);
  }
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
