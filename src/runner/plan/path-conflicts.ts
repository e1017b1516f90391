import { dirname } from 'node:path';
import { LabError } from '../../shared/errors.ts';
import type { Declared } from './declare.ts';

/**
 * Refuses that one resource removes what another makes, at the same path or below it: every run would do both, and the
 * host would never come to rest.
 *
 * @throws LabError RESOURCE_CONFLICT with all such pairs
 */
export function refusePathConflicts(declared: readonly Declared[]): void {
  const removed = new Map<string, Declared>();
  for (const one of declared) for (const path of pathsOf(one, 'nothing')) removed.set(path, one);
  if (removed.size === 0) return;
  const order = new Map(declared.map(({ key }, index) => [key, index]));
  const place = ({ key }: Declared) => order.get(key) ?? 0;
  const errors = declared.flatMap((one) =>
    pathsOf(one, 'something').flatMap((path) => {
      const remover = atOrAbove(path).flatMap((above) => removed.get(above) ?? [])[0];
      if (remover === undefined) return [];
      return place(remover) < place(one)
        ? conflict(one, remover, remover, path)
        : conflict(remover, one, remover, path);
    }),
  );
  const [first, ...others] = errors;
  if (first !== undefined) throw first.with({ others });
}

function pathsOf({ resource }: Declared, wants: 'something' | 'nothing'): readonly string[] {
  const claims = resource.resourceType.paths?.(resource.props) ?? [];
  return claims.filter((claim) => claim.wants === wants).map(({ path }) => path);
}

/** `/srv/app/x`, `/srv/app`, `/srv`, `/`. */
function atOrAbove(path: string): readonly string[] {
  const above = dirname(path);
  return above === path ? [path] : [path, ...atOrAbove(above)];
}

function conflict(later: Declared, earlier: Declared, remover: Declared, path: string): LabError {
  const maker = remover === later ? earlier : later;
  return new LabError('RESOURCE_CONFLICT', `${remover.key} removes what ${maker.key} needs: ${path}`, {
    at: later.resource.at,
    expected: 'only one of them, as each run would undo what the other did',
    found: otherDeclaration(earlier),
    hint: 'leave one out; if something else is in the way on the host, remove that by hand, once',
  });
}

/** Where the other of two resources that do not fit stands. */
export function otherDeclaration({ resource: { at }, role }: Declared): string {
  return `the other declaration: ${at?.file}:${at?.line} (${role === null ? 'in the play itself' : `role ${role}`})`;
}
