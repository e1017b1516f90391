import { renderDeviceConfig } from '../../../roles/wireguard/devices/config.ts';
import { deviceLink } from '../../../roles/wireguard/devices/device-link.ts';
import { activeEnd } from '../../../roles/wireguard/state.ts';
import { type PeerReading, type Reading, readLinks } from '../../../roles/wireguard/status/reading.ts';
import type { Inventory } from '../../model/types.ts';
import { FactLoader } from '../../remote/facts/loader.ts';
import { jsonLine } from '../../report/json-renderer.ts';
import { showAge } from '../../report/quantities.ts';
import { tableLines } from '../../report/table.ts';
import { visible } from '../../report/visible.ts';
import { type ExitCode, exitCodes, formatError, type LabError } from '../../shared/errors.ts';
import type { ListOptions } from '../device.ts';
import { lockOf } from '../host-keys.ts';
import { inventoryOf, onHosts } from '../open-hosts.ts';

interface DeviceStatus {
  readonly name: string;
  readonly owner: string | null;
  readonly addresses: readonly string[];
  readonly gateway: string;
  /** Of the key pair in use; null before it was added. */
  readonly publicKey: string | null;
  /** Seconds; null for never, or when the gateway could not be asked. */
  readonly handshakeAge: number | null;
  readonly endpoint: string | null;
  /** Interface of the gateway that it dials; null when it is not let in. */
  readonly interface: string | null;
  readonly rotating: boolean;
}

/** `lab device list` */
export async function listDevices(options: ListOptions): Promise<ExitCode> {
  const { inventory, file } = await inventoryOf(options.inventory);
  const { devices, error } = await statusesOf([...inventory.devices.keys()], inventory, file, options);
  if (options.output === 'json') process.stdout.write(`${jsonLine({ version: 1, devices })}\n`);
  else if (devices.length === 0) process.stdout.write('the inventory has no devices on the tunnel\n');
  else
    process.stdout.write(
      `${tableLines(
        ['DEVICE', 'OWNER', 'ADDRESSES', 'GATEWAY', 'KEYS', 'HANDSHAKE', 'ENDPOINT'],
        devices.map((device) => [
          device.name,
          device.owner ?? '',
          device.addresses.join(' '),
          device.gateway,
          keysOf(device),
          device.handshakeAge === null ? '' : `${showAge(device.handshakeAge)} ago`,
          device.endpoint ?? '',
        ]),
      ).join('\n')}\n`,
    );
  return told(error);
}

function keysOf({ publicKey, rotating, name }: DeviceStatus): string {
  if (publicKey === null) return `none: lab device add ${name}`;
  return rotating ? 'new ones not used yet' : 'yes';
}

/** `lab device show` */
export async function showDevice(name: string, options: ListOptions): Promise<ExitCode> {
  const { inventory, file } = await inventoryOf(options.inventory);
  const link = deviceLink(inventory, name);
  const { devices, error, reading } = await statusesOf([name], inventory, file, options);
  const [device] = devices;
  const interfaceName = device?.interface ?? link.params.interface;
  const configuration = renderDeviceConfig(link, {
    privateKey: '(on the device alone)',
    presharedKey: '(on the device and its gateway alone)',
    gatewayKey: reading?.state.keys.get(interfaceName) ?? '(unknown)',
    interfaceName,
    fullTunnel: false,
  });
  if (options.output === 'json') process.stdout.write(`${jsonLine({ version: 1, ...device, configuration })}\n`);
  else if (device !== undefined) {
    const rows = [
      ['owner', device.owner ?? ''],
      ['addresses', device.addresses.join(' ')],
      ['gateway', device.gateway],
      ['keys', keysOf(device)],
      ['public key', device.publicKey ?? ''],
      ['interface', device.interface ?? ''],
      ['handshake', device.handshakeAge === null ? 'never, as far as is known' : `${showAge(device.handshakeAge)} ago`],
      ['endpoint', device.endpoint ?? ''],
    ].filter(([, value]) => value !== '');
    const lines = rows.map(([label = '', value = '']) => `  ${label.padEnd(10)}  ${value}`);
    process.stdout.write(visible([name, ...lines, '', configuration].join('\n')));
  }
  return told(error);
}

function told(error: LabError | undefined): ExitCode {
  if (error === undefined) return exitCodes.asDeclared;
  process.stderr.write(`${formatError(error)}\n`);
  return error.exitCode;
}

async function statusesOf(
  names: readonly string[],
  inventory: Inventory,
  file: string,
  options: ListOptions,
): Promise<{
  readonly devices: readonly DeviceStatus[];
  readonly error: LabError | undefined;
  readonly reading: Reading | undefined;
}> {
  const links = names.flatMap((name) => {
    const onTunnel = inventory.devices.get(name)?.addresses.size !== 0;
    return onTunnel ? [deviceLink(inventory, name)] : [];
  });
  const [first] = links;
  if (first === undefined) return { devices: [], error: undefined, reading: undefined };
  const [outcome] = await onHosts([first.gateway], options, (session) =>
    readLinks(new FactLoader(session), first.params),
  );
  const lock = await lockOf(inventory, file);
  const reading = outcome?.value;
  const devices = links.map(({ device: name, addresses, gateway }): DeviceStatus => {
    const ends = reading?.state.links.get(name) ?? [];
    const end = activeEnd(ends);
    const keys = lock.wireguard('device', name).keys;
    const peer: PeerReading | undefined = end && reading?.peers.get(`${end.interface} ${end.peerKey}`);
    return {
      name,
      owner: inventory.devices.get(name)?.owner ?? null,
      addresses,
      gateway,
      publicKey: end?.peerKey ?? [...keys.values()][0] ?? null,
      handshakeAge:
        peer === undefined || peer.handshake === 0 ? null : Math.max(0, (reading?.now ?? 0) - peer.handshake),
      endpoint: peer?.endpoint ?? null,
      interface: end?.interface ?? null,
      rotating: ends.length > 1,
    };
  });
  return { devices, error: outcome?.error, reading };
}
