import { describe, expect, it } from 'vitest';
import * as lab from '../../../src/index.ts';
import { resolveInventory } from '../../../src/model/resolve-inventory.ts';
import type { Play, Playbook } from '../../../src/playbook/contract.ts';
import type { ResourceTree } from '../../../src/resources/contract.ts';
import { type Declared, declareHost } from '../../../src/runner/plan/declare.ts';
import { watchedBy } from '../../../src/runner/plan/declared-again.ts';

/** Two roles on one host; no host is there. */
function declare(
  first: () => ResourceTree,
  second: () => ResourceTree,
  options: Parameters<typeof declareHost>[4] = {},
): Promise<readonly Declared[]> {
  const inventory = resolveInventory({ hosts: { nas: { address: '192.0.2.1' } } }, { at: undefined });
  const roles = [
    lab.defineRole({ name: 'one', resources: first })(),
    lab.defineRole({ name: 'two', resources: second })(),
  ];
  const play: Play = { name: 'p', hosts: ['all'], roles, tags: [], at: undefined };
  const playbook: Playbook = { kind: 'playbook', name: 'p', inventory, plays: [play], at: undefined };
  const host = inventory.hosts.get('nas');
  if (host === undefined) throw new Error('no host');
  return declareHost(playbook, host, [play], () => Promise.reject(new Error('not asked for')), options);
}

const jail = (name: string) => lab.file({ path: `/etc/fail2ban/jail.d/${name}`, content: name });
const banning = (name: string) => {
  const file = jail(name);
  return [file, lab.unit({ name: 'fail2ban', state: 'running' }, { restartOn: [file] })];
};
const keys = (declared: readonly Declared[]) => declared.map(({ key }) => key);
const unitKey = 'unit:fail2ban.service';

describe('a resource that two roles declare alike', () => {
  it('acts on what either of them watches, after all of that', async () => {
    const declared = await declare(
      () => banning('a'),
      () => banning('b'),
    );
    expect(keys(declared)).toEqual(['file:/etc/fail2ban/jail.d/a', 'file:/etc/fail2ban/jail.d/b', unitKey]);
    const unit = declared.at(-1) as Declared;
    expect(watchedBy(unit.resource)).toEqual(['file:/etc/fail2ban/jail.d/a', 'file:/etc/fail2ban/jail.d/b']);
  });

  it('stays where it is when the second one watches nothing that is new', async () => {
    const declared = await declare(
      () => [banning('a'), jail('c')],
      () => lab.unit({ name: 'fail2ban', state: 'running' }),
    );
    expect(keys(declared).indexOf(unitKey)).toBe(1);
    expect(watchedBy((declared[1] as Declared).resource)).toHaveLength(1);
  });

  it('belongs to the tags of both', async () => {
    const declared = await declare(
      () => banning('a'),
      () => banning('b'),
      { tags: ['two'] },
    );
    expect(keys(declared)).toEqual(['file:/etc/fail2ban/jail.d/b', unitKey]);
  });

  it('is refused when something in between watches it', async () => {
    const watched = () => {
      const [file, unit] = banning('a') as [lab.Resource, lab.Resource];
      return [file, unit, lab.command({ argv: ['true'], onlyWhenTriggered: true }, { runOn: [unit] })];
    };
    await expect(declare(watched, () => banning('b'))).rejects.toMatchObject({
      code: 'RESOURCE_CONFLICT',
      message: expect.stringContaining('both before and after command:'),
    });
  });
});
