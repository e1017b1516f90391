import { readFileSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { resolve } from 'node:path';
import { namePattern } from '../../model/schema.ts';
import type { Inventory } from '../../model/types.ts';
import { LabError } from '../../shared/errors.ts';
import { suggestion } from '../../shared/suggest.ts';
import { parseJumpHost } from '../../transport/endpoint.ts';

/** Where a fresh machine is and how it lets somebody in today. */
export interface Target {
  readonly user: string;
  readonly address: string;
  /** Default 22. */
  readonly port: number;
}

/** Who administers the machine from now on. */
export interface Admin {
  readonly name: string;
  /** Lines of `authorized_keys`. */
  readonly keys: readonly string[];
}

/**
 * `root@203.0.113.10`, `debian@[2001:db8::1]:2222`; root when nobody is named.
 *
 * @throws LabError USAGE
 */
export function parseTarget(text: string): Target {
  const parsed = parseJumpHost(text);
  if (parsed === undefined || parsed.user === '' || parsed.user?.startsWith('-')) {
    throw new LabError('USAGE', 'this is no machine to log in to', {
      expected: '[USER@]ADDRESS[:PORT], such as root@203.0.113.10 or root@[2001:db8::1]:2222',
      found: text,
    });
  }
  return { user: parsed.user ?? 'root', address: parsed.host, port: parsed.port ?? 22 };
}

/** @throws LabError USAGE for a name that no host can have, or a group that is not declared */
export function checkNames(name: string, groups: readonly string[], inventory: Inventory): void {
  if (!namePattern.test(name)) {
    throw new LabError('USAGE', 'this cannot be the name of a host', {
      expected: 'letters, digits, ".", "_" and "-", such as vps1',
      found: name,
    });
  }
  for (const group of groups) {
    if (inventory.groups.has(group)) continue;
    throw new LabError('USAGE', 'the inventory has no such group', {
      found: group,
      hint: suggestion(group, [...inventory.groups.keys()]),
    });
  }
}

const userPattern = /^[a-z_][a-z0-9_-]{0,31}$/;

/**
 * Who the admin is: the one who is named, the one who logs in today when that is not root, the first whom the inventory declares, the
 * user that the inventory logs in with, or who runs this.
 *
 * @throws LabError USAGE when none of them is a user that can be made
 */
export function adminName(given: string | undefined, login: string, declared: readonly string[]): string {
  const candidates = [given, login, ...declared, userInfo().username];
  const name = given ?? candidates.find((one) => one !== undefined && one !== 'root' && userPattern.test(one));
  if (name !== undefined && name !== 'root' && userPattern.test(name)) return name;
  throw new LabError('USAGE', 'who is going to administer this host?', {
    expected: '--admin NAME, a user name such as ada and not root',
    found: given ?? 'none but root',
  });
}

/**
 * Public keys, as lines of `authorized_keys`: those of the files named, else that beside the private key that is used, else the first of
 * ssh's own in the home folder.
 *
 * @throws LabError USAGE when there is none, or a file holds something else
 */
export function publicKeys(files: readonly string[], identityFile: string | undefined): string[] {
  if (files.length > 0) return files.map((file) => readPublicKey(atHome(file)));
  const own = ['id_ed25519', 'id_ed25519_sk', 'id_ecdsa', 'id_ecdsa_sk', 'id_rsa'].map((name) => `~/.ssh/${name}`);
  const candidates = (identityFile === undefined ? own : [identityFile]).map((file) => `${atHome(file)}.pub`);
  for (const file of candidates) {
    try {
      return [readPublicKey(file)];
    } catch (error) {
      if ((error as LabError).details.cause === undefined) throw error;
    }
  }
  throw new LabError('USAGE', 'no public key for the admin to log in with', {
    expected: '--key FILE.pub, or one of ssh in the home folder',
    found: `none of ${candidates.join(', ')}`,
    hint: 'ssh-keygen -t ed25519 makes one',
  });
}

function readPublicKey(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw new LabError('USAGE', 'the public key cannot be read', {
      found: `${file}: ${(cause as Error).message}`,
      cause,
    });
  }
  if (/^[a-z0-9@.-]+ [A-Za-z0-9+/=]+( [^\n]*)?$/.test(text)) return text;
  throw new LabError('USAGE', 'this file is no public key', {
    at: { file },
    expected: 'one line such as "ssh-ed25519 AAAA… ada@laptop"',
    found: text.includes('PRIVATE KEY') ? 'a private key, which stays where it is' : text.slice(0, 40),
    ...(text.includes('PRIVATE KEY') && { hint: `the public one is usually ${file}.pub` }),
  });
}

/** `~/.ssh/id` as a path. */
export function atHome(file: string): string {
  return file.startsWith('~/') ? resolve(homedir(), file.slice(2)) : resolve(file);
}
