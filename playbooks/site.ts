import { definePlaybook } from 'labwright';
import base from 'labwright/roles/base';
import dns from 'labwright/roles/dns';
import firewall from 'labwright/roles/firewall';
import gateway from 'labwright/roles/vps-gateway';
import wireguard from 'labwright/roles/wireguard';
import inventory from '../inventory/index.ts';
import { album } from './album.ts';

/** Everything, on every host. `lab run site.ts --check` shows what would change. */
export default definePlaybook({
  inventory,
  plays: [
    { name: 'every host', hosts: ['all'], roles: [base] },
    { name: 'private network', hosts: ['all'], roles: [wireguard] },
    { name: 'services', hosts: ['nas'], resources: () => [album(2342)] },
    // Names before the gateway: who signs its certificates asks for them.
    { name: 'names', hosts: ['all'], roles: [dns] },
    { name: 'the way in', hosts: ['all'], roles: [gateway] },
    // Last: what is installed after it comes through the tunnel where a host leaves by that alone, and names have to lead there.
    { name: 'firewall', hosts: ['all'], roles: [firewall] },
  ],
});
