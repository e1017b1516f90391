import { definePlaybook } from 'labwright';
import wireguard from 'labwright/roles/wireguard';
import inventory from '../inventory/index.ts';

/** One private network between all hosts that have an address on it. */
export default definePlaybook({
  inventory,
  plays: [{ name: 'one private network', hosts: ['all'], roles: [wireguard] }],
});
