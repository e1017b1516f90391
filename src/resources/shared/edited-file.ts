import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Facts, FileFact } from '../../remote/facts/contract.ts';
import { KnownAfterApply } from '../../remote/facts/contract.ts';
import { LabError } from '../../shared/errors.ts';
import type { Change } from '../contract.ts';
import { hidden, shownContent } from './content.ts';
import { type OwnerIds, ownersOf, readOwnerIds, requireOwners } from './ownership.ts';
import { withRisk } from './risk.ts';
import { fileMode, ownership, pathBelowRoot, risk, validateCommand } from './schemas.ts';
import { readParent, refuseKind, requireParent } from './surroundings.ts';
import { writeChange } from './written-file.ts';

/** Props that every resource has which edits a part of a file. */
export const editedFileProps = {
  path: pathBelowRoot,
  /** Create the file when it is absent, with `mode`, `owner` and `group`. Otherwise an absent file is an error. */
  create: z.boolean().default(false),
  /** Of a file that is created; one that exists keeps its own. */
  mode: fileMode.default('0644'),
  ...ownership,
  /** Checks the new content before it takes its place: `['sshd', '-t', '-f', '%s']`. */
  validate: validateCommand.optional(),
  /** Do not show the file's content in plans. */
  sensitive: z.boolean().default(false),
  /** Default: from the path, e.g. `connectivity` below `/etc/ssh`. */
  risk: risk.optional(),
} as const;

export interface EditedFile {
  readonly path: string;
  readonly create: boolean;
  readonly mode: string;
  readonly owner: string;
  readonly group: string;
  readonly validate?: readonly string[] | undefined;
  readonly sensitive: boolean;
  readonly risk?: Change['risk'];
}

export interface CurrentText {
  readonly fact: FileFact;
  /** Empty when the file is absent. */
  readonly bytes: Uint8Array;
  /** Asked only for a file that is to be created. */
  readonly parent: FileFact | null;
  readonly owners: OwnerIds;
}

/** @throws KnownAfterApply when the content will be known only later */
export async function readEditedFile(host: Facts, file: EditedFile): Promise<CurrentText> {
  const maybe = { packagesMayCreate: true };
  const [fact, bytes] = await Promise.all([host.file(file.path, maybe), host.content(file.path, maybe)]);
  if (fact.kind === 'file' && bytes === null) throw new KnownAfterApply(`the content of ${file.path} is not there yet`);
  const create = fact.kind === 'absent' && file.create;
  const [parent, owners] = await Promise.all([
    create ? readParent(host, file.path) : null,
    create ? readOwnerIds(host, file, fact) : { uid: fact.uid, gid: fact.gid },
  ]);
  return { fact, bytes: fact.kind === 'file' ? (bytes ?? Buffer.alloc(0)) : Buffer.alloc(0), parent, owners };
}

/**
 * Pure: the change that gives the file new content; `[]` when it has it already. Mode and owner stay as they are.
 *
 * @throws LabError PLAN_IMPOSSIBLE when there is no regular file and none may be created
 */
export function diffEditedFile(file: EditedFile, current: CurrentText, bytes: Uint8Array): Change[] {
  const { fact } = current;
  if (fact.kind !== 'absent' && Buffer.from(bytes).equals(current.bytes)) return [];
  if (fact.kind === 'absent') {
    requireOwners(file.path, file, current.owners);
    requireParent(file.path, current.parent);
  }
  const { owner, group } = fact.kind === 'absent' ? file : ownersOf(fact);
  const mode = fact.kind === 'absent' ? file.mode : fact.mode;
  const wanted = { sha256: createHash('sha256').update(bytes).digest('hex'), size: bytes.length };
  const change = writeChange({ ...file, content: bytes, mode, owner, group }, wanted, current.owners, {
    before: fact.kind === 'absent' ? null : file.sensitive ? hidden : shownContent(current.bytes, digest(fact)),
    after: file.sensitive ? hidden : shownContent(bytes, wanted),
  });
  return withRisk([change], file.path, file.risk);
}

/** @throws LabError PLAN_IMPOSSIBLE for anything but a regular file, or nothing where one may be created */
export function requireText(file: EditedFile, { fact, bytes }: CurrentText): void {
  if (fact.kind === 'symlink') {
    refuseKind(fact, 'a regular file', `declare the path it leads to: ${fact.target ?? ''}`);
  }
  if (fact.kind === 'directory' || fact.kind === 'other') refuseKind(fact, 'a regular file', 'declare another path');
  if (fact.kind === 'absent' && !file.create) {
    throw new LabError('PLAN_IMPOSSIBLE', `${file.path} does not exist`, {
      expected: 'a file to edit',
      found: 'nothing',
      hint: 'set create: true, or declare the file before it',
    });
  }
  if (bytes.includes(0)) {
    throw new LabError('PLAN_IMPOSSIBLE', `${file.path} is no text: it holds a NUL byte`, { expected: 'text' });
  }
}

function digest({ sha256, size }: FileFact) {
  return { sha256: sha256 ?? '', size };
}
