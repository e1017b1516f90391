import { readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';
import { notifyUrl } from '../../notify/notify-url.ts';
import { notifyToken } from '../../notify/token.ts';
import type { Job } from '../../schedule/job.ts';
import type { KeyRights } from '../../schedule/job-key.ts';
import type { ControlHost } from '../../schedule/look.ts';
import { mergeLock } from '../../schedule/merge-lock.ts';
import { dependencyEntries, programEntries } from '../../schedule/package-tree.ts';
import { repositoryOf } from '../../schedule/repository.ts';
import type { Delivery } from '../../schedule/role.ts';
import { type TarEntry, tar } from '../../schedule/tar.ts';
import { readIdentities } from '../../secrets/identity.ts';
import { LabError } from '../../shared/errors.ts';
import { Secret } from '../../shared/secret.ts';
import { resolveEndpoint } from '../../transport/ssh-config.ts';
import type { Control } from './control.ts';

export interface DeliverOptions {
  readonly from: readonly string[];
  readonly notify?: string;
  readonly notifyCommand?: string;
  readonly notifyTokenFile?: string;
  readonly secretsIdentity?: string;
}

/** Where connections of the control host come from. */
function sourcesOf({ host }: Control, seen: ControlHost, more: readonly string[]): string[] {
  const declared = [...host.addresses.values()].flat();
  const all = [...seen.addresses, ...declared].filter((address) => /^[0-9a-fA-F.:]+$/.test(address));
  return [...new Set([...all, ...more])].sort();
}

interface Source {
  readonly root: string;
  readonly lockFile: string;
  /** For archives; somebody else removes it. */
  readonly folder: string;
}

/** Gathers on this machine all that goes to the control host. */
export async function deliveryOf(
  job: Job,
  rights: ReadonlyMap<string, KeyRights>,
  control: Control,
  seen: ControlHost,
  source: Source,
  options: DeliverOptions,
): Promise<Delivery> {
  const { root, lockFile, folder } = source;
  const repository = repositoryOf(root);
  for (const path of repository.secrets)
    process.stderr.write(`${path} holds a private key and is not copied to the control host\n`);
  const modules = dependencyEntries(root, new Set(['labwright']));
  const from = sourcesOf(control, seen, options.from);
  if (from.length === 0) {
    throw new LabError('SCHEDULE_HOST', 'the control host has no address that the key could be bound to', {
      hint: 'say where its connections come from: --from ADDRESS',
    });
  }
  const { logins: before = {} } = seen.before ?? {};
  return {
    job,
    rights,
    from,
    repository: repository.files,
    lockFile: {
      path: relative(root, lockFile),
      content: mergeLock(await readFile(lockFile, 'utf8'), seen.lock),
    },
    program: await pack(programEntries(), join(folder, 'program.tar.gz')),
    modules: modules.length === 0 ? null : await pack(modules, join(folder, 'node_modules.tar.gz')),
    node: { file: process.execPath, version: process.version },
    token: options.notifyTokenFile === undefined ? undefined : await notifyToken(options.notifyTokenFile, {}),
    identity: options.secretsIdentity === undefined ? undefined : await identityIn(options.secretsIdentity),
    formerLogins: new Map(
      [[control.host.name, await userOn(control)], ...Object.entries(before).map(([name, { user }]) => [name, user])]
        .map(([name = '', user = '']): [string, string] => [name, user])
        .filter(([name]) => !Object.hasOwn(job.logins, name)),
    ),
  };
}

/** Its key is always declared on the control host, present or absent: pruned, it would take later keys along. */
async function userOn({ host: { name, connection } }: Control): Promise<string> {
  if (connection.transport === 'local' || connection.transport === 'docker') return 'root';
  return (await resolveEndpoint({ ...connection, name })).user;
}

async function pack(entries: readonly TarEntry[], file: string): Promise<string> {
  await writeFile(file, gzipSync(tar(entries)));
  return file;
}

async function identityIn(file: string): Promise<Secret> {
  const keys = await readIdentities({ environment: { LAB_AGE_IDENTITY_FILE: file } });
  return new Secret(`${keys.join('\n')}\n`, file);
}

/** @throws LabError USAGE for what cannot be notified */
export function notifyOf({ notify, notifyCommand, notifyTokenFile }: DeliverOptions): Job['notify'] {
  if (notifyTokenFile !== undefined && notify === undefined)
    throw new LabError('USAGE', '--notify-token-file needs --notify');
  if (notify !== undefined) notifyUrl(notify, { option: '--notify' });
  if (notifyCommand !== undefined && !/^\/[^\0\n]*$/.test(notifyCommand)) {
    throw new LabError('USAGE', '--notify-command names no program of the control host', {
      expected: 'an absolute path there; it is called without a shell and without arguments',
      found: notifyCommand,
    });
  }
  if (notify === undefined && notifyCommand === undefined) return undefined;
  return {
    ...(notify !== undefined && { url: notify }),
    ...(notifyCommand !== undefined && { command: notifyCommand }),
  };
}
