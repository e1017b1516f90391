import { renderDeviceConfig } from '../../../roles/wireguard/devices/config.ts';
import { deviceLink } from '../../../roles/wireguard/devices/device-link.ts';
import { paramsFor } from '../../../roles/wireguard/host-params.ts';
import { devicesOf } from '../../../roles/wireguard/mesh.ts';
import { interfacesOf, type Params } from '../../../roles/wireguard/params.ts';
import { presharedKeyFile } from '../../../roles/wireguard/render.ts';
import { activeEnd } from '../../../roles/wireguard/state.ts';
import { type PeerReading, type Reading, readLinks } from '../../../roles/wireguard/status/reading.ts';
import type { Inventory } from '../../model/types.ts';
import type { Facts } from '../../remote/facts/contract.ts';
import { FactLoader } from '../../remote/facts/loader.ts';
import { jsonLine } from '../../report/json-renderer.ts';
import { showAge } from '../../report/quantities.ts';
import { tableLines } from '../../report/table.ts';
import { visible } from '../../report/visible.ts';
import { type ExitCode, exitCodes, type LabError } from '../../shared/errors.ts';
import type { ListOptions } from '../device.ts';
import { lockOf } from '../host-keys.ts';
import { inventoryOf, onHosts } from '../open-hosts.ts';
import { printError } from '../print-error.ts';

interface DeviceStatus {
  readonly name: string;
  readonly owner: string | null;
  readonly addresses: readonly string[];
  readonly gateway: string;
  /** Of the key pair in use; null before it was added. */
  readonly publicKey: string | null;
  /** Seconds since the gateway was given the keys in use; null when it does not let the device in, or could not be asked. */
  readonly keyAge: number | null;
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
  const names = [...devicesOf(inventory, paramsFor([...inventory.hosts.values()][0])).keys()];
  const { devices, error } = await statusesOf(names, inventory, file, options);
  if (options.output === 'json') process.stdout.write(`${jsonLine({ version: 1, devices })}\n`);
  else if (devices.length === 0) process.stdout.write('the inventory has no devices on the tunnel\n');
  else
    process.stdout.write(
      `${tableLines(
        ['DEVICE', 'OWNER', 'ADDRESSES', 'GATEWAY', 'KEYS', 'KEY AGE', 'HANDSHAKE', 'ENDPOINT'],
        devices.map((device) => [
          device.name,
          device.owner ?? '',
          device.addresses.join(' '),
          device.gateway,
          keysOf(device),
          device.keyAge === null ? '' : showAge(device.keyAge),
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
      ['key age', device.keyAge === null ? '' : showAge(device.keyAge)],
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
  printError(error);
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
  const links = names.map((name) => deviceLink(inventory, name));
  const [first] = links;
  if (first === undefined) return { devices: [], error: undefined, reading: undefined };
  const [outcome] = await onHosts([first.gateway], options, async (session) => {
    const facts = new FactLoader(session);
    const [links, given] = await Promise.all([readLinks(facts, first.params), readGiven(facts, first.params, names)]);
    return { links, given };
  });
  const lock = await lockOf(inventory, file);
  const reading = outcome?.value?.links;
  const ageSince = (time: number | undefined) =>
    time === undefined || time === 0 ? null : Math.max(0, (reading?.now ?? 0) - time);
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
      keyAge: ageSince(end && outcome?.value?.given.get(presharedKeyFile(end.interface, name))),
      handshakeAge: ageSince(peer?.handshake),
      endpoint: peer?.endpoint ?? null,
      interface: end?.interface ?? null,
      rotating: ends.length > 1,
    };
  });
  return { devices, error: outcome?.error, reading };
}

/** When the gateway was given the keys of devices: file of the preshared key, which is made with them → seconds since the epoch. */
async function readGiven(facts: Facts, params: Params, names: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const paths = interfacesOf(params).flatMap((one) => names.map((name) => presharedKeyFile(one, name)));
  const files = await Promise.all(paths.map((path) => facts.file(path)));
  return new Map(
    files.flatMap((file): [string, number][] => (file.kind === 'absent' ? [] : [[file.path, file.modified]])),
  );
}
