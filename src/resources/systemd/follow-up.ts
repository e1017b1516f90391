import type { FileFact } from '../../remote/facts/contract.ts';
import type { Change, Step } from '../contract.ts';

/** Steps that a daemon needs after its file changed, and again after that was undone. */
export function followedBy(changes: readonly Change[], steps: readonly Step[]): readonly Change[] {
  const last = changes.findLastIndex(({ apply }) => apply.length > 0);
  return changes.map((change, index) => ({
    ...change,
    apply: index === last ? [...change.apply, ...steps] : change.apply,
    // Changes are undone from the last to the first, so the first one's steps end the whole.
    revert: index === 0 ? [...change.revert, ...steps] : change.revert,
  }));
}

/** Makes the folder that a file goes into when it is the first one there, and takes it away again when it was the only one. */
export function withFolder(changes: readonly Change[], folder: FileFact | null): readonly Change[] {
  const [first, ...others] = changes;
  if (folder === null || folder.kind !== 'absent' || first === undefined) return changes;
  const { path } = folder;
  return [
    {
      ...first,
      apply: [{ do: 'directory', path, mode: '0755', owner: 'root', group: 'root' }, ...first.apply],
      revert: [...first.revert, { do: 'restore', path }],
      predicts: [...(first.predicts ?? []), { fact: 'file', value: asDirectory(folder) }],
    },
    ...others,
  ];
}

/** The folder as it will be; leaves one that exists alone. */
export function asDirectory(folder: FileFact): FileFact {
  if (folder.kind !== 'absent') return folder;
  return { ...folder, kind: 'directory', mode: '0755', owner: 'root', group: 'root', uid: 0, gid: 0 };
}
