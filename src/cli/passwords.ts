import type { Host } from '../model/types.ts';
import { withJobLogin } from '../schedule/logins.ts';
import { Secret } from '../shared/secret.ts';
import type { ConnectOptions } from './run-options.ts';

/** What a person was asked for; undefined is what nobody was asked for. */
export interface Passwords {
  readonly ssh: Secret | undefined;
  readonly become: Secret | undefined;
}

/** Adds the passwords that a person is asked for, once for all hosts. */
export async function withPasswords(hosts: readonly Host[], options: ConnectOptions): Promise<Host[]> {
  const { ssh, become } = options.passwords ?? (await askPasswords(options));
  return hosts.map(withJobLogin).map((host) => ({
    ...host,
    connection: {
      ...host.connection,
      ...(ssh && { password: ssh }),
      ...(become && { becomePassword: become, become: 'sudo' as const }),
    },
  }));
}

/** What `--ask-pass` and `--ask-become-pass` ask for. */
export async function askPasswords(options: ConnectOptions): Promise<Passwords> {
  const ask = async (message: string, label: string) => {
    const { password } = await import('@inquirer/prompts');
    return new Secret(await password({ message, mask: false }, { output: process.stderr }), label);
  };
  return {
    ssh: options.askPass ? await ask('SSH password', 'SSH password') : undefined,
    become: options.askBecomePass ? await ask('sudo password', 'sudo password') : undefined,
  };
}
