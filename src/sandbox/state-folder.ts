import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HostKey } from '../transport/contract.ts';
import { knownHostsLines } from './host-key-lines.ts';
import { defaultSandboxName, type SandboxContainer } from './topology.ts';

/**
 * Where the sandbox keeps its key pair, `known_hosts` and `ssh_config`: `.lab/sandbox` in the project's folder, or
 * `.lab/sandbox-NAME` for one with a name of its own.
 */
export function sandboxFolder(projectFolder: string, sandbox: string = defaultSandboxName): string {
  return join(projectFolder, '.lab', sandbox === defaultSandboxName ? 'sandbox' : `sandbox-${sandbox}`);
}

/**
 * Address → the host keys of the container that has it, as read past SSH, through the engine; of all sandboxes of the
 * project. Empty when none is up. By address, so that they are never taken for those of a real host of the same name.
 *
 * @example
 * const keys = sandboxHostKeys(projectRoot(inventoryFile)).get(host.connection.address);
 */
export function sandboxHostKeys(projectFolder: string): ReadonlyMap<string, readonly HostKey[]> {
  const keys = new Map<string, HostKey[]>();
  for (const file of knownHostsFiles(join(projectFolder, '.lab'))) {
    for (const line of readFileSync(file, 'utf8').split('\n')) {
      const [names, type, base64] = line.split(' ');
      if (names === undefined || type === undefined || base64 === undefined) continue;
      for (const name of names.split(',')) keys.set(name, [...(keys.get(name) ?? []), { type, base64 }]);
    }
  }
  return keys;
}

function knownHostsFiles(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name === 'sandbox' || name.startsWith('sandbox-'))
    .map((name) => join(folder, name, 'known_hosts'))
    .filter((file) => existsSync(file));
}

/** Writes `known_hosts` and `ssh_config` for whoever wants plain `ssh -F .lab/sandbox/ssh_config nas`. */
export function writeSshFiles(
  folder: string,
  identityFile: string,
  hosts: readonly { readonly machine: SandboxContainer; readonly keys: readonly HostKey[] }[],
): void {
  const knownHosts = hosts.map(({ machine, keys }) => knownHostsLines(addressesOf(machine), keys));
  writeFileSync(join(folder, 'known_hosts'), knownHosts.join(''));
  const config = hosts.map(({ machine }) =>
    [
      `Host ${machine.name} ${machine.container}`,
      `  HostName ${addressesOf(machine)[0]}`,
      `  User ${machine.user}`,
      `  IdentityFile "${identityFile}"`,
      '  IdentitiesOnly yes',
      `  UserKnownHostsFile "${join(folder, 'known_hosts')}"`,
      '',
    ].join('\n'),
  );
  writeFileSync(join(folder, 'ssh_config'), config.join('\n'));
}

/** Root certificate of the authority of the sandbox, which nothing outside of it shall trust. */
export function writeAuthority(folder: string, certificate: string): void {
  writeFileSync(join(folder, 'authority.pem'), certificate);
}

/** The addresses of a machine, IPv4 first on each network. */
export function addressesOf(machine: SandboxContainer): string[] {
  return machine.attachments.flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6].filter((address) => address !== undefined));
}
