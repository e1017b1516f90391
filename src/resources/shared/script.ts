import { readOwnFile } from '../../shared/own-package.ts';
import type { Step } from '../contract.ts';

const loaded = new Map<string, string>();

/**
 * A command that runs one of `src/resources/scripts/` with values as its positional arguments.
 *
 * @example
 * scriptArgv('hostname', ['nas']);
 */
export function scriptArgv(name: string, values: readonly string[]): string[] {
  let text = loaded.get(name);
  if (text === undefined) {
    const source = readOwnFile(`resources/scripts/${name}.sh`);
    text = source.replaceAll(/^\s*#.*\n/gm, '');
    loaded.set(name, text);
  }
  return ['sh', '-c', text, `lab-${name}`, ...values];
}

type RunStep = Extract<Step, { do: 'run' }>;

/** The same as a step. */
export function runScript(
  name: string,
  values: readonly string[],
  more: Partial<Omit<RunStep, 'argv' | 'do'>> = {},
): RunStep {
  return { do: 'run', argv: scriptArgv(name, values), ...more };
}
