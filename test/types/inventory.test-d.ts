import { describe, expectTypeOf, test } from 'vitest';
import type { z } from 'zod';
import {
  defineInventory,
  type GroupNameOf,
  type HostNameOf,
  type HostPattern,
} from '../../src/model/define-inventory.ts';
import type { InventoryInput } from '../../src/model/input.ts';
import type { inventorySchema } from '../../src/model/schema.ts';
import type { Secret } from '../../src/shared/secret.ts';

const inventory = defineInventory({
  networks: { public: { prefixes: '10.77.0.0/24', public: true }, home: { prefixes: '10.77.1.0/24' } },
  groups: { home_hosts: { children: ['storage'] }, storage: {} },
  hosts: {
    vps: { addresses: { public: '10.77.0.10' } },
    nas: { groups: ['storage'], addresses: { home: '10.77.1.10' } },
  },
  devices: { phone: { owner: 'ada' } },
  services: { photos: { host: 'nas', port: 2342, public: 'photos.example.dev', gateways: ['vps'] } },
  flows: [
    { from: 'internet', to: 'photos', reason: 'photos are shared' },
    { from: ['phone', { namespace: 'apps' }], to: ['nas', 'all'], ports: 22, reason: 'administration' },
  ],
});

describe('names are literal types', () => {
  test('of what is declared', () => {
    expectTypeOf<HostNameOf<typeof inventory>>().toEqualTypeOf<'vps' | 'nas'>();
    expectTypeOf<GroupNameOf<typeof inventory>>().toEqualTypeOf<'home_hosts' | 'storage'>();
    inventory.hosts.get('nas');
    // @ts-expect-error no host has this name
    inventory.hosts.get('nass');
    // @ts-expect-error no service has this name
    inventory.services.get('fotos');
  });

  test('in patterns', () => {
    type Pattern = HostPattern<typeof inventory>;
    expectTypeOf<'nas'>().toExtend<Pattern>();
    expectTypeOf<'all'>().toExtend<Pattern>();
    expectTypeOf<'storage:!nas'>().toExtend<Pattern>();
    expectTypeOf<'nass'>().not.toExtend<Pattern>();
  });
});

describe('an unknown name does not compile', () => {
  const networks = { home: { prefixes: '10.77.1.0/24' } };
  const groups = { storage: {} };
  const hosts = { nas: { address: '10.77.1.10' } };

  test('of a group, at the host that names it', () => {
    defineInventory({
      groups,
      // @ts-expect-error "storag" is no group
      hosts: { nas: { groups: ['storag'], address: '10.77.1.10' } },
    });
    // @ts-expect-error no group is declared at all
    defineInventory({ hosts: { nas: { groups: ['storage'], address: '10.77.1.10' } } });
  });

  test('of a group, at the group around it', () => {
    // @ts-expect-error "storag" is no group
    defineInventory({ hosts, groups: { home: { children: ['storag'] }, storage: {} } });
  });

  test('of a network', () => {
    // @ts-expect-error "hom" is no network
    defineInventory({ networks, hosts: { nas: { addresses: { hom: '10.77.1.10' } } } });
    // @ts-expect-error "hom" is no network
    defineInventory({ networks, hosts, devices: { phone: { addresses: { hom: '10.77.1.10' } } } });
    const vpn = { prefixes: ['10.80.0.0/24', 'fd80::/64'], tunnel: true };
    defineInventory({
      networks: { vpn },
      hosts: { nas: { address: 'nas', addresses: { vpn: 'auto' } } },
      devices: { phone: { addresses: { vpn: 'auto' } }, laptop: { addresses: { vpn: ['10.80.0.9', 'fd80::9'] } } },
    });
  });

  test('of a host, at a service', () => {
    // @ts-expect-error "nass" is no host
    defineInventory({ hosts, services: { photos: { host: 'nass', port: 1 } } });
    // @ts-expect-error "vps" is no host
    defineInventory({ hosts, services: { photos: { host: 'nas', port: 1, public: 'a.example', gateways: 'vps' } } });
  });

  test('in a flow', () => {
    // @ts-expect-error "phone" is nothing
    defineInventory({ hosts, flows: [{ from: 'phone', to: 'nas', ports: 22, reason: 'administration' }] });
    // @ts-expect-error "photos" is nothing
    defineInventory({ hosts, flows: [{ from: ['internet'], to: ['photos'], reason: 'sharing' }] });
  });

  test('and neither does a flow without a reason, an unknown key, a plain password', () => {
    // @ts-expect-error the reason is missing
    defineInventory({ hosts, flows: [{ from: 'internet', to: 'nas', ports: 22 }] });
    // @ts-expect-error no such key
    defineInventory({ hosts: { nas: { adress: '10.77.1.10' } } });
    // @ts-expect-error a password is a Secret
    defineInventory({ hosts, ssh: { password: 'hunter2' } });
    // @ts-expect-error one address for every host
    defineInventory({ hosts, ssh: { fallback: [{ address: '10.77.1.10' }] } });
    defineInventory({ hosts: { nas: { address: 'nas', ssh: { fallback: [{ address: '10.77.1.9', port: 22 }] } } } });
  });
});

type DeepReadonly<T> = T extends Secret
  ? T
  : T extends readonly (infer Item)[]
    ? readonly DeepReadonly<Item>[]
    : T extends object
      ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
      : T;

test('the schema and the type of what a user writes are the same', () => {
  expectTypeOf<DeepReadonly<z.input<typeof inventorySchema>>>().toExtend<InventoryInput>();
  expectTypeOf<InventoryInput>().toExtend<DeepReadonly<z.input<typeof inventorySchema>>>();
});
