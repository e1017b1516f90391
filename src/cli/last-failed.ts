import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { LabError } from '../shared/errors.ts';

/** The hosts that did not reach the declared state in the last run of this folder, for `--limit @failed`. */
export function lastFailed(folder: string): readonly string[] {
  try {
    return JSON.parse(readFileSync(fileOf(folder), 'utf8')) as string[];
  } catch {
    throw new LabError('HOST_PATTERN', 'no earlier run of this folder is known, so @failed names nobody', {
      hint: 'run the playbook once without --limit @failed',
    });
  }
}

export function rememberFailed(folder: string, hosts: readonly string[]): void {
  try {
    mkdirSync(stateFolder(), { recursive: true, mode: 0o700 });
    writeFileSync(fileOf(folder), JSON.stringify(hosts), { mode: 0o600 });
  } catch {
    // A home that cannot be written to only costs the convenience of @failed.
  }
}

/** What `lab` remembers of earlier runs on this machine, for this user alone. */
export function stateFolder(): string {
  return join(process.env.XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'lab');
}

function fileOf(folder: string): string {
  return join(stateFolder(), `failed-${createHash('sha256').update(folder).digest('hex').slice(0, 16)}.json`);
}
