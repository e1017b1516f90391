import { visible } from '../report/visible.ts';
import { formatError, type LabError } from '../shared/errors.ts';

/** On standard error. Part of it may come from a host: it must not steer the terminal. */
export function printError(error: LabError): void {
  process.stderr.write(`${visible(formatError(error))}\n`);
}
