import type { Facts, FileFact } from '../../remote/facts/contract.ts';
import { Secret } from '../../shared/secret.ts';
import type { Change, Shown } from '../contract.ts';
import { bytesToShow, type Digest, diffLimit, digestOf, hidden, shownContent } from './content.ts';
import { attributeChanges, type OwnerIds, readOwnerIds, requireOwners } from './ownership.ts';
import { withRisk } from './risk.ts';
import { readParent, refuseKind, requireParent } from './surroundings.ts';
import { type WrittenFile, writeChange, writtenFact } from './written-file.ts';

/** A regular file of which everything is declared. */
export interface ManagedFile extends WrittenFile {
  /** Default `refuse`. */
  readonly onSymlink?: 'refuse' | 'replace' | undefined;
  /** Default: from the path. */
  readonly risk?: Change['risk'];
}

export interface CurrentFile {
  readonly fact: FileFact;
  readonly wanted: Digest;
  readonly owners: OwnerIds;
  /** Asked only when the path is absent. */
  readonly parent: FileFact | null;
  readonly before: Shown;
  readonly after: Shown;
}

/**
 * Reads what `diffManagedFile` needs. In sync it costs one `lstat` and one checksum; contents are asked only for a diff.
 * For a type that writes a whole file (a drop-in, a unit file) and decides the content itself.
 */
export async function readManagedFile(host: Facts, file: ManagedFile, known?: FileFact): Promise<CurrentFile> {
  const [fact, wanted] = await Promise.all([known ?? host.file(file.path), digestOf(file.content)]);
  const differs = fact.sha256 !== wanted.sha256;
  const secret = file.sensitive === true || file.content instanceof Secret;
  const [owners, parent, content, after] = await Promise.all([
    readOwnerIds(host, file, fact),
    fact.kind === 'absent' ? readParent(host, file.path) : null,
    differs && !secret && fact.kind === 'file' && fact.size <= diffLimit ? host.content(file.path) : null,
    differs && !secret ? bytesToShow(file.content, wanted) : null,
  ]);
  return {
    fact,
    wanted,
    owners,
    parent,
    before: secret && fact.kind === 'file' ? hidden : shownBefore(fact, content),
    after: secret ? hidden : shownContent(after, wanted),
  };
}

/**
 * Pure: what to change so that the file is as declared. Content is replaced as a whole; mode or owner alone leave content
 * and modification time untouched.
 *
 * @throws LabError PLAN_IMPOSSIBLE for a directory or link in its place, a missing parent directory or owner
 */
export function diffManagedFile(file: ManagedFile, current: CurrentFile): Change[] {
  const { fact, wanted, owners } = current;
  if (fact.kind === 'symlink' && file.onSymlink !== 'replace') {
    refuseKind(fact, 'a regular file', `declare the path it leads to, or set onSymlink: 'replace'`);
  }
  if (fact.kind === 'directory' || fact.kind === 'other') {
    refuseKind(fact, 'a regular file', 'remove it by hand, or declare another path');
  }
  requireParent(file.path, current.parent);
  requireOwners(file.path, file, owners);
  const attributes = fact.kind === 'file' ? attributeChanges(file.path, file, fact) : [];
  const inSync = fact.kind === 'file' && fact.sha256 === wanted.sha256;
  if (inSync) {
    const value = { ...writtenFact(file, wanted, owners), modified: fact.modified, links: fact.links };
    return withRisk(predictAtEnd(attributes, { fact: 'file', value }), file.path, file.risk);
  }
  const write = writeChange(file, wanted, owners, current);
  // The new file is written with its mode and owner: that they change is only told.
  const told = attributes.map((change) => ({ ...change, apply: [], revert: [] }));
  return withRisk([write, ...told], file.path, file.risk);
}

function shownBefore(fact: FileFact, content: Uint8Array | null): Shown {
  if (fact.kind === 'absent') return null;
  if (fact.kind === 'symlink') return `link to ${fact.target ?? '?'}`;
  return shownContent(content, { sha256: fact.sha256 ?? 'unreadable', size: fact.size });
}

function predictAtEnd(changes: readonly Change[], prediction: NonNullable<Change['predicts']>[number]): Change[] {
  return changes.map((change, index) =>
    index === changes.length - 1 ? { ...change, predicts: [prediction] } : change,
  );
}
