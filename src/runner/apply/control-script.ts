import { hostname, userInfo } from 'node:os';
import { readOwnFile } from '../../shared/own-package.ts';

/** What the shell of a connection needs to begin, follow and end the changing half of a run. */
export const controlScript = ['remote/process.sh', 'remote/control.sh']
  .map(readOwnFile)
  .join('\n')
  .replaceAll(/^\s*#.*\n/gm, '');

/** Who stands in the lock and in the history: `anna@laptop`. */
export function whoAmI(): string {
  return `${userInfo().username}@${hostname()}`;
}
