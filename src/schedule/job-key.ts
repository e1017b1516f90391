import { z } from 'zod';
import { parsePublicKey } from '../resources/accounts/public-key.ts';
import { authorizedKeys } from '../resources/authorized-keys.ts';
import { defineResource } from '../resources/define-resource.ts';

const { resourceType } = authorizedKeys;

const props = z.strictObject({
  /** Whoever the job logs in as. */
  user: z.string(),
  /** Comment of the key: every other line with it is an older key of the job, and goes. */
  comment: z.string().regex(/^\S+$/),
  /** The line without its comment; null to be without one. */
  key: z.string().nullable(),
});
type Props = z.output<typeof props>;

/** The key of a scheduled job on a host that it manages: one line of `authorized_keys`, known by its comment. */
export const jobKey = defineResource({
  type: 'job-key',
  props,
  id: ({ comment }: Props) => comment,
  read: (host, { user }) => resourceType.read(host, keysOf(user)),
  diff(given: Props, current) {
    const { content = '' } = current as { readonly content?: string };
    const others = content.split('\n').filter((line) => parsePublicKey(line)?.comment === given.comment);
    const wanted = given.key === null ? [] : [`${given.key} ${given.comment}`];
    // Without a key nothing is made and nothing is put right: an account that is gone needs nobody's care.
    if (given.key === null && others.length === 0) return [];
    return resourceType.diff({ ...keysOf(given.user), keys: wanted, revoked: others }, current);
  },
});

function keysOf(user: string) {
  return { user, keys: [] as string[], revoked: [] as string[], exclusive: false };
}

/** What a job has to do on a host. */
export interface KeyRights {
  /** Run commands; not where it only jumps over. */
  readonly commands: boolean;
  /** Addresses to which the way leads over this host. */
  readonly opens: readonly string[];
  /** Addresses of the host that is jumped over on the way to this one, which its connections come from. */
  readonly via: readonly string[];
}

/**
 * The line that lets a job in, from these addresses alone, to what it has to do there: no terminal, no forwarding but on the way
 * to other hosts of the job. sshd(8), AUTHORIZED_KEYS FILE FORMAT.
 *
 * @param publicKey as ssh-keygen writes it
 * @returns undefined for what is no public key
 */
export function restrictedKey(publicKey: string, from: readonly string[], rights: KeyRights): string | undefined {
  const key = parsePublicKey(publicKey);
  if (key === null) return undefined;
  const { commands, opens, via } = rights;
  const options = [
    'restrict',
    ...(opens.length > 0 ? ['port-forwarding'] : []),
    // The port of a host may move; its fallback is another one.
    ...opens.map((address) => `permitopen="${address.includes(':') ? `[${address}]` : address}:*"`),
    ...(commands ? [] : ['command="exit 1"']),
    `from="${[...new Set([...from, ...via])].join(',')}"`,
  ];
  return `${options.join(',')} ${key.type} ${key.key}`;
}
