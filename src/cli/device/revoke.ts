import { resolve } from 'node:path';
import { revokeDevice } from '../../../roles/wireguard/devices/procedures.ts';
import { paramsFor } from '../../../roles/wireguard/host-params.ts';
import { membersOf } from '../../../roles/wireguard/mesh.ts';
import { type ExitCode, exitCodes, LabError } from '../../shared/errors.ts';
import { suggestion } from '../../shared/suggest.ts';
import type { DeviceOptions } from '../device.ts';
import { lockOf } from '../host-keys.ts';
import { inventoryOf } from '../open-hosts.ts';
import { operateProcedure } from '../procedure.ts';

/** `lab device revoke`: also of a device that is no longer in the inventory. */
export async function revokeDeviceNamed(name: string, options: DeviceOptions): Promise<ExitCode> {
  const { inventory, file } = await inventoryOf(options.inventory);
  const known = (await lockOf(inventory, file)).wireguard('device', name).keys.size > 0;
  if (!known && !inventory.devices.has(name))
    throw new LabError('HOST_PATTERN', `there is no device "${name}"`, {
      expected: [...inventory.devices.keys()].join(', ') || 'a device of the inventory',
      found: name,
      hint: suggestion(name, [...inventory.devices.keys()]),
    });
  const params = paramsFor([...inventory.hosts.values()][0]);
  const gateways = membersOf(inventory, params)
    .filter(({ gateway }) => gateway)
    .map(({ host }) => ({ gateway: host, params: paramsFor(inventory.hosts.get(host)) }));
  if (gateways.length === 0)
    throw new LabError('PLAN_IMPOSSIBLE', `the tunnel "${params.network}" has no gateway that devices dial`);
  const exitCode = await operateProcedure(revokeDevice(inventory, name, gateways), resolve(file), {
    ...options,
    limit: ['all'],
    check: false,
    guardSeconds: options.guardTimeout,
    given: {},
  });
  if (exitCode !== exitCodes.asDeclared) return exitCode;
  const lock = await lockOf(inventory, file);
  lock.setWireguard('device', name, { keys: new Map(), links: new Map() });
  await lock.save();
  return exitCode;
}
