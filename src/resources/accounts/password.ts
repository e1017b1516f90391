import { reveal, Secret } from '../../shared/secret.ts';
import type { Step } from '../contract.ts';
import { accountStep } from './account-step.ts';

/**
 * What `/etc/shadow` should hold, or null when it is right. A leading "!" is a lock (shadow(5)); a lock that somebody set
 * by hand stays until `locked: false` says otherwise.
 *
 * @param current as it stands; null when it cannot be read
 */
export function wantedHash(
  declared: Secret | undefined,
  locked: boolean | undefined,
  current: string | null,
): string | null {
  if (declared === undefined && locked === undefined) return null;
  const now = current ?? '!';
  const bare = now.replace(/^!+/, '');
  const isLocked = now.startsWith('!') && bare !== '' && bare !== '*';
  const hash = declared === undefined ? bare : reveal(declared);
  const lock = locked ?? isLocked;
  // Without a password there is nothing to unlock.
  const wanted = lock || hash === '' ? `!${hash}` : hash;
  if (locked === false && declared === undefined && (bare === '' || bare === '*')) return null;
  if (locked === true && declared === undefined && (now.startsWith('!') || now.startsWith('*'))) return null;
  return wanted === now ? null : wanted;
}

/** Steps of a change of the password: the host itself keeps the hashes, so that none is sent there and back. */
export function passwordSteps(name: string, hash: string) {
  return {
    apply: [accountStep('note', name, 'password'), passwordStep(name, hash)],
    revert: [accountStep('undo', name, 'password')],
    redo: [accountStep('redo', name, 'password')],
  };
}

/** chpasswd(8) reads `name:hash` from stdin, so that the hash is in no argument list. */
export function passwordStep(name: string, hash: string): Step {
  return {
    do: 'run',
    argv: ['chpasswd', '--encrypted'],
    stdin: new Secret(`${name}:${hash}\n`, `password of ${name}`),
  };
}
