import { createHash } from 'node:crypto';
import { packagesIn } from '../../resources/packages/manager.ts';
import type { Declared } from '../plan/declare.ts';

/** A resource that a role of a playbook manages on a host. */
export interface Owned {
  readonly role: string | null;
  /** `file:/etc/motd` */
  readonly key: string;
}

/** Name of the file on a host, below `/var/lib/lab/owned`, that lists what a playbook manages there. */
export function ownedFile(playbook: string): string {
  return createHash('sha256').update(playbook).digest('hex').slice(0, 16);
}

/** The content of that file; the same resources give the same text in any order. */
export function ownedText(playbook: string, owned: Iterable<Owned>): string {
  const lines = [...owned].map(({ role, key }) => JSON.stringify([role, key])).sort();
  return [JSON.stringify({ playbook }), ...new Set(lines)].map((line) => `${line}\n`).join('');
}

/** Reads it; lines that make no sense are left out, as the list only helps. */
export function parseOwned(text: string): readonly Owned[] {
  return text.split('\n').flatMap((line) => {
    try {
      const [role, key] = JSON.parse(line) as [unknown, unknown];
      return typeof key === 'string' && (role === null || typeof role === 'string') ? [{ role, key }] : [];
    } catch {
      return [];
    }
  });
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/**
 * What is listed and no longer declared, in the order of the list. Packages that are all declared together with others by now
 * are not orphaned; they stay listed, for what brought them is known by their old name.
 */
export function orphansOf(owned: readonly Owned[], declared: readonly Pick<Declared, 'key'>[]): readonly Owned[] {
  const keys = new Set(declared.map(({ key }) => key));
  const packages = new Set(stillDeclared(owned, declared));
  return owned.filter(({ key }) => {
    const names = packagesIn(key);
    return !keys.has(key) && (names.length === 0 || !names.every((name) => packages.has(name)));
  });
}

/** Packages that are declared, of those that some resource of the list is for. */
export function stillDeclared(owned: readonly Owned[], declared: readonly Pick<Declared, 'key'>[]): readonly string[] {
  const listed = new Set(owned.flatMap(({ key }) => packagesIn(key)));
  return declared.flatMap(({ key }) => packagesIn(key)).filter((name) => listed.has(name));
}
