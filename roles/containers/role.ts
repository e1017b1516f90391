import { defineRole, directory } from '../../src/index.ts';
import { params } from './params.ts';
import { dockerDaemon } from './resource.ts';

/**
 * Restricts what containers of Docker may do, where a host has it: no new rights, no talk on the default bridge, logs with an
 * end, no TCP socket. `lab verify containers` tells of containers that have more than they should.
 *
 * @example
 * definePlaybook({ inventory, plays: [{ name: 'containers', hosts: 'all', roles: [containers] }] });
 */
export default defineRole({
  name: 'containers',
  description: 'Restricts what containers of Docker may do, where a host has it',
  params,
  resources: ({ params }) => [directory({ path: '/etc/docker', mode: '0755' }), dockerDaemon({ params })],
});
