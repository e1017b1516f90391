import type { Playbook } from '../../playbook/contract.ts';
import { LabError } from '../../shared/errors.ts';
import { suggestion } from '../../shared/suggest.ts';
import type { Declared, DeclareOptions } from './declare.ts';

/**
 * A tag or a start that nothing has would select nothing, or skip nothing, in silence.
 *
 * @param declared everything that the playbook declares for the hosts of a run; the tags of its other plays are no
 *   mistake either
 * @throws LabError USAGE
 */
export function checkSelection(
  playbook: Playbook,
  declared: readonly Declared[],
  { tags = [], skipTags = [], startAt }: DeclareOptions,
): void {
  const roles = playbook.plays.flatMap((play) => play.roles.map((use) => use.role.name));
  const ofResources = declared.flatMap((one) => [...one.tags]);
  const known = new Set([...playbook.plays.flatMap((play) => play.tags), ...roles, ...ofResources]);
  for (const tag of [...tags, ...skipTags]) {
    if (!known.has(tag))
      throw new LabError('USAGE', `no resource has the tag "${tag}"`, { hint: suggestion(tag, [...known]) });
  }
  if (startAt === undefined) return;
  const starts = new Set([...declared.flatMap(({ key, title }) => [key, title]), ...roles]);
  if (starts.has(startAt)) return;
  throw new LabError('USAGE', `no role or resource is called "${startAt}"`, { hint: suggestion(startAt, [...starts]) });
}
