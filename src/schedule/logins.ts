import { readFileSync } from 'node:fs';
import type { ConnectionSettings } from '../transport/contract.ts';
import { type Login, parseManifest, placesOf } from './job.ts';

/** Path of the manifest of the job that this process runs for. */
export const jobVariable = 'LAB_SCHEDULED_JOB';

interface JobLogins {
  readonly key: string;
  readonly logins: Readonly<Record<string, Login>>;
}

let known: JobLogins | null | undefined;

/**
 * Inside a scheduled job, a host with the login of that job: its own key, and whatever `~/.ssh/config` said where it was
 * scheduled. Elsewhere the host as it is.
 */
export function withJobLogin<Kind extends { readonly name: string; readonly connection: ConnectionSettings }>(
  host: Kind,
): Kind {
  const job = jobLogins();
  const login = job?.logins[host.name];
  return job === null || login === undefined ? host : { ...host, connection: loginAs(host.connection, login, job.key) };
}

export function loginAs(declared: ConnectionSettings, login: Login, key: string): ConnectionSettings {
  const { passphrase: _, configFile: __, fallback, ...kept } = declared;
  const { jumps, ...endpoint } = login;
  return {
    ...kept,
    ...endpoint,
    proxyJump: jumps,
    identityFile: key,
    ...(fallback && { fallback: fallback.map((entry) => ({ ...entry, identityFile: key })) }),
  };
}

function jobLogins(): JobLogins | null {
  if (known === undefined) {
    const file = process.env[jobVariable];
    const job = file === undefined ? undefined : parseManifest(readFileSync(file, 'utf8'));
    known = job === undefined ? null : { key: placesOf(job.name).key, logins: job.logins };
  }
  return known;
}
