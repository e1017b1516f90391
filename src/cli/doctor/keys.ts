import { stat } from 'node:fs/promises';
import type { LockFile } from '../../model/lock-file.ts';
import type { Host, Inventory } from '../../model/types.ts';
import { quote } from '../../shared/quote.ts';
import { agentKeys } from '../../transport/agent.ts';
import type { HostKeyPolicy } from '../../transport/contract.ts';
import { formatAddress } from '../../transport/endpoint.ts';
import { readKnownHostKeys } from '../../transport/host-keys.ts';
import { readIdentity } from '../../transport/identity.ts';
import { sameKey } from '../../transport/known-hosts.ts';
import { resolveEndpoint } from '../../transport/ssh-config.ts';
import { bad, type Finding, warning } from './finding.ts';

/** The keys that the inventory, or the configuration of SSH, names for its hosts, each once. */
export async function keyFindings(
  { hosts }: Inventory,
  socket: string | undefined = process.env.SSH_AUTH_SOCK,
): Promise<Finding[]> {
  const named = [...hosts.values()].flatMap(({ connection }) =>
    connection.identityFile === undefined ? [] : [{ file: connection.identityFile, connection }],
  );
  const files = new Map(named.map(({ file, connection }) => [file, connection.passphrase] as const));
  const held = socket ? ((await agentKeys(socket)) ?? []).map((key) => key.getPublicSSH()) : [];
  const findings = await Promise.all(
    [...files].map(async ([file, passphrase]) => {
      const identity = await readIdentity(file, passphrase);
      const mode = await modeOf(file);
      if (identity.kind === 'missing') return [keyMissing(file)];
      const loose =
        mode !== undefined && (mode & 0o077) !== 0 && identity.kind !== 'public' ? [keyMode(file, mode)] : [];
      if (identity.kind === 'unusable' || identity.kind === 'bad-passphrase')
        return [...loose, keyUnusable(file, identity.reason)];
      const isHeld = (key: Buffer | undefined) => key !== undefined && held.some((one) => one.equals(key));
      if (identity.kind === 'encrypted' && !isHeld(identity.publicKey)) return [...loose, keyLocked(file)];
      return loose;
    }),
  );
  return findings.flat();
}

async function modeOf(file: string): Promise<number | undefined> {
  return stat(file).then(
    ({ mode }) => mode,
    () => undefined,
  );
}

function keyMissing(file: string): Finding {
  return bad(
    'key-missing',
    `the key ${file} does not exist`,
    'the inventory names it as identityFile',
    `correct identityFile in the inventory, or make the key: ssh-keygen -t ed25519 -f ${quote(file)}`,
  );
}

function keyMode(file: string, mode: number): Finding {
  return warning(
    'key-mode',
    `others can read the key ${file} (mode ${(mode & 0o777).toString(8).padStart(4, '0')})`,
    'whoever reads it can log in, and ssh itself refuses to use it',
    `chmod 600 ${quote(file)}`,
  );
}

function keyUnusable(file: string, reason: string): Finding {
  return bad(
    'key-unusable',
    `the key ${file} ${reason}`,
    'no host that it is for lets you in',
    `ssh-keygen -y -f ${quote(file)} tells more`,
  );
}

function keyLocked(file: string): Finding {
  return bad(
    'key-locked',
    `the key ${file} has a passphrase, and no SSH agent holds it`,
    'lab cannot use it without one of both',
    `eval "$(ssh-agent)" && ssh-add ${quote(file)}; or passphrase in the inventory`,
  );
}

/** Hosts for which `known_hosts` and the lock file have different keys of a type. */
export async function knownHostsFindings({ hosts }: Inventory, lock: LockFile): Promise<Finding[]> {
  const policy: HostKeyPolicy = { pinned: (host) => lock.pinned(host), firstContact: async () => false };
  const findings = await Promise.all([...hosts.values()].map((host) => conflictOf(host, policy)));
  return findings.flat();
}

async function conflictOf({ name, connection }: Host, policy: HostKeyPolicy): Promise<Finding[]> {
  if (connection.transport !== 'ssh' && connection.transport !== 'openssh') return [];
  const endpoint = await resolveEndpoint({ ...connection, name });
  const { pinned, entries } = await readKnownHostKeys(endpoint, policy);
  const other = entries.find(
    ({ marker, key }) =>
      marker === undefined && pinned.some(({ type }) => type === key.type) && !pinned.some((one) => sameKey(one, key)),
  );
  if (other === undefined) return [];
  const address = endpoint.port === 22 ? endpoint.address : `[${endpoint.address}]:${endpoint.port}`;
  return [
    warning(
      'known-hosts-conflict',
      `${other.at.file}:${other.at.line} has another ${other.key.type} key for ${formatAddress(endpoint)} than the lock file`,
      `lab goes by the lock file, ssh by known_hosts: one of them lets somebody else answer for ${name}`,
      `look at the host's own console (ssh-keygen -l -f /etc/ssh/ssh_host_*.pub), then: ssh-keygen -R ${quote(address)} -f ${quote(other.at.file)}`,
    ),
  ];
}
