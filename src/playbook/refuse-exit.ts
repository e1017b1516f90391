import { LabError } from '../shared/errors.ts';
import { codeFrame } from './code-frame.ts';
import { locateInUserCode } from './user-code.ts';

type Exit = typeof process.exit;

/** Enough to see past the libraries that a user's code calls through. */
const frames = 50;

/** What stands in for `process.exit`; another may have put its own there since. */
let guard: Exit | undefined;
/** The last exit that was refused. */
let refused: LabError | undefined;

/**
 * Runs code of the user's. A `process.exit` in it, then or later, would end `lab` with nothing done and whatever code it
 * gives, success perhaps: it throws instead, and when the code catches that, this throws it once more.
 *
 * @throws LabError PLAYBOOK_LOAD at the place of the call
 */
export async function refusingExit<Value>(run: () => Value | Promise<Value>): Promise<Value> {
  guardExit();
  const before = refused;
  const value = await run();
  if (refused !== undefined && refused !== before) throw refused;
  return value;
}

/** For the rest of the process: a timer that a module started calls after the module was loaded. */
function guardExit(): void {
  if (guard !== undefined && process.exit === guard) return;
  const exit: Exit = process.exit;
  // An exit without a code keeps `process.exitCode`; one with `undefined` would not.
  guard = (...code) => {
    const refusal = refusalOf(...code);
    if (refusal === undefined) return exit(...code);
    refused = refusal;
    throw refusal;
  };
  process.exit = guard;
}

/** @returns undefined when no code of the user's asked: then it is `lab` itself that ends */
function refusalOf(code?: Parameters<Exit>[0]): LabError | undefined {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = frames;
  const at = locateInUserCode(new Error());
  Error.stackTraceLimit = limit;
  if (at === undefined) return undefined;
  return new LabError('PLAYBOOK_LOAD', `process.exit(${code ?? ''}) would end lab with nothing done`, {
    at,
    frame: codeFrame(at),
    expected: 'a module that declares, and ends by itself',
    hint: `to stop a run, throw an error that says why: throw new Error('…')`,
  });
}
