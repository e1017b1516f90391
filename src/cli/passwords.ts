import type { Host } from '../model/types.ts';
import { withJobLogin } from '../schedule/logins.ts';
import { Secret } from '../shared/secret.ts';
import type { ConnectOptions } from './run-options.ts';

/** Adds the passwords that a person is asked for, once for all hosts. */
export async function withPasswords(hosts: readonly Host[], options: ConnectOptions): Promise<Host[]> {
  const ask = async (message: string, label: string) => {
    const { password } = await import('@inquirer/prompts');
    return new Secret(await password({ message, mask: false }, { output: process.stderr }), label);
  };
  const ssh = options.askPass ? await ask('SSH password', 'SSH password') : undefined;
  const become = options.askBecomePass ? await ask('sudo password', 'sudo password') : undefined;
  return hosts.map(withJobLogin).map((host) => ({
    ...host,
    connection: {
      ...host.connection,
      ...(ssh && { password: ssh }),
      ...(become && { becomePassword: become, become: 'sudo' as const }),
    },
  }));
}
