import type { HostKey } from '../transport/contract.ts';

/** `ssh-ed25519 AAAA… comment` → the key. Lines that hold none are passed over. */
export function parsePublicKeys(text: string): HostKey[] {
  return text.split('\n').flatMap((line) => {
    const [type, base64] = line.trim().split(/\s+/);
    return type?.startsWith('#') || type === undefined || base64 === undefined ? [] : [{ type, base64 }];
  });
}

/** The lines of a `known_hosts` file (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT) for a host under all its names. */
export function knownHostsLines(names: readonly string[], keys: readonly HostKey[]): string {
  return keys.map(({ type, base64 }) => `${names.join(',')} ${type} ${base64}\n`).join('');
}
