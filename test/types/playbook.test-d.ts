import { describe, expectTypeOf, test } from 'vitest';
import { defineInventory, definePlaybook, defineRole, type Inventory, type RoleUse, z } from '../../src/index.ts';

const inventory = defineInventory({
  groups: { home: {} },
  hosts: { nas: { groups: ['home'], address: '10.0.0.2' }, vps: { address: '10.0.0.1' } },
  devices: { phone: {} },
});
const motd = defineRole({
  name: 'motd',
  params: z.object({ text: z.string().default('hi'), port: z.number() }),
  resources: ({ params, host }) => {
    expectTypeOf(params).toEqualTypeOf<{ text: string; port: number }>();
    expectTypeOf(host.name).toEqualTypeOf<string>();
    return [];
  },
});

describe('a role', () => {
  test('infers its parameters from the schema', () => {
    expectTypeOf(motd).parameter(0).toEqualTypeOf<{ text?: string | undefined; port?: number } | undefined>();
    expectTypeOf(motd({ text: 'x' })).toEqualTypeOf<RoleUse>();
    expectTypeOf(motd.roleName).toEqualTypeOf<'motd'>();
    // @ts-expect-error a parameter of the wrong type
    motd({ text: 1 });
    // @ts-expect-error an unknown parameter
    motd({ txt: 'x' });
  });

  test('without parameters takes none', () => {
    const bare = defineRole({ name: 'bare', resources: () => [] });
    bare();
    // @ts-expect-error it has no parameter
    bare({ text: 'x' });
  });
});

describe('a play', () => {
  test('names hosts and groups of its inventory', () => {
    definePlaybook({
      inventory,
      plays: [
        { name: 'one', hosts: 'all', roles: [motd, motd({ text: 'x' })] },
        { name: 'two', hosts: ['nas', 'home', '!vps', 'n*'] },
        { name: 'three', hosts: 'home:!nas', resources: async ({ host }) => [host.name === 'nas' && []] },
      ],
    });
  });

  test('with an unknown host does not compile', () => {
    definePlaybook({
      inventory,
      plays: [
        // @ts-expect-error "nass" is no host
        { name: 'one', hosts: 'nass', roles: [motd] },
        // @ts-expect-error "nass" is no host
        { name: 'two', hosts: ['nas', 'nass'] },
        // @ts-expect-error lab does not log in to a device
        { name: 'three', hosts: 'phone' },
      ],
    });
  });

  test('of an inventory from YAML takes any name, which is checked when it is loaded', () => {
    definePlaybook({ inventory: inventory as Inventory, plays: [{ name: 'one', hosts: 'nass' }] });
  });

  test('with something that is no role, or an unknown key, does not compile', () => {
    definePlaybook({
      inventory,
      plays: [
        // @ts-expect-error no role
        { name: 'one', hosts: 'all', roles: ['motd'] },
        // @ts-expect-error no role
        { name: 'two', hosts: 'all', roles: [{ name: 'motd' }] },
        // @ts-expect-error a mistyped key
        { name: 'three', hosts: 'all', rols: [] },
      ],
    });
  });
});
