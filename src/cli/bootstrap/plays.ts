import base from '../../../roles/base/role.ts';
import firewall from '../../../roles/firewall/role.ts';
import type { Inventory } from '../../model/types.ts';
import type { Playbook } from '../../playbook/contract.ts';
import { definePlaybook } from '../../playbook/define-playbook.ts';
import { command } from '../../resources/command.ts';
import { rebootIfRequired } from '../../resources/reboot.ts';
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
    sysctl: {},
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
        ...(wanted.upgrade ? [{ name: 'updates', hosts, resources: () => [upgrade()] }] : []),
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

/** All packages, as images are weeks old: lists that are not older than an hour, and nothing in them that is newer. */
function upgrade() {
  const current =
    'command -v apt-get >/dev/null || exit 0; [ -n "$(find /var/lib/apt/lists -maxdepth 1 -name "*_Packages*" -mmin -60 2>/dev/null | head -n 1)" ] && ! apt-get -s full-upgrade 2>/dev/null | grep -q "^Inst"';
  const steps = [
    'export DEBIAN_FRONTEND=noninteractive',
    'patient="-o DPkg::Lock::Timeout=600"',
    // The lock of the lists has no time limit of its own in older versions.
    'tries=0; until apt-get -q $patient update; do tries=$((tries + 1)); [ "$tries" -lt 6 ] || exit 1; sleep 10; done',
    'dpkg --configure -a',
    'apt-get -q -y $patient -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold full-upgrade',
    'apt-get clean',
    'find /var/lib/apt/lists -maxdepth 1 -name "*_Packages*" -exec touch {} +',
  ];
  return command({
    id: 'upgrade of all packages',
    argv: ['sh', '-ec', steps.join('\n')],
    unless: ['sh', '-c', current],
    timeoutSeconds: 3600,
  });
}
