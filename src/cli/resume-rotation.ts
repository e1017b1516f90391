import { resolve } from 'node:path';
import { rotateKeys } from '../../roles/wireguard/role.ts';
import type { Inventory } from '../model/types.ts';
import { findPlaybook, listPlaybooks } from '../playbook/find.ts';
import { loadPlaybook } from '../playbook/load.ts';
import type { Procedure } from '../playbook/procedure.ts';
import { type ExitCode, exitCodes, LabError } from '../shared/errors.ts';
import { inventoryOf } from './open-hosts.ts';
import type { OperateOptions } from './operate.ts';
import { operateProcedure } from './procedure.ts';

/** The playbook that knows how the role is used here. */
const playbookName = 'rotate-keys';

/**
 * Finishes what an interrupted rotation of WireGuard keys left half-way, or takes it back. What there is to do stands on the
 * hosts; the playbook `rotate-keys` only tells of parameters that are not in the inventory.
 */
export async function resumeRotation(
  options: OperateOptions & { readonly guardSeconds?: number | undefined },
  abort: boolean,
): Promise<ExitCode> {
  const { inventory, file } = await inventoryOf(options.inventory);
  const members = [...inventory.networks.values()].filter(({ tunnel }) => tunnel === true);
  if (members.length === 0) return exitCodes.asDeclared;
  try {
    return await operateProcedure(await rotationOf(inventory), resolve(file), {
      ...options,
      limit: options.limit.length > 0 ? options.limit : ['all'],
      check: false,
      given: abort ? { abort } : { onlyBegun: true },
      onlyWhenBegun: !abort,
    });
  } catch (thrown) {
    // A tunnel that this product does not manage is none of its business.
    if (abort || !(thrown instanceof LabError) || thrown.code !== 'PLAN_IMPOSSIBLE') throw thrown;
    process.stderr.write(`not looked for an interrupted rotation of keys: ${thrown.message}\n`);
    return exitCodes.asDeclared;
  }
}

async function rotationOf(inventory: Inventory): Promise<Procedure> {
  const folder = process.cwd();
  if (listPlaybooks(folder).some((name) => name.startsWith(`${playbookName}.`))) {
    const { playbook } = await loadPlaybook(findPlaybook(playbookName, folder), folder);
    if (playbook.kind === 'procedure') return playbook;
  }
  return rotateKeys({ inventory }) as unknown as Procedure;
}
