import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  addConnectOptions,
  addGuardOption,
  addShowOptions,
  type ConnectOptions,
  type GuardOption,
  type ShowOptions,
} from './run-options.ts';

export type DeviceOptions = ConnectOptions & ShowOptions & GuardOption & { readonly inventory?: string };

export type HandOutOptions = DeviceOptions & {
  readonly file?: string;
  readonly qr: boolean;
  readonly fullTunnel?: boolean;
};

export type RotateOptions = HandOutOptions & { readonly wait: number; readonly abort?: boolean };

export type ListOptions = ConnectOptions & { readonly inventory?: string; readonly output: 'plain' | 'json' };

const inventoryOption = ['-i, --inventory <file>', 'the inventory; default: that of this folder'] as const;

export function register(program: Command): void {
  const device = program
    .command('device')
    .description('phones and laptops in the tunnel: add, list, show, revoke, rotate')
    .addHelpText('after', '\nExamples:\n  lab device list\n  lab device add phone\n  lab device add --help');
  const changing = (command: Command) =>
    addGuardOption(addShowOptions(addConnectOptions(command.option(...inventoryOption))));
  const handingOut = (command: Command) =>
    changing(
      command
        .option('--file <file>', 'where to write the configuration; default: NAME.conf')
        .option('--no-qr', 'draw no QR code; without a terminal none is drawn')
        .option('--full-tunnel', 'send everything through the gateway, and not only what is inside'),
    );
  handingOut(device.command('add <device>').description('give a device of the inventory its keys, once'))
    .addHelpText(
      'after',
      `
The gateway is changed first, guarded as in any run. Then the configuration is drawn as a QR code and written to a file
that only you can read. The private key is kept nowhere else: load it, and remove the file.
Exit codes: 0 done, 1 the gateway failed, 3 it could not be reached, 4 nothing was touched: no such device, it has keys
already, or the file is there, 5 nobody could log in to the gateway after the change.

Examples:
  lab device add phone
  lab device add laptop --file /media/stick/laptop.conf --no-qr
  lab device add phone --full-tunnel     needs the role firewall and a flow from phone to the internet`,
    )
    .action(async (name: string, options: HandOutOptions) => {
      process.exitCode = await (await import('./device/hand-out.ts')).addDeviceNamed(name, options);
    });
  handingOut(device.command('rotate <device>').description('give a device new keys while its old ones still work'))
    .option('--wait <seconds>', 'for the device to come with its new keys', secondsIn, 600)
    .option('--abort', 'take new keys back that the device has not used yet')
    .addHelpText(
      'after',
      `
The new configuration is drawn and written as with "add". When the device has come with it, the old keys are destroyed. It may
come later: call this again, and it goes on waiting.
Exit codes: 0 done, 3 the device has not come yet, or the gateway could not be reached.

Examples:
  lab device rotate phone
  lab device rotate phone --wait 0       do not wait
  lab device rotate phone --abort`,
    )
    .action(async (name: string, options: RotateOptions) => {
      process.exitCode = await (await import('./device/hand-out.ts')).rotateDeviceNamed(name, options);
    });
  changing(device.command('revoke <device>').description('take a device out of the tunnel at once'))
    .addHelpText(
      'after',
      `
The gateway forgets its key and destroys the preshared key; so does any other gateway that let it in before.
Exit code 3: a gateway could not be reached, and may still let it in.

Example:
  lab device revoke phone`,
    )
    .action(async (name: string, options: DeviceOptions) => {
      process.exitCode = await (await import('./device/revoke.ts')).revokeDeviceNamed(name, options);
    });
  const looking = (command: Command) =>
    addConnectOptions(
      command
        .option(...inventoryOption)
        .addOption(new Option('--output <form>', 'how to show it').choices(['plain', 'json']).default('plain')),
    );
  looking(device.command('list').description('devices, and when they were here last'))
    .addHelpText(
      'after',
      '\nThe gateway is asked; exit code 3 when it does not answer, and the lock file is all there is.\n\nExamples:\n  lab device list\n  lab device list --output json',
    )
    .action(async (options: ListOptions) => {
      process.exitCode = await (await import('./device/list.ts')).listDevices(options);
    });
  looking(device.command('show <device>').description('one device, and its configuration without its secrets'))
    .addHelpText('after', '\nExample:\n  lab device show phone')
    .action(async (name: string, options: ListOptions) => {
      process.exitCode = await (await import('./device/list.ts')).showDevice(name, options);
    });
}

function secondsIn(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('seconds, such as 600');
}
