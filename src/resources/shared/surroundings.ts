import { dirname } from 'node:path';
import type { Facts, FileFact } from '../../remote/facts/contract.ts';
import { LabError } from '../../shared/errors.ts';

/** The directory that a new path will be in; a package planned earlier may bring it. */
export function readParent(host: Facts, path: string): Promise<FileFact> {
  return host.file(dirname(path), { packagesMayCreate: true });
}

/** @throws LabError PLAN_IMPOSSIBLE when there is no directory for the new path to be in */
export function requireParent(path: string, parent: FileFact | null): void {
  // A link may lead to a directory; whether it does shows when the change is made.
  if (parent === null || parent.kind === 'directory' || parent.kind === 'symlink') return;
  const { path: directory, kind } = parent;
  throw new LabError('PLAN_IMPOSSIBLE', `${path} cannot be created: ${directory} ${describeKind(kind)}`, {
    expected: `the directory ${directory}`,
    found: kind === 'absent' ? 'nothing' : `a ${kind}`,
    ...(kind === 'absent' && { hint: `declare directory({ path: '${directory}' }) before it` }),
  });
}

/** @throws LabError PLAN_IMPOSSIBLE for something at the path that is never replaced silently */
export function refuseKind(fact: FileFact, wanted: string, hint: string): never {
  const target = fact.kind === 'symlink' ? ` to ${fact.target ?? '?'}` : '';
  throw new LabError('PLAN_IMPOSSIBLE', `${fact.path} is ${a(fact.kind)}${target}, not ${wanted}`, {
    expected: `${wanted}, or nothing`,
    found: `${a(fact.kind)}${target}`,
    hint,
  });
}

function describeKind(kind: FileFact['kind']): string {
  return kind === 'absent' ? 'does not exist' : `is ${a(kind)}, not a directory`;
}

function a(kind: FileFact['kind']): string {
  return kind === 'other' ? 'a device, socket or pipe' : kind === 'symlink' ? 'a symbolic link' : `a ${kind}`;
}
