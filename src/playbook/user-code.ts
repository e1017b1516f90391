import { existsSync } from 'node:fs';
import { parseFrame } from '../shared/call-site.ts';
import { LabError, type SourceLocation } from '../shared/errors.ts';
import { isEngineFile } from './own-package.ts';

/**
 * The place in the user's own files where something thrown came from: the innermost frame that is neither Node's, nor
 * ours, nor a dependency's. Lines are those of the TypeScript source.
 *
 * @example
 * try { await role.definition.resources(context); } catch (thrown) { at = locateInUserCode(thrown); }
 */
export function locateInUserCode(thrown: unknown): SourceLocation | undefined {
  return userFrames(thrown)[0];
}

/** All places in the user's files that something thrown passed through, the innermost first. */
export function userFrames(thrown: unknown): SourceLocation[] {
  if (thrown instanceof LabError && thrown.details.at !== undefined) return [thrown.details.at];
  const stack = (thrown as { stack?: unknown } | null | undefined)?.stack;
  if (typeof stack !== 'string') return [];
  return stack
    .split('\n')
    .filter((line) => /^\s*at /.test(line))
    .map(parseFrame)
    .filter((frame) => frame !== undefined)
    .filter((frame) => isUserFile(frame.file));
}

function isUserFile(file: string): boolean {
  return !file.includes('/node_modules/') && !isEngineFile(file) && existsSync(file);
}
