import { describe, expect, test } from 'vitest';
import { defineInventory, definePlaybook, defineRole, z } from '../../../src/index.ts';
import { loadPlaybook } from '../../../src/playbook/load.ts';
import { callSite } from '../../../src/shared/call-site.ts';
import { inventoryModule, labErrorOf, project } from './project.ts';

const inventory = defineInventory({
  groups: { home: {} },
  hosts: { nas: { groups: ['home'], address: '10.0.0.2' }, vps: { address: '10.0.0.1' } },
  devices: { phone: {} },
});
const motd = defineRole({
  name: 'motd',
  params: z.object({
    text: z.string().default('hi'),
    lines: z.number().int().optional(),
    nested: z.object({ a: z.string() }),
  }),
  resources: () => [],
});

function here(): number {
  return callSite(here)?.line ?? 0;
}

describe('defineRole', () => {
  test('gives a role to call, that remembers where', () => {
    const use = motd({ text: 'hello' });
    expect(use).toMatchObject({ kind: 'role', params: { text: 'hello' }, at: { line: here() - 1 } });
    expect(use.at?.file).toMatch(/define\.test\.ts$/);
    expect(use.role).toBe(motd.definition);
    expect(motd.roleName).toBe('motd');
  });

  test('needs no params', () => {
    const bare = defineRole({ name: 'bare', resources: () => [] });
    expect(bare.definition.params.safeParse({}).success).toBe(true);
    expect(bare.definition.params.safeParse({ x: 1 }).success).toBe(false);
  });

  test('refuses unknown parameters of the inventory too, unless the schema is loose', () => {
    expect(motd.definition.params.safeParse({ txt: '', nested: { a: '' } }).success).toBe(false);
    const loose = defineRole({ name: 'loose', params: z.looseObject({}), resources: () => [] });
    expect(loose.definition.params.safeParse({ x: 1 }).data).toEqual({ x: 1 });
    expect(loose({ x: 1 } as object).params).toEqual({ x: 1 });
    const refined = defineRole({
      name: 'r',
      params: z.object({ a: z.number() }).refine(({ a }) => a > 1),
      resources: () => [],
    });
    expect(refined.definition.params.safeParse({ a: 1 }).success).toBe(false);
  });

  test('tells every parameter that does not fit, at the call', async () => {
    const error = await labErrorOf(() => motd({ txet: 'x', lines: 1.5 } as object));
    expect(error).toMatchObject({ code: 'ROLE_PARAMS', message: 'role motd has no parameter "txet"' });
    expect(error.details).toMatchObject({ hint: 'did you mean "text"?', at: { line: here() - 2 } });
    expect(error.details.others).toMatchObject([{ code: 'ROLE_PARAMS', details: { path: ['lines'] } }]);
  });

  test('leaves what the inventory may complete for later', () => {
    expect(motd({}).params).toEqual({});
    expect(motd({ nested: {} as { a: string } }).params).toEqual({ nested: {} });
  });

  test.each([
    ['the name does not fit', { name: 'Bad Name', resources: () => [] }],
    ['params is no schema', { name: 'x', params: {}, resources: () => [] }],
    ['resources is no function', { name: 'x', resources: [] }],
  ])('refuses a definition: %s', async (message, definition) => {
    const error = await labErrorOf(() => defineRole(definition as never));
    expect(error.code).toBe('PLAYBOOK_INVALID');
    expect(error.message).toContain(message);
  });
});

describe('definePlaybook', () => {
  test('takes a role bare or called, and a pattern or a list', () => {
    const { plays } = definePlaybook({
      inventory,
      plays: [
        { name: 'one', hosts: 'home', roles: [motd, motd({ text: 'x' })] },
        { name: 'two', hosts: ['nas', 'home:!nas', 'n*'], resources: () => [], maxFail: 0 },
      ],
    });
    expect(plays.map(({ hosts }) => hosts)).toEqual([['home'], ['nas', 'home:!nas', 'n*']]);
    expect(plays[0]?.roles.map(({ params }) => params)).toEqual([{}, { text: 'x' }]);
    expect(plays[1]).toMatchObject({ roles: [], tags: [], maxFail: 0 });
  });

  test('tells all mistakes at once, each where it stands', async () => {
    const source = `import { definePlaybook } from 'labwright';
import inventory from './inventory/index.ts';

const roles = [{ name: 'motd' }];
export default definePlaybook({
  inventory,
  plays: [
    { name: 'one', hosts: ['nass', 'home'], rols: [] },
    { hosts: 'phone', roles, serial: 0, maxFail: -1 },
    { name: 'three', hosts: [], tags: 'x', resources: [] },
  ],
} as any);
`;
    const cwd = project({ 'site.ts': source, 'inventory/index.ts': inventoryModule });
    const error = await labErrorOf(() => loadPlaybook('site.ts', cwd));
    const told = [error, ...(error.details.others ?? [])].map(({ code, message, details }) => [
      code,
      message,
      details.at?.line,
      details.path?.join('.'),
    ]);
    expect(told).toEqual([
      ['PLAYBOOK_INVALID', 'a play has no "rols"', 8, 'plays.0.rols'],
      ['PLAYBOOK_INVALID', 'no host or group is called "nass"', 8, 'plays.0.hosts'],
      ['PLAYBOOK_INVALID', 'a play needs a name', 5, 'plays.1.name'],
      ['PLAYBOOK_INVALID', 'no host or group is called "phone"', 9, 'plays.1.hosts'],
      ['PLAYBOOK_INVALID', 'serial is a count of hosts', 5, 'plays.1.serial'],
      ['PLAYBOOK_INVALID', 'maxFail is a count of hosts', 5, 'plays.1.maxFail'],
      ['PLAYBOOK_INVALID', 'this is no role', 5, 'plays.1.roles.0'],
      ['PLAYBOOK_INVALID', 'a play needs hosts', 5, 'plays.2.hosts'],
      ['PLAYBOOK_INVALID', 'the resources of a play are no function', 5, 'plays.2.resources'],
      ['PLAYBOOK_INVALID', 'tags is no list', 10, 'plays.2.tags'],
    ]);
    expect(error.details.hint).toBe('did you mean "roles"?');
    expect(error.details.others?.[0]?.details.hint).toBe('did you mean "nas"?');
  });

  test('says when the inventory was not awaited', async () => {
    const error = await labErrorOf(() => definePlaybook({ inventory: Promise.resolve(inventory) as never, plays: [] }));
    expect(error.details).toMatchObject({ expected: 'await loadInventory(…)', found: 'a promise' });
  });
});
