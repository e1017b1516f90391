import { selectHosts } from '../model/select-hosts.ts';
import type { OperationOptions } from '../runner/host-operation.ts';
import { LabError } from '../shared/errors.ts';
import { reachHosts } from './endpoints.ts';
import { inventoryOf } from './open-hosts.ts';
import { withPasswords } from './passwords.ts';
import type { ConnectOptions, ShowOptions } from './run-options.ts';
import { rendererFor } from './run-playbook.ts';
import { stopOnInterrupt } from './stop-on-interrupt.ts';

export type OperateOptions = ConnectOptions &
  ShowOptions & { readonly inventory?: string; readonly limit: readonly string[] };

/** What commands on hosts that need no playbook have in common: the inventory, the connections, the display, Ctrl-C. */
export async function operate<Result>(
  options: OperateOptions,
  work: (operation: OperationOptions) => Promise<Result>,
): Promise<Result> {
  const { inventory, file } = await inventoryOf(options.inventory);
  const patterns = options.limit.length > 0 ? options.limit : ['all'];
  const selected = selectHosts(inventory, patterns);
  if (selected.length === 0)
    throw new LabError('HOST_PATTERN', 'no host is left to work on', { found: patterns.join(',') });
  const hosts = await withPasswords(selected, options);
  const renderer = rendererFor(options);
  const reach = await reachHosts(inventory, file, {
    accept: options.acceptNewHostKeys === true,
    suspend: () => renderer.suspend(),
  });
  const stop = stopOnInterrupt(renderer);
  try {
    return await work({
      hosts,
      forks: options.forks,
      connect: (host, which) => reach(host, which, stop.signal),
      onEvent: (event) => renderer.handle(event),
      stop: stop.signal,
    });
  } finally {
    stop.end();
    await renderer.close();
  }
}
