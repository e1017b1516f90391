import { existsSync } from 'node:fs';
import { isRecipient } from '../secrets/age.ts';
import { secretsPaths } from '../secrets/paths.ts';
import { readRecipients } from '../secrets/recipients.ts';
import { LabError } from '../shared/errors.ts';

/**
 * Public keys of those who can open a backup: whoever can open the project's secrets, and those that are given beside them.
 *
 * @throws LabError SECRETS_FILE, USAGE
 */
export async function recipientsOf(projectRoot: string, given: readonly string[]): Promise<string[]> {
  for (const key of given) {
    if (await isRecipient(key)) continue;
    throw new LabError('USAGE', 'this is no age recipient', {
      expected: '--recipient with a public key that begins with age1',
      // Whoever mixes up the two keys must not find the private one in a log.
      found: /^AGE-SECRET-KEY/i.test(key) ? 'a private key, which is not shown' : key.slice(0, 80),
    });
  }
  const { recipients: file } = secretsPaths(projectRoot);
  const own = existsSync(file) ? (await readRecipients(file)).map(({ key }) => key) : [];
  const all = [...new Set([...own, ...given])];
  if (all.length > 0) return all;
  throw new LabError('SECRETS_FILE', 'nobody is named who could open the backup', {
    at: { file },
    expected: 'an age public key a line, or --recipient age1…',
    hint: 'lab secrets init makes an identity, and names it there',
  });
}
