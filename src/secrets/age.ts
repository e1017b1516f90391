import { ReadableStream as StreamOfNode } from 'node:stream/web';
import { LabError } from '../shared/errors.ts';

/**
 * The age format (https://age-encryption.org/v1) for files of a project. The library is imported when a file is opened:
 * it takes 60 ms to load.
 */
const age = () => import('age-encryption');

const magic = 'age-encryption.org/v1';
const armorBegin = '-----BEGIN AGE ENCRYPTED FILE-----';

export function isEncrypted(content: Uint8Array): boolean {
  const start = Buffer.from(content.subarray(0, 64)).toString('latin1').trimStart();
  return start.startsWith(magic) || start.startsWith(armorBegin);
}

/** Encrypts for all `recipients`, armored: a text file. */
export async function encryptFor(recipients: readonly string[], content: Uint8Array): Promise<string> {
  const { Encrypter, armor } = await age();
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  return `${armor.encode(await encrypter.encrypt(content)).trimEnd()}\n`;
}

/**
 * @param file names the file in errors
 * @throws LabError SECRETS_IDENTITY when no identity fits, SECRETS_FILE when it is damaged or not encrypted at all
 */
export async function decryptWith(
  identities: readonly string[],
  content: Uint8Array,
  file: string,
): Promise<Uint8Array> {
  const { Decrypter } = await age();
  const decrypter = new Decrypter();
  for (const identity of identities) addIdentity(decrypter, identity);
  const binary = await dearmor(content, file);
  try {
    return await decrypter.decrypt(binary);
  } catch (thrown) {
    if (!noIdentityFits(thrown)) throw damaged(thrown, file);
    throw new LabError('SECRETS_IDENTITY', 'none of your identities opens the secrets', {
      at: { file },
      expected: 'the identity of a recipient',
      found: await Promise.all(identities.map(recipientOf)).then((own) => `yours: ${own.join(', ')}`),
      hint: 'someone who can open them adds you: lab secrets recipients add KEY',
    });
  }
}

/** @throws LabError SECRETS_IDENTITY when the passphrase is wrong */
export async function decryptWithPassphrase(
  content: Uint8Array,
  passphrase: string,
  file: string,
): Promise<Uint8Array> {
  const { Decrypter } = await age();
  const decrypter = new Decrypter();
  decrypter.addPassphrase(passphrase);
  const binary = await dearmor(content, file);
  try {
    return await decrypter.decrypt(binary);
  } catch {
    throw new LabError('SECRETS_IDENTITY', 'the passphrase does not open the identity', { at: { file } });
  }
}

/** The same for what is too large for memory, not armored. */
export async function encryptStream(
  recipients: readonly string[],
  content: AsyncIterable<Uint8Array>,
): Promise<AsyncIterable<Uint8Array>> {
  const { Encrypter } = await age();
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  return asIterable(await encrypter.encrypt(asStream(content)));
}

/**
 * Gives the content as far as it could be verified: it is whole only when it has ended without an error.
 *
 * @throws Error when no identity fits (`noIdentityFits`), or when it is damaged or no age file
 */
export async function decryptStream(
  identities: readonly string[],
  content: AsyncIterable<Uint8Array>,
): Promise<AsyncIterable<Uint8Array>> {
  const { Decrypter } = await age();
  const decrypter = new Decrypter();
  for (const identity of identities) addIdentity(decrypter, identity);
  return asIterable(await decrypter.decrypt(asStream(content)));
}

/** Whether decrypting failed because the file is for others. */
export function noIdentityFits(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.message.startsWith('no identity matched');
}

function asStream(content: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  return StreamOfNode.from(content) as unknown as ReadableStream<Uint8Array>;
}

function asIterable(stream: ReadableStream<Uint8Array>): AsyncIterable<Uint8Array> {
  return stream as unknown as AsyncIterable<Uint8Array>;
}

/** The public key of an identity. */
export async function recipientOf(identity: string): Promise<string> {
  return (await age()).identityToRecipient(identity);
}

export async function newIdentity(): Promise<string> {
  return (await age()).generateX25519Identity();
}

/** How many recipients a file is encrypted for; the format does not tell who they are. */
export async function countRecipients(content: Uint8Array, file: string): Promise<number> {
  const header =
    Buffer.from(await dearmor(content, file))
      .toString('latin1')
      .split('\n---')[0] ?? '';
  // Stanzas of random type are written to keep readers honest; the library adds none of the known types.
  return header.split('\n').filter((line) => /^-> (X25519|mlkem768x25519|p256tag|mlkem768p256tag) /.test(line)).length;
}

/** Whether the library can encrypt for this public key. */
export async function isRecipient(key: string): Promise<boolean> {
  const { Encrypter } = await age();
  try {
    const encrypter = new Encrypter();
    encrypter.addRecipient(key);
    await encrypter.encrypt('');
    return true;
  } catch {
    return false;
  }
}

/** The library's own message could hold part of the key. */
function addIdentity(decrypter: { addIdentity(identity: string): void }, identity: string): void {
  try {
    decrypter.addIdentity(identity);
  } catch {
    throw new LabError('SECRETS_IDENTITY', 'an identity is damaged: its checksum does not fit', {
      expected: 'AGE-SECRET-KEY-1… as age-keygen writes it',
    });
  }
}

async function dearmor(content: Uint8Array, file: string): Promise<Uint8Array> {
  if (!isEncrypted(content)) {
    throw new LabError('SECRETS_FILE', 'the file is not encrypted', {
      at: { file },
      expected: `a file that begins with ${armorBegin}`,
      found: 'something else; its content is not shown',
      hint: 'if secrets were ever committed as they are, treat them as known: change them',
    });
  }
  const text = Buffer.from(content).toString('latin1');
  if (text.startsWith(magic)) return content;
  try {
    return (await age()).armor.decode(text);
  } catch (thrown) {
    throw damaged(thrown, file);
  }
}

function damaged(thrown: unknown, file: string): LabError {
  return new LabError('SECRETS_FILE', 'the file is damaged', {
    at: { file },
    expected: 'a whole age file',
    found: thrown instanceof Error ? thrown.message : String(thrown),
    hint: 'a merge cannot combine two versions of it: take one (git checkout --theirs FILE) and add the other changes again',
    cause: thrown,
  });
}
