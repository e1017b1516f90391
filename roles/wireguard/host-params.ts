import { type Host, LabError } from '../../src/index.ts';
import { type Params, params } from './params.ts';

/**
 * The role's parameters on a host, for what is no run of a playbook: from the inventory, and what the caller gives above it.
 *
 * @throws LabError ROLE_PARAMS
 */
export function paramsFor(host: Host | undefined, given: Readonly<Record<string, unknown>> = {}): Params {
  const defined = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const parsed = params.safeParse({ ...host?.params.get('wireguard'), ...defined });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new LabError('ROLE_PARAMS', `role wireguard: ${issue?.message ?? 'parameters do not fit'}`, {
    host: host?.name,
    path: issue?.path.map(String),
  });
}
