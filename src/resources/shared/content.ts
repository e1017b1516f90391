import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { reveal, Secret } from '../../shared/secret.ts';
import type { Content, Shown } from '../contract.ts';

/** Content up to this many bytes is shown as a diff. */
export const diffLimit = 256 * 1024;

export interface Digest {
  /** Lower-case hex. */
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
}

const hashed = new Map<string, { readonly modified: number; readonly digest: Promise<Digest> }>();

/** Checksum and size of what a file is given. A local file is hashed as a stream, and again only after it changed. */
export async function digestOf(content: Content): Promise<Digest> {
  const bytes = inMemory(content);
  if (bytes !== null) return { sha256: createHash('sha256').update(bytes).digest('hex'), size: bytes.length };
  const { localFile } = content as { readonly localFile: string };
  const { mtimeMs: modified } = await stat(localFile);
  const known = hashed.get(localFile);
  if (known?.modified === modified) return known.digest;
  const digest = hashFile(localFile);
  hashed.set(localFile, { modified, digest });
  return digest;
}

async function hashFile(path: string): Promise<Digest> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of createReadStream(path)) {
    size += (chunk as Buffer).length;
    hash.update(chunk as Buffer);
  }
  return { sha256: hash.digest('hex'), size };
}

/** The bytes, unless they are those of a local file. */
export function inMemory(content: Content): Uint8Array | null {
  if (typeof content === 'string' || content instanceof Secret) return Buffer.from(reveal(content));
  return content instanceof Uint8Array ? content : null;
}

/** The bytes of content that is small enough to be shown. */
export async function bytesToShow(content: Content, { size }: Digest): Promise<Uint8Array | null> {
  if (size > diffLimit) return null;
  return inMemory(content) ?? readFile((content as { readonly localFile: string }).localFile);
}

/** Content as a person reads it: small text as it is, else size and checksum. */
export function shownContent(bytes: Uint8Array | null, { sha256, size }: Digest): Shown {
  const text = bytes !== null && bytes.length <= diffLimit ? textOf(bytes) : null;
  return text ?? `${size} bytes, sha256 ${sha256.slice(0, 12)}…`;
}

/** Text that is UTF-8 and holds no NUL byte; `null` for anything else. */
export function textOf(bytes: Uint8Array): string | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return text.includes('\0') ? null : text;
  } catch {
    return null;
  }
}

/** Stands for content in a plan that nobody may see. */
export const hidden = new Secret('', 'hidden content');
