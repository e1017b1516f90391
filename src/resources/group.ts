import { z } from 'zod';
import type { Facts, GroupFact } from '../remote/facts/contract.ts';
import { LabError } from '../shared/errors.ts';
import { accountStep } from './accounts/account-step.ts';
import { riskOfGroups } from './accounts/privilege.ts';
import type { Change, Step } from './contract.ts';
import { defineResource } from './define-resource.ts';
import { accountName } from './shared/schemas.ts';

const props = z.strictObject({
  name: accountName,
  state: z.enum(['present', 'absent']).default('present'),
  /** Files keep the number they have: changing it later orphans them. Default: the next free one. */
  gid: z.int().min(1).max(4_294_967_293).optional(),
  /** Takes a number of the system's range. Only when the group is made. Default false. */
  system: z.boolean().default(false),
});

type Props = z.output<typeof props>;

/**
 * A group. Who belongs to it is said by the users, `user({ groups: [...] })`.
 *
 * @example
 * group({ name: 'media', gid: 1500 });
 */
export const group = defineResource({
  type: 'group',
  props,
  id: ({ name }: Props) => name,
  read: (host: Facts, { name }: Props): Promise<GroupFact | null> => host.group(name),

  diff({ name, state, gid, system }: Props, current: GroupFact | null): readonly Change[] {
    const risk = riskOfGroups([name]);
    const value = { name, gid: gid ?? current?.gid ?? -1, members: current?.members ?? [] };
    const present = [{ fact: 'group' as const, name, value }];
    if (state === 'absent') return current === null ? [] : [removal(current)];
    if (current === null) {
      const flags = [...(gid === undefined ? [] : ['--gid', String(gid)]), ...(system ? ['--system'] : [])];
      const after = gid === undefined ? 'present' : `gid ${gid}`;
      return [
        {
          attribute: 'state',
          before: null,
          after,
          apply: [accountStep('note', name, 'group'), run('groupadd', ...flags, '--', name)],
          revert: [accountStep('undo', name, 'group')],
          redo: [accountStep('redo', name, 'group')],
          risk,
          predicts: present,
        },
      ];
    }
    if (gid === undefined || gid === current.gid) return [];
    return [
      {
        attribute: 'gid',
        before: current.gid,
        after: gid,
        apply: [run('groupmod', '--gid', String(gid), '--', name)],
        revert: [run('groupmod', '--gid', String(current.gid), '--', name)],
        risk: riskOfMembership(current),
        predicts: present,
      },
    ];
  },
});

/** sudoers and AllowGroups may name any group that has members. */
function riskOfMembership({ name, members }: Pick<GroupFact, 'name' | 'members'>): Change['risk'] {
  return members.length > 0 ? 'privilege' : riskOfGroups([name]);
}

function removal({ name, gid, members }: GroupFact): Change {
  if (gid === 0) throw new LabError('PLAN_IMPOSSIBLE', `the group ${name} belongs to the system and is not removed`);
  return {
    attribute: 'state',
    before: `gid ${gid}`,
    after: null,
    apply: [accountStep('note', name, 'group'), run('groupdel', '--', name)],
    revert: [accountStep('undo', name, 'group')],
    risk: riskOfMembership({ name, members }),
    predicts: [{ fact: 'group', name, value: null }],
  };
}

function run(...argv: readonly string[]): Step {
  return { do: 'run', argv };
}
