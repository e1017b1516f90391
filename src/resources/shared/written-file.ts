import type { FileFact } from '../../remote/facts/contract.ts';
import { Secret } from '../../shared/secret.ts';
import type { Change, Content, Shown } from '../contract.ts';
import { type Digest, inMemory, textOf } from './content.ts';
import type { OwnerIds, Ownership } from './ownership.ts';

/** A regular file as it will be, all of it. */
export interface WrittenFile extends Ownership {
  readonly path: string;
  readonly content: Content;
  readonly mode: string;
  readonly validate?: readonly string[] | undefined;
  /** Never show the content. */
  readonly sensitive?: boolean | undefined;
}

/** The change that replaces a file as a whole, atomically; undone, what was there is back. */
export function writeChange(
  file: WrittenFile,
  digest: Digest,
  owners: OwnerIds,
  shown: { readonly before: Shown; readonly after: Shown },
): Change {
  const { path, mode, owner, group, validate } = file;
  return {
    attribute: 'content',
    before: shown.before,
    after: shown.after,
    apply: [{ do: 'write', path, content: contentOf(file), mode, owner, group, ...(validate && { validate }) }],
    revert: [{ do: 'restore', path }],
    predicts: [{ fact: 'file', value: writtenFact(file, digest, owners), content: inMemory(file.content) }],
  };
}

/** The fact of a file once it is as wanted. When it will be written is not known, and nothing may depend on it. */
export function writtenFact(
  { path, mode, owner, group }: WrittenFile,
  { sha256, size }: Digest,
  owners: OwnerIds,
): FileFact {
  return {
    ...{ path, kind: 'file', mode, owner, group, uid: owners.uid ?? -1, gid: owners.gid ?? -1 },
    ...{ size, modified: 0, links: 1, sha256, target: null },
  };
}

/** Text that nobody may see travels as a secret does. */
function contentOf({ path, content, sensitive }: WrittenFile): Content {
  if (sensitive !== true) return content;
  const text = typeof content === 'string' ? content : content instanceof Uint8Array ? textOf(content) : null;
  return text === null ? content : new Secret(text, path);
}
