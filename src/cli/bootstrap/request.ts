import { existsSync, readFileSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { resolve } from 'node:path';
import { namePattern } from '../../model/schema.ts';
import type { Inventory } from '../../model/types.ts';
import { LabError } from '../../shared/errors.ts';
import { suggestion } from '../../shared/suggest.ts';
import { agentKeys } from '../../transport/agent.ts';
import { parseJumpHost } from '../../transport/endpoint.ts';
import { resolveEndpoint } from '../../transport/ssh-config.ts';

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
    hint: 'the admin is made on the host and logs in with your key; afterwards nobody logs in as root',
  });
}

/**
 * Public keys, as lines of `authorized_keys`: those of the files named, else the first of those that a login to this machine offers, as
 * `ssh` chooses them: beside its private keys, then in the agent.
 *
 * @throws LabError USAGE when there is none, or a file holds something else
 */
export async function publicKeys(files: readonly string[], target: Target, identity?: string): Promise<string[]> {
  if (files.length > 0) return files.map((file) => readPublicKey(atHome(file)));
  const endpoint = await resolveEndpoint({ ...target, name: target.address });
  const beside = (identity === undefined ? endpoint.identityFiles : [atHome(identity)]).map((file) => `${file}.pub`);
  const present = beside.find((file) => existsSync(file));
  if (present !== undefined) return [readPublicKey(present)];
  const held = endpoint.agent === undefined || identity !== undefined ? [] : ((await agentKeys(endpoint.agent)) ?? []);
  const [first] = held;
  if (first !== undefined) return [`${first.type} ${first.getPublicSSH().toString('base64')} ${first.comment}`.trim()];
  throw new LabError('USAGE', 'no public key for the admin to log in with', {
    expected: '--key FILE.pub, one beside the private keys of ssh, or one in the agent',
    found: `none of ${beside.join(', ')}`,
    hint: 'ssh-keygen -t ed25519 makes one; ssh-keygen -y -f FILE > FILE.pub writes that of a private key',
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

/** A path as an inventory holds it: from the project's folder where it is below that, else from the home folder, else as it is. */
export function pathForInventory(file: string, root: string): string {
  const path = atHome(file);
  const below = (folder: string) => (path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : undefined);
  const atProject = below(root);
  if (atProject !== undefined) return atProject;
  const home = below(homedir());
  return home === undefined ? path : `~/${home}`;
}
