import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { LabError } from '../shared/errors.ts';
import { decryptWithPassphrase, isEncrypted } from './age.ts';

export interface IdentityOptions {
  /** Default `process.env`. */
  readonly environment?: NodeJS.ProcessEnv | undefined;
  /** Asks for the passphrase of a protected identity file. Without it such a file is refused. */
  readonly askPassphrase?: ((file: string) => Promise<string>) | undefined;
}

/** Where `lab secrets init` puts a new identity. */
export function defaultIdentityFile(environment: NodeJS.ProcessEnv = process.env): string {
  return join(configFolder(environment), 'lab', 'identity.txt');
}

/**
 * The age identities (private keys) of this user: those of `LAB_AGE_IDENTITY_FILE`, or else of
 * `~/.config/lab/identity.txt` and of the file that SOPS uses, as far as they exist.
 *
 * @throws LabError SECRETS_IDENTITY when there is none, when others can read the file, or when it is no identity
 */
export async function readIdentities(options: IdentityOptions = {}): Promise<string[]> {
  const environment = options.environment ?? process.env;
  const named = environment.LAB_AGE_IDENTITY_FILE;
  const candidates = named ? [named] : [defaultIdentityFile(environment), sopsKeyFile(environment)];
  const identities: string[] = [];
  for (const file of candidates) identities.push(...((await readIdentityFile(file, options)) ?? []));
  if (identities.length > 0) return identities;
  throw new LabError('SECRETS_IDENTITY', 'there is no age identity to open the secrets with', {
    expected: named ? 'the file that LAB_AGE_IDENTITY_FILE names' : candidates.join(' or '),
    found: 'no such file',
    hint: named
      ? 'correct LAB_AGE_IDENTITY_FILE'
      : 'copy your identity there, name its file in LAB_AGE_IDENTITY_FILE, or make one: lab secrets init',
  });
}

/** The keys of a file; undefined when there is no such file. */
async function readIdentityFile(file: string, options: IdentityOptions): Promise<string[] | undefined> {
  const text = await readPrivateFile(file);
  if (text === undefined) return undefined;
  if (!isEncrypted(text)) return parseIdentities(text.toString('utf8'), file);
  if (options.askPassphrase === undefined) {
    throw new LabError('SECRETS_IDENTITY', 'the identity is protected by a passphrase, and there is nobody to ask', {
      at: { file },
      hint: 'run this in a terminal, or name an unprotected identity in LAB_AGE_IDENTITY_FILE',
    });
  }
  const opened = await decryptWithPassphrase(text, await options.askPassphrase(file), file);
  return parseIdentities(Buffer.from(opened).toString('utf8'), file);
}

async function readPrivateFile(file: string): Promise<Buffer | undefined> {
  try {
    const { mode } = await stat(file);
    if ((mode & 0o077) !== 0) {
      throw new LabError('SECRETS_IDENTITY', 'others on this machine can read the identity', {
        at: { file },
        expected: 'mode 0600',
        found: `mode ${(mode & 0o7777).toString(8).padStart(4, '0')}`,
        hint: `chmod 600 ${file}`,
      });
    }
    return await readFile(file);
  } catch (thrown) {
    if (thrown instanceof LabError) throw thrown;
    const { code, message } = thrown as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new LabError('SECRETS_IDENTITY', `the identity cannot be read: ${message}`, { at: { file }, cause: thrown });
  }
}

/** The format of `age-keygen`: a key a line, `#` comments. A key is never part of an error. */
function parseIdentities(text: string, file: string): string[] {
  const keys = text.split('\n').map((line, index) => ({ key: line.trim(), line: index + 1 }));
  const identities = keys.filter(({ key }) => key !== '' && !key.startsWith('#'));
  for (const { key, line } of identities) {
    if (/^AGE-SECRET-KEY-(PQ-)?1[0-9A-Z]+$/.test(key)) continue;
    throw new LabError('SECRETS_IDENTITY', 'this line is no age identity', {
      at: { file, line },
      expected: 'AGE-SECRET-KEY-1… as age-keygen writes it',
      found: key.startsWith('AGE-PLUGIN-') ? 'the identity of a plugin, which is not supported' : 'something else',
    });
  }
  if (identities.length > 0) return identities.map(({ key }) => key);
  throw new LabError('SECRETS_IDENTITY', 'the identity file holds no key', { at: { file } });
}

function configFolder(environment: NodeJS.ProcessEnv): string {
  return environment.XDG_CONFIG_HOME || join(environment.HOME || homedir(), '.config');
}

function sopsKeyFile(environment: NodeJS.ProcessEnv): string {
  return environment.SOPS_AGE_KEY_FILE || join(configFolder(environment), 'sops', 'age', 'keys.txt');
}
