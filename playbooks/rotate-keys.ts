import { rotateKeys } from 'labwright/roles/wireguard';
import inventory from '../inventory/index.ts';

/**
 * New WireGuard keys for every link with one that is older than `maxAge`, without a packet lost. `lab run rotate-keys.ts
 * --check` shows which links are due and each step.
 */
export default rotateKeys({ inventory, maxAge: '30d' });
