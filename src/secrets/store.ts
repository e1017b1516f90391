import { readFile } from 'node:fs/promises';
import { LabError } from '../shared/errors.ts';
import { Secret } from '../shared/secret.ts';
import { nearest } from '../shared/suggest.ts';
import { decryptWith, encryptFor } from './age.ts';
import { type IdentityOptions, readIdentities } from './identity.ts';
import { secretsPaths } from './paths.ts';
import { readRecipients } from './recipients.ts';

/** The secrets of a project, opened. */
export class SecretStore {
  readonly #secrets: ReadonlyMap<string, Secret>;
  readonly #file: string;

  constructor(values: ReadonlyMap<string, string>, file: string) {
    this.#secrets = new Map([...values].map(([path, value]) => [path, new Secret(value, path)]));
    this.#file = file;
  }

  /** @throws LabError SECRET_MISSING, with the nearest path that exists */
  get(path: string): Secret {
    const secret = this.#secrets.get(path);
    if (secret !== undefined) return secret;
    const near = nearest(path, this.paths);
    const below = this.paths.filter((known) => known.startsWith(`${path}.`) || known.startsWith(`${path}[`));
    throw new LabError('SECRET_MISSING', `there is no secret "${path}"`, {
      expected: `a value in ${this.#file}`,
      found: below.length > 0 ? `others below it: ${below.join(', ')}` : undefined,
      hint:
        near === undefined
          ? `lab secrets set ${path} adds it`
          : `did you mean "${near}"? lab secrets set ${path} adds it`,
    });
  }

  get paths(): string[] {
    return [...this.#secrets.keys()];
  }

  /** All of them, for a Redactor. */
  get all(): Secret[] {
    return [...this.#secrets.values()];
  }
}

/**
 * Reads and decrypts the secrets of a project; a project without a secrets file has none.
 *
 * @throws LabError SECRETS_IDENTITY, SECRETS_FILE
 * @example
 * const store = await readSecrets('/home/me/homelab');
 * store.get('nas.password'); // Secret(nas.password)
 */
export async function readSecrets(projectRoot: string, options: IdentityOptions = {}): Promise<SecretStore> {
  const { file } = secretsPaths(projectRoot);
  const encrypted = await readEncrypted(file);
  if (encrypted === undefined) return new SecretStore(new Map(), file);
  const { parseSecrets, flattenSecrets } = await import('./document.ts');
  const text = await openText(encrypted, file, options);
  return new SecretStore(flattenSecrets(parseSecrets(text, file)), file);
}

/** The content of the secrets file; undefined when there is none. */
export async function readEncrypted(file: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(file);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new LabError('SECRETS_FILE', `the secrets cannot be read: ${(cause as Error).message}`, {
      at: { file },
      cause,
    });
  }
}

/** The decrypted YAML. */
export async function openText(encrypted: Uint8Array, file: string, options: IdentityOptions): Promise<string> {
  const content = await decryptWith(await readIdentities(options), encrypted, file);
  return Buffer.from(content).toString('utf8');
}

/**
 * Encrypts bytes for the recipients of a project: a saved plan, say.
 *
 * @returns an armored age file
 * @throws LabError SECRETS_FILE when the project has no recipients
 */
export async function sealFor(projectRoot: string, content: Uint8Array): Promise<string> {
  const recipients = await readRecipients(secretsPaths(projectRoot).recipients);
  return encryptFor(
    recipients.map(({ key }) => key),
    content,
  );
}

/**
 * Opens what `sealFor` made.
 *
 * @param file names it in errors
 * @throws LabError SECRETS_IDENTITY, SECRETS_FILE
 */
export async function openSealed(
  content: Uint8Array,
  file: string,
  options: IdentityOptions = {},
): Promise<Uint8Array> {
  return decryptWith(await readIdentities(options), content, file);
}
