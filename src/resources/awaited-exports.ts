import { z } from 'zod';
import { KnownAfterApply } from '../remote/facts/contract.ts';
import { defineResource } from './define-resource.ts';

const props = z.strictObject({ role: z.string(), hosts: z.array(z.string()).min(1) });

/** Stands for the resources of a role that need what other hosts have not told yet. Made by `withExports`, not by roles. */
export const awaitedExports = defineResource({
  type: 'exports',
  props,
  id: ({ role }: z.output<typeof props>) => role,
  read: async () => null,
  diff({ role, hosts }) {
    throw new KnownAfterApply(`needs what the role ${role} tells of ${hosts.join(', ')}`);
  },
});

/** What a declared resource waits for; nothing for any other resource. */
export function awaitedExportsOf(resource: { readonly type: string; readonly props: unknown }) {
  if (resource.type !== 'exports') return [];
  const { role, hosts } = resource.props as z.output<typeof props>;
  return hosts.map((host) => ({ host, role }));
}
