import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Host } from '../model/types.ts';
import type { SystemFact } from '../remote/facts/contract.ts';

/**
 * What kind of system a host was when last seen, so that roles can choose by it without a round trip of its own. It is
 * only a guess: every run reads the facts with the rest, and declares anew when they differ.
 */
export function rememberedSystem(host: Host): SystemFact | undefined {
  try {
    return JSON.parse(readFileSync(cacheFile(host), 'utf8')) as SystemFact;
  } catch {
    return undefined;
  }
}

export function rememberSystem(host: Host, system: SystemFact): void {
  const known = rememberedSystem(host);
  if (known !== undefined && sameSystem(known, system)) return;
  const file = cacheFile(host);
  try {
    mkdirSync(cacheFolder(), { recursive: true, mode: 0o700 });
    writeFileSync(`${file}.${process.pid}`, JSON.stringify(system), { mode: 0o600 });
    renameSync(`${file}.${process.pid}`, file);
  } catch {
    // A cache that cannot be written costs a round trip the next time, nothing else.
  }
}

/** Uptime, memory and the like may differ from one run to the next without a role caring. */
export function sameSystem(a: SystemFact, b: SystemFact): boolean {
  const kept = ({ os, osVersion, codename, architecture, init, packageManager, container, uid }: SystemFact) =>
    JSON.stringify([os, osVersion, codename, architecture, init, packageManager, container, uid]);
  return kept(a) === kept(b);
}

function cacheFolder(): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'lab', 'systems');
}

function cacheFile({ name, connection }: Host): string {
  const key = JSON.stringify([name, connection.transport, connection.address, connection.port, connection.user]);
  return join(cacheFolder(), `${createHash('sha256').update(key).digest('hex').slice(0, 24)}.json`);
}
