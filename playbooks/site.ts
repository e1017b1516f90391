import { definePlaybook } from 'labwright';
import base from 'labwright/roles/base';
import firewall from 'labwright/roles/firewall';
import wireguard from 'labwright/roles/wireguard';
import inventory from '../inventory/index.ts';

/** Everything, on every host. `lab run site.ts --check` shows what would change. */
export default definePlaybook({
  inventory,
  plays: [
    { name: 'every host', hosts: ['all'], roles: [base] },
    { name: 'private network', hosts: ['all'], roles: [wireguard] },
    { name: 'firewall', hosts: ['all'], roles: [firewall] },
  ],
});
