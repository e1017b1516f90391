import { defineRole } from '../../src/index.ts';
import { params } from './params.ts';
import { answersNow, privateNames } from './private/names.ts';
import { serverState } from './public/authoritative/kept.ts';
import { publicZones } from './public/zones.ts';

/**
 * Names for the homelab. Inside, resolvers on some hosts know hosts, devices and services by name, and all hosts ask them. Outside,
 * the public names of services lead to their gateways.
 *
 * @example
 * // params: { dns: { resolvers: ['nas', 'node1'] } } in the inventory
 * definePlaybook({ inventory, plays: [{ name: 'names', hosts: 'all', roles: [dns] }] });
 */
export default defineRole({
  name: 'dns',
  description: 'Names of hosts, devices and services: resolvers inside, public zones outside',
  params,
  resources: async (context) => [publicZones(context), await privateNames(context)],
  exports: answersNow,
  keeps: ({ params }) => (Object.keys(params.zones).length === 0 ? [] : serverState),
});
