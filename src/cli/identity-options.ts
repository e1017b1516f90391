import type { IdentityOptions } from '../secrets/identity.ts';

/** Asks for the passphrase of a protected identity, when there is somebody to ask. */
export const identityOptions: IdentityOptions = process.stdin.isTTY
  ? {
      askPassphrase: async (file) => {
        const { password } = await import('@inquirer/prompts');
        return password({ message: `Passphrase of ${file}`, mask: false }, { output: process.stderr });
      },
    }
  : {};
