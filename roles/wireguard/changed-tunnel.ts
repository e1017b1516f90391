import type { RoleContext, RoleUse } from '../../src/index.ts';
import type { Params } from './params.ts';
import { declareTunnel, type Transition } from './tunnel.ts';
import { wireguard } from './wireguard.ts';

/** The role wireguard with what is to change of the tunnel of each host. */
export function changedTunnel(
  transitionOf: (host: string) => Transition,
  params: Readonly<Record<string, unknown>>,
): RoleUse {
  const definition = wireguard.definition as unknown as RoleUse['role'];
  const resources = (context: RoleContext<Params>) => declareTunnel(context, transitionOf(context.host.name));
  return {
    kind: 'role',
    role: { ...definition, resources: resources as unknown as RoleUse['role']['resources'] },
    params,
    at: undefined,
  };
}
