import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import type { HostKey } from '../transport/contract.ts';

export interface KeyPair {
  /** Path of the private key, mode 0600. */
  readonly identityFile: string;
  /** Line for `authorized_keys`. */
  readonly publicKey: string;
}

/** The Ed25519 key pair in `directory` (made with mode 0700); a new one when there is none. */
export function ensureKeyPair(directory: string): KeyPair {
  const identityFile = join(directory, 'id_ed25519');
  if (!existsSync(identityFile)) {
    const pair = ssh2.utils.generateKeyPairSync('ed25519', { comment: 'lab sandbox' });
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    chmodSync(directory, 0o700);
    writeFileSync(`${identityFile}.pub`, `${pair.public}\n`);
    writeFileSync(identityFile, pair.private, { mode: 0o600 });
  }
  return { identityFile, publicKey: readFileSync(`${identityFile}.pub`, 'utf8').trim() };
}

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
