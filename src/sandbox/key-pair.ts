import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ssh2 from 'ssh2';

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
    const pair = usablePair();
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    chmodSync(directory, 0o700);
    writeFileSync(`${identityFile}.pub`, `${pair.public}\n`);
    writeFileSync(identityFile, pair.private, { mode: 0o600 });
  }
  return { identityFile, publicKey: readFileSync(`${identityFile}.pub`, 'utf8').trim() };
}

/** One in 256 that the library makes it cannot read itself: it drops a leading zero byte of the key. */
function usablePair() {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync('ed25519', { comment: 'lab sandbox' });
    if (!(ssh2.utils.parseKey(pair.private) instanceof Error) && !(ssh2.utils.parseKey(pair.public) instanceof Error))
      return pair;
  }
}
