import { stringify } from 'yaml';
import { renderSshd } from '../../../roles/base/render-sshd.ts';
import type { Admin } from './request.ts';

/** Who may log in from then on: nobody but the admin with a key. */
const shut = { permitRootLogin: 'no', passwordAuthentication: false } as const;

/**
 * User-data of cloud-init that does at the first boot what `lab bootstrap` does over SSH up to the firewall: an admin with key and sudo,
 * updates, an sshd that lets in nobody else and asks for no password.
 */
export function cloudConfig(admin: Admin, wanted: { readonly name: string; readonly upgrade: boolean }): string {
  const config = {
    hostname: wanted.name,
    users: [
      {
        name: admin.name,
        groups: ['sudo'],
        shell: '/bin/bash',
        lock_passwd: true,
        sudo: 'ALL=(ALL:ALL) NOPASSWD: ALL',
        ssh_authorized_keys: admin.keys,
      },
    ],
    disable_root: true,
    ssh_pwauth: false,
    package_update: true,
    package_upgrade: wanted.upgrade,
    package_reboot_if_required: wanted.upgrade,
    packages: ['sudo', 'openssh-server'],
    write_files: [
      {
        path: '/etc/ssh/sshd_config.d/00-lab.conf',
        permissions: '0644',
        content: renderSshd(shut, {}, { strict: false, os: '' }),
      },
    ],
    // The image's sshd is running by then, with what it read before.
    runcmd: [['sh', '-c', 'systemctl reload ssh || systemctl reload sshd']],
  };
  return `#cloud-config\n# By lab bootstrap --cloud-init. Then: lab bootstrap ${admin.name}@ADDRESS --name ${wanted.name}\n${stringify(config, { lineWidth: 0 })}`;
}
