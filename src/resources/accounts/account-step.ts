import type { Step } from '../contract.ts';
import { runScript } from '../shared/script.ts';

/** Notes on the host what it knows of an account, and puts it back: `src/resources/scripts/account.sh`. */
export function accountStep(verb: 'note' | 'undo' | 'redo', name: string, what: 'user' | 'password' | 'group'): Step {
  return runScript('account', [verb, name, what]);
}
