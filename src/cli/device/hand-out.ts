import { chmod, open, rm } from 'node:fs/promises';
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

/** `lab device add` */
export async function addDeviceNamed(name: string, options: HandOutOptions): Promise<ExitCode> {
  const { inventory, file } = await inventoryOf(options.inventory);
  const link = deviceLink(inventory, name);
  const lock = await lockOf(inventory, file);
  if (lock.wireguard('device', name).keys.size > 0)
    throw new LabError('USAGE', `${name} has keys already`, {
      hint: `lab device rotate ${name} gives it new ones; lab device revoke ${name} takes it out`,
    });
  await keepAssigned(inventory, lock);
  await using configuration = new ConfigurationFile(options.file ?? `${name}.conf`);
  await configuration.reserve();
  let handOut = async () => {};
  const procedure = addDevice(inventory, link, {
    async admitted(admission) {
      await rememberKeys(inventory, file, name, (keys) => keys.set(admission.keyName, admission.pair.publicKey));
      handOut = await configuration.write(link, admission, options);
    },
  });
  const exitCode = await operateProcedure(procedure, resolve(file), operation(options));
  if (exitCode === exitCodes.asDeclared) await handOut();
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
      const handOut = await configuration.write(link, admission, options);
      await rememberKeys(inventory, file, name, (keys) => keys.set(admission.keyName, admission.pair.publicKey));
      await handOut();
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

/** The file of a configuration, taken before anything is changed: that it cannot be written is known then. */
class ConfigurationFile implements AsyncDisposable {
  readonly #path: string;
  #isEmpty = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** @throws LabError USAGE for a file that is there, or cannot be written */
  async reserve(): Promise<void> {
    try {
      const handle = await open(this.#path, 'wx', 0o600);
      await handle.close();
      this.#isEmpty = true;
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException;
      throw new LabError('USAGE', `the configuration cannot be written to ${this.#path}`, {
        found: code === 'EEXIST' ? 'a file of this name, which may be the only copy of a private key' : message,
        hint: 'remove it, or name another one: --file FILE',
        cause,
      });
    }
  }

  /** @returns what shows it to the person */
  async write(link: DeviceLink, admission: Admission, options: HandOutOptions): Promise<() => Promise<void>> {
    const text = renderDeviceConfig(link, {
      privateKey: plain(admission.pair.privateKey, reveal),
      presharedKey: plain(admission.presharedKey.secret, reveal),
      gatewayKey: admission.gatewayKey,
      interfaceName: admission.interfaceName,
      fullTunnel: options.fullTunnel === true,
    });
    const handle = await open(this.#path, 'r+');
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await chmod(this.#path, 0o600);
    this.#isEmpty = false;
    return () => show(text, this.#path, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isEmpty) await rm(this.#path, { force: true });
  }
}

async function show(text: string, path: string, { qr, output }: HandOutOptions): Promise<void> {
  if (output === 'json') return;
  if (qr) {
    const { default: code } = await import('qrcode');
    // Drawn with the terminal's own colours turned round, so that it can be read on dark and light ones.
    process.stdout.write(
      `\n${await code.toString(text, { type: 'terminal', small: true, errorCorrectionLevel: 'L' })}\n`,
    );
  }
  process.stdout.write(
    `written to ${path}, for you alone; nothing else has the private key: load it, and remove the file\n`,
  );
}
