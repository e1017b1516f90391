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

/**
 * The line that lets a job in and gives it nothing beyond commands: no terminal, no forwarding, only from these addresses.
 *
 * @param publicKey as ssh-keygen writes it
 * @returns undefined for what is no public key
 */
export function restrictedKey(publicKey: string, from: readonly string[]): string | undefined {
  const key = parsePublicKey(publicKey);
  return key === null ? undefined : `restrict,from="${from.join(',')}" ${key.type} ${key.key}`;
}
