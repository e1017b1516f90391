import { defineRole } from '../../src/index.ts';
import { params } from './params.ts';
import { answersNow, privateNames } from './private/names.ts';

/**
 * Names for the homelab. The private half: resolvers on some hosts, which know hosts, devices and services by name, and all
 * hosts ask them.
 *
 * @example
 * // params: { dns: { resolvers: ['nas', 'node1'] } } in the inventory
 * definePlaybook({ inventory, plays: [{ name: 'names', hosts: 'all', roles: [dns] }] });
 */
export default defineRole({
  name: 'dns',
  description: 'Names of hosts, devices and services, answered by resolvers inside',
  params,
  resources: (context) => privateNames(context),
  exports: answersNow,
});
