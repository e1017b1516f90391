import type { Facts } from '../../../src/index.ts';
import { readRoleFile } from '../../../src/shared/own-package.ts';

/** A call of the program that looks at links on a host; see `on-host.sh`. */
export async function onHost(facts: Facts, command: string, words: readonly string[], seconds = 60): Promise<string[]> {
  const argv = ['sh', '-c', readRoleFile('wireguard/rotation/on-host.sh'), 'lab-wireguard-rotation', command, ...words];
  const { stdout } = await facts.run(argv, { timeoutSeconds: seconds });
  return stdout.split('\n').filter((line) => line !== '');
}
