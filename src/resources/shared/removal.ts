import type { FileFact } from '../../remote/facts/contract.ts';
import { LabError } from '../../shared/errors.ts';
import type { Change } from '../contract.ts';
import { predictAbsent } from './absent-file.ts';

/** Removes what is at a path, whatever it is; a directory with its content only when `recursive`. */
export function removalOf(fact: FileFact, recursive = false): Change[] {
  const { path, kind } = fact;
  if (kind === 'absent') return [];
  refuseSystemPath(path);
  return [
    {
      attribute: 'state',
      before: kind === 'symlink' ? `link to ${fact.target ?? '?'}` : kind,
      after: null,
      apply: [{ do: 'remove', path, ...(kind === 'directory' && { recursive }) }],
      revert: [{ do: 'restore', path }],
      predicts: [predictAbsent(path)],
    },
  ];
}

/** @throws LabError PLAN_IMPOSSIBLE for paths whose loss no rollback could mend */
function refuseSystemPath(path: string): void {
  const [, first = '', second] = path.split('/');
  if (!vital.has(first) || second !== undefined) return;
  throw new LabError('PLAN_IMPOSSIBLE', `${path} belongs to the system and is not removed`, {
    expected: 'a path below it',
    found: path,
  });
}

const vital = new Set(
  'bin boot dev etc home lib lib32 lib64 libx32 mnt opt proc root run sbin srv sys tmp usr var'.split(' '),
);
