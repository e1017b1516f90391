import { jsonLine } from '../report/json-renderer.ts';
import type { Verification } from '../report/verify/verification.ts';
import type { ExitCode } from '../shared/errors.ts';
import { printError } from './print-error.ts';

/** Prints what a verification found; gives the exit code. */
export function show(verification: Verification<object>, output: 'plain' | 'json'): ExitCode {
  const { checkedAt, exitCode, found, lines, unlooked } = verification;
  if (output === 'json') process.stdout.write(`${jsonLine({ version: 1, checkedAt, exitCode, ...found })}\n`);
  else process.stdout.write(`${lines.join('\n')}\n`);
  for (const { error } of unlooked) printError(error);
  return exitCode;
}
