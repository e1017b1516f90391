import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import ssh2, { type ParsedKey } from 'ssh2';
import { reveal, type Secret } from '../shared/secret.ts';

/** What a key file turned out to be. `publicKey` is what an agent can be asked for. */
export type Identity =
  | { readonly kind: 'private'; readonly file: string; readonly key: ParsedKey }
  | { readonly kind: 'public'; readonly file: string; readonly publicKey: Buffer }
  | { readonly kind: 'encrypted'; readonly file: string; readonly publicKey: Buffer | undefined }
  | { readonly kind: 'missing' | 'bad-passphrase' | 'unusable'; readonly file: string; readonly reason: string };

/** Decrypting takes about 0.2 s of CPU (bcrypt): several hosts with the same key share it. */
const decrypted = new Map<string, ParsedKey | Error>();

/** Reads a key file; decrypts it only when a passphrase is given. Never throws. */
export async function readIdentity(file: string, passphrase?: Secret): Promise<Identity> {
  let text: Buffer;
  try {
    text = await readFile(file);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'ENOENT'
      ? { kind: 'missing', file, reason: 'does not exist' }
      : { kind: 'unusable', file, reason: `cannot be read (${code ?? message})` };
  }
  const plain = ssh2.utils.parseKey(text);
  if (!(plain instanceof Error)) return identityOf(file, Array.isArray(plain) ? plain[0] : plain);
  if (!/encrypted/i.test(plain.message)) return unusable(file, text, plain);
  if (passphrase === undefined) return { kind: 'encrypted', file, publicKey: await publicPart(file, text) };
  const key = decrypt(text, reveal(passphrase));
  return key instanceof Error
    ? { kind: 'bad-passphrase', file, reason: 'cannot be decrypted: the passphrase is wrong' }
    : { kind: 'private', file, key };
}

function identityOf(file: string, key: ParsedKey): Identity {
  return key.isPrivateKey() ? { kind: 'private', file, key } : { kind: 'public', file, publicKey: key.getPublicSSH() };
}

function unusable(file: string, text: Buffer, error: Error): Identity {
  const type = publicBlob(text)?.subarray(4).toString('latin1') ?? text.subarray(0, 80).toString('latin1');
  const reason = type.startsWith('sk-')
    ? 'is a security key, which needs "transport: openssh"'
    : `cannot be used (${error.message})`;
  return { kind: 'unusable', file, reason };
}

function decrypt(text: Buffer, passphrase: string): ParsedKey | Error {
  const id = createHash('sha256').update(text).update('\0').update(passphrase).digest('hex');
  const known = decrypted.get(id);
  if (known !== undefined) return known;
  const parsed = ssh2.utils.parseKey(text, passphrase);
  const key = Array.isArray(parsed) ? (parsed[0] as ParsedKey) : parsed;
  decrypted.set(id, key);
  return key;
}

/** The public half of an encrypted key, which the newer format holds in the clear and `.pub` beside it. */
async function publicPart(file: string, text: Buffer): Promise<Buffer | undefined> {
  const inside = publicBlob(text);
  if (inside !== undefined) return inside;
  const beside = ssh2.utils.parseKey(await readFile(`${file}.pub`).catch(() => ''));
  return beside instanceof Error ? undefined : beside.getPublicSSH();
}

/** OpenSSH's PROTOCOL.key: magic, cipher, kdf, kdf options, number of keys, public key. */
function publicBlob(text: Buffer): Buffer | undefined {
  const armoured = /-----BEGIN OPENSSH PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END/.exec(text.toString('latin1'))?.[1];
  if (armoured === undefined) return undefined;
  const bytes = Buffer.from(armoured, 'base64');
  let offset = 'openssh-key-v1\0'.length;
  try {
    for (let field = 0; field < 3; field++) offset += 4 + bytes.readUInt32BE(offset);
    offset += 4;
    return bytes.subarray(offset + 4, offset + 4 + bytes.readUInt32BE(offset));
  } catch {
    return undefined;
  }
}
