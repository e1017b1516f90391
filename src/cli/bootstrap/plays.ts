import base from '../../../roles/base/role.ts';
import firewall from '../../../roles/firewall/role.ts';
import type { Inventory } from '../../model/types.ts';
import type { Playbook } from '../../playbook/contract.ts';
import { definePlaybook } from '../../playbook/define-playbook.ts';
import { rebootIfRequired } from '../../resources/reboot.ts';
import { upgradedPackages } from '../../resources/upgraded-packages.ts';
import type { Admin } from './request.ts';

/**
 * With the login of today: nothing but the admin, the keys and sudo, so that there is a second way in before the first one closes. What
 * the role base does besides comes after that was proven.
 */
export function newWayIn(inventory: Inventory, admin: Admin): Playbook {
  const params = {
    hostname: null,
    timezone: null,
    packages: { install: [] },
    admins: [{ name: admin.name, keys: [...admin.keys], sudo: 'free' as const }],
    sshd: { harden: false },
    hardening: { level: 'none' as const },
    upgrades: { enabled: false },
    journald: { maxUse: null },
    timeSync: { with: 'none' as const },
  };
  return stepOf(
    definePlaybook({
      name: 'bootstrap',
      inventory,
      plays: [{ name: 'a new way in', hosts: 'all', roles: [base(params)] }],
    }),
  );
}

/** As the admin: updates, then the role base as the inventory has it, which closes the ways of before, and the firewall. */
export function sound(inventory: Inventory, name: string, wanted: { upgrade: boolean; firewall: boolean }): Playbook {
  const hosts = [name];
  return stepOf(
    definePlaybook({
      name: 'bootstrap',
      inventory,
      plays: [
        ...(wanted.upgrade ? [{ name: 'updates', hosts, resources: () => [upgradedPackages({ full: true })] }] : []),
        { name: 'a sound host', hosts, roles: [base] },
        ...(wanted.firewall ? [{ name: 'firewall', hosts, roles: [firewall] }] : []),
        ...(wanted.upgrade ? [{ name: 'the new kernel', hosts, resources: () => [rebootIfRequired({})] }] : []),
      ],
    }),
  );
}

/** Playbooks of the project declare the same: what this one does belongs to them from their first run on. */
function stepOf(playbook: Playbook): Playbook {
  return { ...playbook, transient: true };
}
