import { resolve } from 'node:path';
import { plain, renderDeviceConfig } from '../../../roles/wireguard/devices/config.ts';
import { type DeviceLink, deviceLink } from '../../../roles/wireguard/devices/device-link.ts';
import { type Admission, addDevice, rotateDevice } from '../../../roles/wireguard/devices/procedures.ts';
import type { Inventory } from '../../model/types.ts';
import { type ExitCode, exitCodes, LabError } from '../../shared/errors.ts';
import { reveal } from '../../shared/secret.ts';
import { keepAssigned } from '../assigned-addresses.ts';
import type { HandOutOptions, RotateOptions } from '../device.ts';
import { lockOf } from '../host-keys.ts';
import { inventoryOf } from '../open-hosts.ts';
import { operateProcedure } from '../procedure.ts';
import { ConfigurationFile } from './configuration-file.ts';

/** `lab device add` */
export async function addDeviceNamed(name: string, options: HandOutOptions): Promise<ExitCode> {
  const { inventory, file } = await inventoryOf(options.inventory);
  const link = deviceLink(inventory, name);
  const lock = await lockOf(inventory, file);
  if (lock.wireguard('device', name).keys.size > 0)
    throw new LabError('USAGE', `${name} has keys already`, {
      hint: `lab device rotate ${name} gives it new ones; lab device revoke ${name} takes it out`,
    });
  await using configuration = new ConfigurationFile(options.file ?? `${name}.conf`);
  await configuration.reserve();
  await keepAssigned(inventory, lock);
  let text = '';
  const procedure = addDevice(inventory, link, {
    async admitted(admission) {
      await rememberKeys(inventory, file, name, (keys) => keys.set(admission.keyName, admission.pair.publicKey));
      text = configurationText(link, admission, options);
      await configuration.write(text);
    },
  });
  const exitCode = await operateProcedure(procedure, resolve(file), operation(options));
  if (exitCode === exitCodes.asDeclared) await handOut(text, link, configuration, options);
  else await forgetKeys(inventory, file, name);
  return exitCode;
}

/** `lab device rotate` */
export async function rotateDeviceNamed(name: string, options: RotateOptions): Promise<ExitCode> {
  const { inventory, file } = await inventoryOf(options.inventory);
  const link = deviceLink(inventory, name);
  await using configuration = new ConfigurationFile(options.file ?? `${name}.conf`);
  const procedure = rotateDevice(inventory, link, {
    waitSeconds: options.wait,
    abort: options.abort === true,
    expected: () => configuration.reserve(),
    async admitted(admission) {
      const text = configurationText(link, admission, options);
      await configuration.write(text);
      await rememberKeys(inventory, file, name, (keys) => keys.set(admission.keyName, admission.pair.publicKey));
      await handOut(text, link, configuration, options);
    },
    moved: (keyName) =>
      rememberKeys(inventory, file, name, (keys) => {
        for (const other of [...keys.keys()].filter((one) => one !== keyName)) keys.delete(other);
      }),
  });
  return await operateProcedure(procedure, resolve(file), operation(options));
}

function operation(options: HandOutOptions) {
  return { ...options, limit: ['all'], check: false, guardSeconds: options.guardTimeout, given: {} };
}

async function rememberKeys(
  inventory: Inventory,
  file: string,
  name: string,
  edit: (keys: Map<string, string>) => void,
): Promise<void> {
  const lock = await lockOf(inventory, file);
  const keys = new Map(lock.wireguard('device', name).keys);
  edit(keys);
  lock.setWireguard('device', name, { keys, links: new Map() });
  await lock.save();
}

function forgetKeys(inventory: Inventory, file: string, name: string): Promise<void> {
  return rememberKeys(inventory, file, name, (keys) => keys.clear());
}

function configurationText(link: DeviceLink, admission: Admission, { fullTunnel }: HandOutOptions): string {
  return renderDeviceConfig(link, {
    privateKey: plain(admission.pair.privateKey, reveal),
    presharedKey: plain(admission.presharedKey.secret, reveal),
    gatewayKey: admission.gatewayKey,
    interfaceName: admission.interfaceName,
    fullTunnel: fullTunnel === true,
  });
}

/** From here on the keys are the device's: the file stays, and the person is shown what is in it. */
async function handOut(
  text: string,
  { device, gateway }: DeviceLink,
  configuration: ConfigurationFile,
  { qr, output, fullTunnel }: HandOutOptions,
): Promise<void> {
  configuration.keep();
  const { path } = configuration;
  // Elsewhere than at a terminal it would be a private key in somebody's log.
  if (output !== 'json' && qr && process.stdout.isTTY) process.stdout.write(`\n${await qrCode(text)}\n`);
  if (output !== 'json')
    process.stdout.write(
      `written to ${path}, for you alone; nothing else has the private key: load it, and remove the file\n`,
    );
  if (fullTunnel)
    process.stderr.write(
      `everything it sends to the internet goes through ${gateway}, which has to let it out under its own address: the role firewall does with the flow { from: '${device}', to: 'internet', ports: 'any', reason: '…' }\n`,
    );
  if (await configuration.isInGit())
    process.stderr.write(`${path} lies in a git repository that does not ignore it: do not commit it\n`);
}

/** Black on white, whatever the colours of the terminal are. */
async function qrCode(text: string): Promise<string> {
  const { default: code } = await import('qrcode');
  return await code.toString(text, { type: 'terminal', small: true, errorCorrectionLevel: 'L' });
}
