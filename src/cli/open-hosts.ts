import { resolve } from 'node:path';
import pLimit from 'p-limit';
import { findInventory, loadInventory } from '../model/load-inventory.ts';
import { projectRoot } from '../model/project-root.ts';
import { selectHosts } from '../model/select-hosts.ts';
import type { Host, Inventory } from '../model/types.ts';
import { loadModule } from '../playbook/load-module.ts';
import { Session } from '../remote/session.ts';
import { resolveSecret, useSecrets } from '../secrets/secret.ts';
import { asLabError, LabError } from '../shared/errors.ts';
import { reachHosts } from './endpoints.ts';
import { withPasswords } from './passwords.ts';
import type { ConnectOptions } from './run-options.ts';

/** The inventory of a command that has no playbook: the file given, or the one of this folder or those above. */
export async function inventoryOf(file: string | undefined): Promise<{ inventory: Inventory; file: string }> {
  const path = file ?? (await findInventory(process.cwd()));
  await useSecrets(projectRoot(resolve(path)));
  return { inventory: await loadInventory(resolve(path), { importModule: loadModule, resolveSecret }), file: path };
}

export interface HostOutcome<Value> {
  readonly host: Host;
  readonly value?: Value;
  readonly error?: LabError;
}

/** Opens a session on every host that the patterns select and does one thing there; a host that fails stops no other. */
export async function onHosts<Value>(
  patterns: readonly string[],
  options: ConnectOptions & { readonly inventory?: string },
  work: (session: Session, host: Host) => Promise<Value>,
): Promise<HostOutcome<Value>[]> {
  const { inventory, file } = await inventoryOf(options.inventory);
  const selected = selectHosts(inventory, patterns);
  if (selected.length === 0)
    throw new LabError('HOST_PATTERN', 'no host is left to work on', {
      found: patterns.join(',') || 'an empty pattern',
    });
  const hosts = await withPasswords(selected, options);
  const reach = await reachHosts(inventory, file, { accept: options.acceptNewHostKeys === true });
  return await onEach(hosts, options.forks, async (host) => {
    const reached = await reach(host, 'any');
    await using connection = reached.connection;
    await using session = await Session.open(connection, reached.settings);
    return await work(session, host);
  });
}

/** Does one thing with every host, so many at the same time; one that fails stops no other. */
export async function onEach<Value>(
  hosts: readonly Host[],
  forks: number,
  work: (host: Host) => Promise<Value>,
): Promise<HostOutcome<Value>[]> {
  const limit = pLimit(forks);
  return await Promise.all(
    hosts.map((host) =>
      limit(async () => {
        try {
          return { host, value: await work(host) };
        } catch (thrown) {
          return { host, error: asLabError(thrown).with({ host: host.name }) };
        }
      }),
    ),
  );
}
