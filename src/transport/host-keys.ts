import { readFile } from 'node:fs/promises';
import { formatLocation, LabError } from '../shared/errors.ts';
import type { HostKey, HostKeyPolicy } from './contract.ts';
import { type Endpoint, formatAddress } from './endpoint.ts';
import { fingerprint, type KnownHostsEntry, lookupName, parseKnownHosts, sameKey } from './known-hosts.ts';

/** What is known of a host's keys before it is dialled. */
export interface KnownHostKeys {
  /** Pinned in the lock file; when there are any, they alone decide. */
  readonly pinned: readonly HostKey[];
  /** Entries of `known_hosts` files for this host; none of them is a revocation. */
  readonly entries: readonly KnownHostsEntry[];
  /** Entries for the same name on port 22: good enough to trust a key, not to doubt one (as ssh does it). */
  readonly withoutPort: readonly KnownHostsEntry[];
  /** Keys that "must not ever be accepted" (sshd(8)), for whichever host they are listed: a host may have moved since. */
  readonly revoked: readonly KnownHostsEntry[];
}

export async function readKnownHostKeys(endpoint: Endpoint, policy: HostKeyPolicy): Promise<KnownHostKeys> {
  const texts = await Promise.all(
    endpoint.knownHostsFiles.map(async (file) => ({ file, text: await readFile(file, 'utf8').catch(() => '') })),
  );
  const lines = texts.flatMap(({ file, text }) => parseKnownHosts(text, file));
  const all = lines.filter(({ marker }) => marker !== 'revoked');
  const { hostKeyAlias, address } = endpoint;
  const name = knownHostsName(endpoint);
  const bare = lookupName(address, 22);
  return {
    pinned: policy.pinned(endpoint.name, address),
    entries: all.filter((entry) => entry.matches(name)),
    withoutPort: bare === name || hostKeyAlias !== undefined ? [] : all.filter((entry) => entry.matches(bare)),
    revoked: lines.filter(({ marker }) => marker === 'revoked'),
  };
}

/** The key types to ask for first, so that a host known by its ed25519 key does not present another one. */
export function knownKeyTypes(known: KnownHostKeys): string[] {
  const keys =
    known.pinned.length > 0
      ? known.pinned
      : [...known.entries, ...known.withoutPort].filter(({ marker }) => marker === undefined).map(({ key }) => key);
  return [...new Set(keys.map(({ type }) => type))];
}

type Verdict = 'trusted' | 'unknown' | LabError;

/** Whether the presented key may be trusted; a LabError when it contradicts what is known. Pure. */
export function judgeHostKey(endpoint: Endpoint, known: KnownHostKeys, key: HostKey): Verdict {
  const revoked = known.revoked.find((entry) => sameKey(entry.key, key));
  if (revoked !== undefined) {
    return new LabError('HOST_KEY_CHANGED', `${formatAddress(endpoint)} presents a key that is marked as revoked`, {
      at: revoked.at,
      found: describeKey(key),
      hint: 'do not connect: someone who holds the revoked key may be answering in place of the host',
    });
  }
  if (known.pinned.length > 0) {
    return known.pinned.some((pinned) => sameKey(pinned, key))
      ? 'trusted'
      : changedFromLock(endpoint, known.pinned, describeKey(key));
  }
  const entries = known.entries.filter(({ marker }) => marker === undefined);
  if ([...entries, ...known.withoutPort].some((entry) => entry.marker === undefined && sameKey(entry.key, key))) {
    return 'trusted';
  }
  return entries.length === 0 ? 'unknown' : changedFromKnownHosts(endpoint, entries, describeKey(key));
}

/** @throws LabError HOST_KEY_UNKNOWN when nobody accepts the key */
export async function askAboutHostKey(
  endpoint: Endpoint,
  known: KnownHostKeys,
  key: HostKey,
  policy: HostKeyPolicy,
): Promise<void> {
  const accepted = !endpoint.refuseUnknownKeys && (await policy.firstContact(endpoint.name, key, fingerprint(key)));
  if (accepted) return;
  const authority = [...known.entries, ...known.withoutPort].find(({ marker }) => marker === 'cert-authority');
  throw new LabError('HOST_KEY_UNKNOWN', `the host key of ${formatAddress(endpoint)} is not known`, {
    expected: 'a key pinned in the lock file or in known_hosts',
    found: describeKey(key),
    hint:
      authority === undefined
        ? 'compare the fingerprint on the host (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), then accept it: ' +
          'run once at a terminal and confirm, or with --accept-new-host-keys'
        : `${formatLocation(authority.at)} trusts a certificate authority for it; host certificates need "transport: openssh"`,
  });
}

/** The lock file holds other keys for this host. `found` shows the presented one. */
export function changedFromLock(endpoint: Endpoint, pinned: readonly HostKey[], found: string): LabError {
  return changed(
    endpoint,
    pinned.map((key) => `${describeKey(key)} (lock file)`),
    found,
    {
      hint: `${warning} remove the key of "${endpoint.name}" from the lock file (lab.lock.yml beside the inventory), and accept the new one on the next run`,
    },
  );
}

/** `known_hosts` files hold other keys for this host. */
export function changedFromKnownHosts(
  endpoint: Endpoint,
  entries: readonly KnownHostsEntry[],
  found: string,
): LabError {
  const file = entries[0]?.at.file ?? '~/.ssh/known_hosts';
  return changed(
    endpoint,
    entries.map((entry) => `${describeKey(entry.key)} (${formatLocation(entry.at)})`),
    found,
    {
      at: entries[0]?.at,
      hint: `${warning} ssh-keygen -f '${file}' -R '${knownHostsName(endpoint)}', and accept the new one on the next run`,
    },
  );
}

const warning =
  'someone may be answering in its place. If the host was reinstalled or its keys were replaced on purpose:';

function changed(
  endpoint: Endpoint,
  known: readonly string[],
  found: string,
  details: { readonly at?: LabError['details']['at']; readonly hint: string },
): LabError {
  return new LabError('HOST_KEY_CHANGED', `the host key of ${formatAddress(endpoint)} is not the one that is known`, {
    ...details,
    expected: known.join(' or '),
    found,
  });
}

/** The name that stands for the endpoint in `known_hosts`. */
export function knownHostsName(endpoint: Endpoint): string {
  return endpoint.hostKeyAlias?.toLowerCase() ?? lookupName(endpoint.address, endpoint.port);
}

function describeKey(key: HostKey): string {
  return `${key.type} ${fingerprint(key)}`;
}
