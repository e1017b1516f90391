import { parseAddress } from '../../model/ip-address.ts';
import type { LockFile } from '../../model/lock-file.ts';
import type { Host, Inventory } from '../../model/types.ts';
import type { Login } from '../../schedule/job.ts';
import type { KeyRights } from '../../schedule/job-key.ts';
import { LabError } from '../../shared/errors.ts';
import { parseJumpHost } from '../../transport/endpoint.ts';
import { inInventory } from '../../transport/jump-path.ts';
import { resolveEndpoint } from '../../transport/ssh-config.ts';

/** Where a job gets in, and what its key may do there. */
interface Access {
  /** Of the hosts that it works on, and of those that it jumps over. */
  readonly logins: Readonly<Record<string, Login>>;
  readonly rights: ReadonlyMap<string, KeyRights>;
}

/**
 * @param hosts those that the job works on
 * @throws LabError USAGE for a host that it cannot reach; HOST_KEY_UNKNOWN for one whose key is not in the lock file
 */
export async function accessOf(hosts: readonly Host[], inventory: Inventory, lock: LockFile): Promise<Access> {
  const logins = new Map<string, Login>();
  const waiting = [...hosts];
  for (let host = waiting.shift(); host !== undefined; host = waiting.shift()) {
    if (logins.has(host.name)) continue;
    const login = await loginTo(host, inventory, lock);
    logins.set(host.name, login);
    waiting.push(...login.jumps.flatMap((jump) => inventory.hosts.get(jump) ?? []));
  }
  const worked = new Set(hosts.map(({ name }) => name));
  const rights = new Map(
    [...logins.keys()].map((name): [string, KeyRights] => [
      name,
      { commands: worked.has(name), opens: openedBy(name, logins), via: passedOnTheWay(name, logins, inventory) },
    ]),
  );
  return { logins: Object.fromEntries([...logins].sort(([a], [b]) => (a < b ? -1 : 1))), rights };
}

async function loginTo({ name, connection }: Host, inventory: Inventory, lock: LockFile): Promise<Login> {
  if (connection.transport !== 'ssh' && connection.transport !== 'openssh') {
    throw new LabError('USAGE', `the job cannot reach ${name}: transport ${connection.transport} is for this machine`, {
      expected: 'a host that its control host reaches over SSH, itself included',
      hint: `give ${name} an address in the inventory, or leave it out of what the job works on`,
    });
  }
  if (lock.pinned(name).length === 0) {
    throw new LabError('HOST_KEY_UNKNOWN', `the host key of ${name} is not in the lock file`, {
      expected: 'the key of every host that the job logs in to, as nobody is there to be asked',
      hint: `"lab exec ${name} -- true" pins it when it is met for the first time; the keys of a sandbox are pinned in .lab, not for a job`,
    });
  }
  const { user, address, port, proxyJump } = await resolveEndpoint({ ...connection, name });
  const nameOf = (text: string) => {
    const jump = parseJumpHost(text);
    return (jump && inInventory(jump, inventory.hosts)?.name) ?? text;
  };
  return { user, address, port, jumps: proxyJump.map(nameOf) };
}

/** Addresses of hosts to which the way leads over this one. */
function openedBy(jump: string, logins: ReadonlyMap<string, Login>): string[] {
  const next = [...logins].flatMap(([name, { jumps }]) => {
    const at = jumps.indexOf(jump);
    return at === -1 ? [] : [jumps[at + 1] ?? name];
  });
  return [...new Set(next.flatMap((name) => logins.get(name)?.address ?? []))].sort();
}

/** Addresses of the last jump host on the way; which of them the host sees, only the network knows. */
function passedOnTheWay(name: string, logins: ReadonlyMap<string, Login>, inventory: Inventory): string[] {
  const jump = logins.get(name)?.jumps.at(-1);
  if (jump === undefined) return [];
  const declared = [...(inventory.hosts.get(jump)?.addresses.values() ?? [])].flat();
  return [...declared, logins.get(jump)?.address ?? ''].filter((text) => parseAddress(text) !== undefined);
}
