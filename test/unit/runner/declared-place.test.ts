import { join } from 'node:path';
import { expect, it } from 'vitest';
import { resolveInventory } from '../../../src/model/resolve-inventory.ts';
import type { Play, Playbook } from '../../../src/playbook/contract.ts';
import { defineRole } from '../../../src/playbook/define-role.ts';
import { file } from '../../../src/resources/file.ts';
import { declareHost } from '../../../src/runner/plan/declare.ts';
import { codeRoot } from '../../../src/shared/own-package.ts';

const site = { file: '/home/ada/site.ts', line: 7 };

/** Where a resource of a role stands that was declared at a place, in a playbook that names the role at another. */
async function placeOf(source: string) {
  const inventory = resolveInventory({ hosts: { here: { address: '192.0.2.1' } } }, { at: undefined });
  const at = { file: source, line: 812 };
  const role = defineRole({ name: 'own', resources: () => [[{ ...file({ path: '/etc/one', content: '' }), at }]] });
  const roles = [{ ...role(), at: site }];
  const play: Play = { name: 'p', hosts: ['all'], roles, tags: [], at: undefined };
  const playbook: Playbook = { kind: 'playbook', name: 'p', inventory, plays: [play], at: undefined };
  const host = inventory.hosts.get('here');
  if (host === undefined) throw new Error('no host');
  const declared = await declareHost(playbook, host, [play], () => Promise.reject(new Error('nothing is asked')));
  return declared[0]?.resource.at;
}

it('is in a role of one’s own where it was declared', async () => {
  expect(await placeOf('/home/ada/roles/own/role.ts')).toEqual({ file: '/home/ada/roles/own/role.ts', line: 812 });
});

it('is in a role of this package where the playbook names the role', async () => {
  expect(await placeOf(join(codeRoot, 'src/chunks/chunk-ABC.js'))).toEqual(site);
});
