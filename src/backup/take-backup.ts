import { basename } from 'node:path';
import pLimit from 'p-limit';
import type { Host, Inventory } from '../model/types.ts';
import type { Play } from '../playbook/contract.ts';
import { Session } from '../remote/session.ts';
import type { Reached } from '../runner/link.ts';
import { asLabError, LabError } from '../shared/errors.ts';
import { packageVersion } from '../shared/own-package.ts';
import { declarationsOf } from './declared.ts';
import { formatVersion, type Manifest } from './manifest.ts';
import { readHost } from './read-host.ts';
import { type BackupTarget, type HostContent, writeBackup } from './write-backup.ts';

export interface BackupOptions {
  readonly target: BackupTarget;
  /** Folder of the project. */
  readonly project: string;
  readonly inventory: Inventory;
  readonly hosts: readonly Host[];
  readonly playsOf: (host: Host) => readonly Play[];
  /** Names of roles that are left out. */
  readonly skip: readonly string[];
  /** Hosts at the same time. */
  readonly forks: number;
  readonly connect: (host: Host) => Promise<Reached>;
  readonly stop: AbortSignal;
}

export interface BackupResult {
  readonly manifest: Manifest;
  /** Why hosts are not in it. */
  readonly errors: readonly LabError[];
}

/**
 * Keeps what the roles of hosts declare, encrypted in one file. A host that fails stops no other; without any host no file is
 * written. Nothing is changed on the hosts.
 *
 * @throws LabError BACKUP_FILE, ROLE_PARAMS, PLAYBOOK_INVALID; the reason of `stop`
 */
export async function takeBackup(options: BackupOptions): Promise<BackupResult> {
  const { hosts, forks, inventory, playsOf, skip, stop, target, project } = options;
  const declared = new Map(hosts.map((host) => [host.name, declarationsOf(host, playsOf(host), inventory, skip)]));
  const errors: LabError[] = [];
  const limit = pLimit(forks);
  const reading = hosts.map((host) =>
    limit(async (): Promise<HostContent | LabError> => {
      try {
        stop.throwIfAborted();
        const reached = await options.connect(host);
        await using connection = reached.connection;
        await using session = await Session.open(connection, reached.settings);
        const { contents, ...kept } = await readHost(session, declared.get(host.name) ?? []);
        return { host: host.name, kept: { address: host.connection.address, ...kept }, contents };
      } catch (thrown) {
        return asLabError(thrown).with({ host: host.name });
      }
    }),
  );
  const stopped = new Promise<never>((_, reject) => stop.addEventListener('abort', () => reject(stop.reason)));
  stopped.catch(() => {}); // whoever waits for a host sees it
  async function* contents(): AsyncGenerator<HostContent> {
    for (const one of reading) {
      const outcome = await Promise.race([one, stopped]);
      if (outcome instanceof LabError) errors.push(outcome);
      else yield outcome;
    }
  }
  const manifest = await writeBackup(target, contents(), (kept) => ({
    kind: 'labwright-backup',
    version: formatVersion,
    madeBy: packageVersion(),
    madeAt: new Date().toISOString(),
    project: basename(project),
    hosts: Object.fromEntries(kept),
    missing: Object.fromEntries(errors.map(({ details, message }) => [details.host ?? '', message])),
  }));
  return { manifest, errors };
}
