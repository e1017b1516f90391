import { type Host, LabError } from '../../src/index.ts';
import type { Admin, Params } from './params.ts';

/** Whether this admin can log in without a password. */
export function hasKey({ keys }: Pick<Admin, 'keys'>): boolean {
  return keys.length > 0;
}

/** How the admin becomes root, the default filled in. */
export function sudoOf({ sudo, passwordHash }: Pick<Admin, 'sudo' | 'passwordHash'>): 'free' | 'password' | 'none' {
  return sudo ?? (passwordHash === undefined ? 'free' : 'password');
}

/** Sudo with a password helps only those who have one. */
export function canBecomeRoot(admin: Pick<Admin, 'sudo' | 'passwordHash'>): boolean {
  const sudo = sudoOf(admin);
  return sudo === 'free' || (sudo === 'password' && admin.passwordHash !== undefined);
}

/** What sshd is told about who may log in; undefined leaves a setting as the host has it. */
export interface Access {
  readonly permitRootLogin?: 'yes' | 'prohibit-password' | 'no' | undefined;
  readonly passwordAuthentication?: boolean | undefined;
}

/**
 * Decides who may log in so that nobody is locked out, `lab` itself included.
 *
 * @throws LabError ROLE_PARAMS when what is declared would cut off the login that `lab` uses
 */
export function accessOf({ admins, sshd }: Pick<Params, 'admins' | 'sshd'>, host: Host): Access {
  const { user, password, identityFile } = host.connection;
  const someKey = admins.some(hasKey);
  const loginIsAdmin = admins.some((admin) => admin.name === user && hasKey(admin) && canBecomeRoot(admin));
  const refuse = (setting: string, found: string, hint: string): never => {
    throw new LabError('ROLE_PARAMS', `role base: sshd.${setting} would lock lab itself out`, {
      host: host.name,
      found,
      hint,
    });
  };
  // Without a user in the inventory ~/.ssh/config decides, so it may be root.
  const asRoot = user === 'root' || user === undefined;

  if (sshd.permitRootLogin === 'no' && asRoot) {
    refuse(
      'permitRootLogin',
      `lab logs in as ${user ?? 'whom ~/.ssh/config says'}`,
      'let it log in as an admin first: ssh: { user, become: "sudo" } in the inventory',
    );
  }
  if (sshd.permitRootLogin === 'prohibit-password' && user === 'root' && password !== undefined) {
    refuse(
      'permitRootLogin',
      'lab logs in as root with a password',
      'give it a key first: ssh: { identityFile } in the inventory',
    );
  }
  if (sshd.passwordAuthentication === false && password !== undefined) {
    refuse(
      'passwordAuthentication',
      'lab logs in with a password',
      'give it a key first: ssh: { identityFile } in the inventory',
    );
  }
  const root = (): Access['permitRootLogin'] => {
    if (loginIsAdmin && password === undefined) return 'no';
    const usesKey = password === undefined && identityFile !== undefined;
    return usesKey || (someKey && password === undefined) ? 'prohibit-password' : undefined;
  };
  return {
    permitRootLogin: sshd.permitRootLogin === 'auto' ? root() : sshd.permitRootLogin,
    passwordAuthentication:
      sshd.passwordAuthentication === 'auto'
        ? someKey && password === undefined
          ? false
          : undefined
        : sshd.passwordAuthentication,
  };
}
