import { open } from 'node:fs/promises';
import { LabError } from '../shared/errors.ts';
import { Secret } from '../shared/secret.ts';

/**
 * The token of `--notify-url`: from a file that only this user can read, or from `LAB_NOTIFY_TOKEN`.
 *
 * @throws LabError USAGE; never with the token
 */
export async function notifyToken(
  file: string | undefined,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<Secret | undefined> {
  if (file !== undefined) return tokenOf(await readPrivate(file), file);
  const value = environment.LAB_NOTIFY_TOKEN;
  return value === undefined || value === '' ? undefined : tokenOf(value, 'LAB_NOTIFY_TOKEN');
}

async function readPrivate(file: string): Promise<string> {
  try {
    await using handle = await open(file);
    const { mode } = await handle.stat();
    if ((mode & 0o077) === 0) return await handle.readFile('utf8');
    throw new LabError('USAGE', 'others on this machine can read the token', {
      at: { file },
      expected: 'mode 0600',
      found: `mode ${(mode & 0o7777).toString(8).padStart(4, '0')}`,
      hint: `chmod 600 ${file}`,
    });
  } catch (thrown) {
    if (thrown instanceof LabError) throw thrown;
    throw new LabError('USAGE', `the token cannot be read: ${(thrown as Error).message}`, {
      at: { file },
      cause: thrown,
    });
  }
}

function tokenOf(text: string, where: string): Secret {
  const token = text.trim();
  if (/^[\x21-\x7e]+$/.test(token)) return new Secret(token, where);
  throw new LabError('USAGE', `${where} holds no token`, {
    expected: 'one line of ASCII without blanks, as it stands after "Bearer"',
    found: token === '' ? 'nothing' : 'other characters',
  });
}
