import { upgrade } from 'labwright/roles/upgrade';
import inventory from '../inventory/index.ts';

/**
 * Packages upgraded and hosts rebooted when that is due, one host at a time. `lab run upgrade.ts --check` shows which packages
 * and reboots are due.
 */
export default upgrade({ inventory, reboot: 'when-required' });
