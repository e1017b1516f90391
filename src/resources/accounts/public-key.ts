/** One line of authorized_keys, sshd(8). */
export interface PublicKey {
  /** `restrict,command="…"`; empty when there are none. */
  readonly options: string;
  readonly type: string;
  readonly key: string;
  readonly comment: string;
}

const types =
  /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com|ssh-(?:ed25519|rsa)-cert-v01@openssh\.com)$/;

/** Reads a line; null for a comment, an empty line, or something that is no key. */
export function parsePublicKey(line: string): PublicKey | null {
  const text = line.trim();
  if (text === '' || text.startsWith('#')) return null;
  const words = splitOutsideQuotes(text);
  const at = words.findIndex((word) => types.test(word));
  const [type, key] = [words[at], words[at + 1]];
  if (at < 0 || at > 1 || type === undefined || key === undefined) return null;
  return { options: words.slice(0, at).join(' '), type, key, comment: words.slice(at + 2).join(' ') };
}

/** Why a line is no usable public key, or null. Finds the usual accidents: cut off, a private key, another type inside. */
export function complaintAbout(line: string): string | null {
  if (/PRIVATE KEY/.test(line)) return 'this is a private key; the public one is in the file that ends in ".pub"';
  if (/[\n\r\0]/.test(line.trim())) return 'one key a string, in one line';
  const parsed = parsePublicKey(line);
  if (parsed === null) return 'not a line of authorized_keys: [options] type base64 [comment]';
  const bytes = Buffer.from(parsed.key, 'base64');
  if (bytes.toString('base64').replace(/=+$/, '') !== parsed.key.replace(/=+$/, '')) return 'the key is not base64';
  if (parsed.type.includes('-cert-')) return 'this is a certificate; sshd takes those from its TrustedUserCAKeys';
  let at = 0;
  let first: string | undefined;
  // RFC 4253, 6.6: fields with their length as four bytes before each; the first is the type.
  while (at < bytes.length) {
    if (at + 4 > bytes.length) return 'the key is cut off';
    const length = bytes.readUInt32BE(at);
    if (at + 4 + length > bytes.length) return 'the key is cut off';
    first ??= bytes.toString('latin1', at + 4, at + 4 + length);
    at += 4 + length;
  }
  return first === parsed.type ? null : `the key inside is of type ${first ?? 'none'}`;
}

export function sameKey(a: PublicKey, b: PublicKey): boolean {
  return a.type === b.type && a.key.replace(/=+$/, '') === b.key.replace(/=+$/, '');
}

export function formatPublicKey({ options, type, key, comment }: PublicKey): string {
  return [options, type, key, comment].filter((part) => part !== '').join(' ');
}

function splitOutsideQuotes(text: string): string[] {
  return text.match(/(?:[^\s"]|"(?:\\.|[^"\\])*"?)+/g) ?? [];
}
