import type { Command } from 'commander';
import { bootstrap } from './bootstrap/bootstrap.ts';
import type { BootstrapOptions } from './bootstrap/options.ts';
import { addGuardOption, list } from './run-options.ts';

export function register(program: Command): void {
  const command = program
    .command('bootstrap [machine]')
    .description('make a fresh machine a host of the inventory: first login, admin, updates, sshd, firewall')
    .requiredOption('--name <name>', 'its name in the inventory')
    .option('-g, --group <groups>', 'groups of the inventory to put it into', list, [])
    .option('--join <tunnels>', 'tunnels to give it an address on', list, [])
    .option('--admin <user>', 'who administers it; default: an admin of the inventory, or who logs in today')
    .option('--key <files>', 'public keys of the admin; default: the first that ssh would offer', list, [])
    .option('--identity <file>', 'private key to log in with; default: as ssh')
    .option('--fingerprint <SHA256:…>', "the host key's, from the provider's console; default: you are asked")
    .option('--accept-new-host-key', 'pin the host key that it presents without asking')
    .option(
      '--ssh-from <names>',
      'who may log in, where no flow says so yet; default: the internet, or its network',
      list,
      [],
    )
    .option('-k, --ask-pass', 'ask for the password of today')
    .option('-K, --ask-become-pass', 'ask for the password of sudo')
    .option('--no-upgrade', 'leave its packages as they are, and do not reboot')
    .option('--no-firewall', 'leave its firewall as it is')
    .option('--cloud-init', 'only print user-data that does the same at the first boot')
    .option('-i, --inventory <file>', 'the inventory; default: that of this folder');
  addGuardOption(command)
    .addHelpText(
      'after',
      `
MACHINE is [USER@]ADDRESS[:PORT], root when nobody is named. What is done, in this order:
  1. its host key is shown and pinned; a password that has expired is changed; cloud-init is waited for
  2. the admin gets key and sudo, with the login of today
  3. a fresh login as the admin, and sudo, are tried
  4. the host is written into the inventory, comments and order kept
  5. as the admin: updates, sshd without passwords and root, firewall, behind the guard; a reboot when one is due
It can be said again wherever it was interrupted. Without a terminal passwords are read from LAB_SSH_PASSWORD,
LAB_NEW_PASSWORD (when the present one has to be changed) and LAB_BECOME_PASSWORD.
Exit codes: as lab run.

Examples:
  lab bootstrap root@203.0.113.10 --name vps1
  lab bootstrap root@203.0.113.10 --name vps1 --group gateways --join vpn --fingerprint SHA256:Jk1…
  lab bootstrap debian@[2001:db8::10]:2222 --name vps2 --admin ada --key ~/.ssh/ada.pub
  lab bootstrap --cloud-init --name vps3 > user-data`,
    )
    .action(async (machine: string | undefined, options: BootstrapOptions) => {
      process.exitCode = await bootstrap(machine, options);
    });
}
