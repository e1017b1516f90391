import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { LabError } from '../shared/errors.ts';
import { countRecipients, encryptFor, newIdentity, recipientOf } from './age.ts';
import { flattenSecrets, parseSecrets, setSecret } from './document.ts';
import { defaultIdentityFile, type IdentityOptions, readIdentities } from './identity.ts';
import { type SecretsPaths, secretsPaths } from './paths.ts';
import { addRecipient, type Recipient, readRecipients, removeRecipient } from './recipients.ts';
import { openText, readEncrypted } from './store.ts';
import { writeWhole } from './write-whole.ts';

const skeleton = `# Secrets of this project: any tree of names and values, used as secret('nas.password').
# Every value is text as it stands; more than one line: "key: |" and indented lines below.
`;

interface Initialised {
  /** The public key that the file is encrypted for. */
  readonly recipient: string;
  /** Set when a new identity was made. */
  readonly identityFile?: string | undefined;
}

/** The secrets of one project, for the commands that change them. */
export class SecretsFile {
  readonly paths: SecretsPaths;
  readonly #options: IdentityOptions;

  constructor(projectRoot: string, options: IdentityOptions = {}) {
    this.paths = secretsPaths(projectRoot);
    this.#options = options;
  }

  /**
   * Makes the file and the list of recipients, and an identity when this user has none.
   *
   * @throws LabError SECRETS_FILE when the project has secrets already
   */
  async init(comment: string): Promise<Initialised> {
    if ((await readEncrypted(this.paths.file)) !== undefined) {
      throw new LabError('SECRETS_FILE', 'the project has secrets already', {
        at: { file: this.paths.file },
        hint: 'lab secrets edit changes them, lab secrets recipients add lets another person open them',
      });
    }
    const { identity, file } = await this.#ownIdentity();
    const recipient = await recipientOf(identity);
    const known = await readRecipients(this.paths.recipients).catch(() => []);
    if (!known.some(({ key }) => key === recipient)) await addRecipient(this.paths.recipients, recipient, comment);
    await this.#write(skeleton);
    return { recipient, identityFile: file };
  }

  /** The decrypted YAML and a way to replace it, refused when somebody else did so meanwhile. */
  async open(): Promise<{ readonly text: string; replace(text: string): Promise<void> }> {
    const encrypted = await this.#encrypted();
    const text = await openText(encrypted, this.paths.file, this.#options);
    return {
      text,
      replace: async (next) => {
        const now = await readEncrypted(this.paths.file);
        if (now !== undefined && Buffer.compare(now, encrypted) === 0) return this.#write(next);
        const aside = `${this.paths.file}.edited`;
        await this.#write(next, aside);
        throw new LabError('SECRETS_FILE', 'the secrets were changed by somebody else meanwhile', {
          at: { file: this.paths.file },
          found: `your version is kept, encrypted, as ${aside}`,
          hint: 'lab secrets edit again; age --decrypt shows your version',
        });
      },
    };
  }

  /** @throws LabError SECRETS_FILE with the places of all mistakes */
  check(text: string): void {
    flattenSecrets(parseSecrets(text, this.paths.file));
  }

  async set(path: string, value: string): Promise<void> {
    const { text, replace } = await this.open();
    const document = parseSecrets(text, this.paths.file);
    setSecret(document, path, value);
    await replace(document.toString({ lineWidth: 0 }));
  }

  recipients(): Promise<Recipient[]> {
    return readRecipients(this.paths.recipients);
  }

  /** Encrypts anew for the recipients of now. Returns how many there were and are. */
  async rotate(): Promise<{ readonly before: number; readonly after: number }> {
    const before = await countRecipients(await this.#encrypted(), this.paths.file);
    const { text, replace } = await this.open();
    await replace(text);
    return { before, after: (await this.recipients()).length };
  }

  async addRecipient(key: string, comment: string): Promise<void> {
    // Opened first: who cannot open the secrets cannot let others, and leaves the list as it was.
    const { text, replace } = await this.open();
    await addRecipient(this.paths.recipients, key, comment);
    await replace(text);
  }

  /** @throws LabError SECRETS_FILE for an unknown key, and when you could not open the secrets afterwards */
  async removeRecipient(keyOrComment: string): Promise<Recipient> {
    const recipients = await this.recipients();
    const found = recipients.filter(({ key, comment }) => key === keyOrComment || comment === keyOrComment);
    const [recipient, ambiguous] = found;
    if (recipient === undefined || ambiguous !== undefined) {
      throw new LabError(
        'SECRETS_FILE',
        `"${keyOrComment}" is ${recipient === undefined ? 'no recipient' : 'more than one recipient'}`,
        {
          at: { file: this.paths.recipients },
          expected: 'a public key, or the comment behind it',
          hint: 'lab secrets recipients lists them',
        },
      );
    }
    const own = await Promise.all((await readIdentities(this.#options)).map(recipientOf));
    if (!recipients.some((other) => other !== recipient && own.includes(other.key))) {
      throw new LabError('SECRETS_FILE', 'without this recipient you could not open the secrets yourself', {
        at: { file: this.paths.recipients, line: recipient.line },
        hint: 'somebody who stays a recipient removes it, or you add another key of yours first',
      });
    }
    const { text, replace } = await this.open();
    await removeRecipient(this.paths.recipients, recipient);
    await replace(text);
    return recipient;
  }

  async #encrypted(): Promise<Uint8Array> {
    const encrypted = await readEncrypted(this.paths.file);
    if (encrypted !== undefined) return encrypted;
    throw new LabError('SECRETS_FILE', 'the project has no secrets yet', {
      expected: this.paths.file,
      hint: 'lab secrets init',
    });
  }

  async #write(text: string, file = this.paths.file): Promise<void> {
    const keys = (await this.recipients()).map(({ key }) => key);
    await writeWhole(file, await encryptFor(keys, Buffer.from(text)), 0o644);
  }

  async #ownIdentity(): Promise<{ readonly identity: string; readonly file?: string }> {
    const environment = this.#options.environment ?? process.env;
    try {
      const [identity = ''] = await readIdentities(this.#options);
      return { identity };
    } catch (thrown) {
      if (!(thrown instanceof LabError) || thrown.details.found !== 'no such file') throw thrown;
    }
    const identity = await newIdentity();
    const file = environment.LAB_AGE_IDENTITY_FILE || defaultIdentityFile(environment);
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    const header = `# created: ${new Date().toISOString()}\n# public key: ${await recipientOf(identity)}\n`;
    await writeWhole(file, `${header}${identity}\n`, 0o600);
    return { identity, file };
  }
}
