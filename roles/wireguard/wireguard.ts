import { defineRole } from '../../src/index.ts';
import { interfacesOf, params } from './params.ts';
import { keyFile, linksFile, presharedKeyFile, publicKeyFile } from './render.ts';
import { declareTunnel, exportState, withoutTunnel } from './tunnel.ts';

/**
 * One encrypted private network between the hosts and devices that have an address on a tunnel of the inventory. Each host
 * makes its own private key, which never leaves it; public keys are told to the others and kept in the lock file; each link
 * has a preshared key of its own.
 *
 * @example
 * definePlaybook({ inventory, plays: [{ name: 'tunnel', hosts: 'all', roles: [wireguard()] }] });
 */
export const wireguard = defineRole({
  name: 'wireguard',
  description: 'One encrypted private network between hosts, with keys that are made on each of them',
  params,
  resources: (context) => (context.params.state === 'absent' ? withoutTunnel(context.params) : declareTunnel(context)),
  exports: exportState,
  keeps: ({ params }) => {
    const keys = interfacesOf(params).flatMap((name) => [
      keyFile(name),
      publicKeyFile(name),
      presharedKeyFile(name, '*'),
    ]);
    return params.state === 'absent' ? [] : [{ paths: [...keys, linksFile(params)] }];
  },
});
