import type { Facts, FileFact } from '../../remote/facts/contract.ts';
import { LabError } from '../../shared/errors.ts';
import type { Change } from '../contract.ts';

/** Declared owner and group of a path; digits are an id. */
export interface Ownership {
  readonly owner: string;
  readonly group: string;
}

/** Ids of a declared owner and group; `null` for a name that the host does not have. */
export interface OwnerIds {
  readonly uid: number | null;
  readonly gid: number | null;
}

/** Ids of root, which every host has. */
const root = { uid: 0, gid: 0 } as const;

/**
 * Ids of the declared owner and group. Asks the host only where `fact` does not tell already, so that a path in sync
 * costs no look at the accounts.
 */
export async function readOwnerIds(host: Facts, wanted: Ownership, fact: FileFact): Promise<OwnerIds> {
  const [uid, gid] = await Promise.all([
    numeric(wanted.owner) ??
      (wanted.owner === 'root' ? root.uid : null) ??
      (wanted.owner === fact.owner ? fact.uid : null) ??
      host.user(wanted.owner, { packagesMayCreate: true }).then((user) => user?.uid ?? null),
    numeric(wanted.group) ??
      (wanted.group === 'root' ? root.gid : null) ??
      (wanted.group === fact.group ? fact.gid : null) ??
      host.group(wanted.group, { packagesMayCreate: true }).then((group) => group?.gid ?? null),
  ]);
  return { uid, gid };
}

/** @throws LabError PLAN_IMPOSSIBLE naming the user or group that does not exist */
export function requireOwners(path: string, wanted: Ownership, ids: OwnerIds): void {
  const [kind, name] =
    ids.uid === null ? ['user', wanted.owner] : ids.gid === null ? ['group', wanted.group] : [undefined, ''];
  if (kind === undefined) return;
  throw new LabError('PLAN_IMPOSSIBLE', `${path} shall belong to the ${kind} "${name}", which does not exist`, {
    expected: `the ${kind} "${name}" on the host or declared earlier`,
    found: 'neither',
    hint: `declare ${kind}({ name: '${name}' }) before it`,
  });
}

/** Whether the path belongs to whom is declared. */
function ownedBy(fact: FileFact, wanted: Ownership): boolean {
  const uid = numeric(wanted.owner);
  const gid = numeric(wanted.group);
  return (
    (uid === null ? fact.owner === wanted.owner : fact.uid === uid) &&
    (gid === null ? fact.group === wanted.group : fact.gid === gid)
  );
}

/** Owner and group of a fact for chown: the name, or the id where it has none. */
export function ownersOf(fact: FileFact): Ownership {
  return {
    owner: named(fact.owner) ? fact.owner : String(fact.uid),
    group: named(fact.group) ? fact.group : String(fact.gid),
  };
}

/** Sets owner and group, back to those of before. */
function ownerChange(path: string, wanted: Ownership, fact: FileFact): Change {
  const before = ownersOf(fact);
  return {
    attribute: 'owner',
    before: `${before.owner}:${before.group}`,
    after: `${wanted.owner}:${wanted.group}`,
    apply: [{ do: 'owner', path, ...pick(wanted) }],
    revert: [{ do: 'owner', path, ...before }],
  };
}

/** Sets the permission bits, back to those of before. */
function modeChange(path: string, mode: string, fact: FileFact): Change {
  return {
    attribute: 'mode',
    before: fact.mode,
    after: mode,
    apply: [{ do: 'mode', path, mode: exactMode(mode) }],
    revert: [{ do: 'mode', path, mode: exactMode(fact.mode) }],
  };
}

/**
 * Changes of mode and owner of something that stays in place. Mode comes last, as chown(2) may clear set-id bits; undone
 * in reverse order, mode first, so the mode is set once more at the end.
 */
export function attributeChanges(path: string, wanted: Ownership & { mode: string }, fact: FileFact): Change[] {
  const mode = fact.mode !== wanted.mode;
  if (ownedBy(fact, wanted)) return mode ? [modeChange(path, wanted.mode, fact)] : [];
  const owner = ownerChange(path, wanted, fact);
  const applyMode = { do: 'mode', path, mode: exactMode(wanted.mode) } as const;
  const revertMode = { do: 'mode', path, mode: exactMode(fact.mode) } as const;
  const withMode: Change = { ...owner, apply: [...owner.apply, applyMode], revert: [...owner.revert, revertMode] };
  return mode ? [withMode, { ...modeChange(path, wanted.mode, fact), apply: [], revert: [] }] : [withMode];
}

/** GNU chmod keeps set-id bits of a directory unless the mode has a fifth digit. */
export function exactMode(mode: string): string {
  return mode.padStart(5, '0');
}

function pick({ owner, group }: Ownership): Ownership {
  return { owner, group };
}

function named(name: string): boolean {
  return name !== '' && name !== 'UNKNOWN';
}

function numeric(name: string): number | null {
  return /^\d+$/.test(name) ? Number(name) : null;
}
