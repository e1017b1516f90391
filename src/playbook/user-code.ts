import { existsSync } from 'node:fs';
import { parseFrame } from '../shared/call-site.ts';
import { LabError, type SourceLocation } from '../shared/errors.ts';
import { isEngineFile } from '../shared/own-package.ts';
import { sourcePosition } from './importer.ts';

/**
 * The place in the user's own files where something thrown came from: the innermost frame that is neither Node's, nor
 * ours, nor a dependency's. Line and column are those of the TypeScript source.
 *
 * @example
 * try { await role.definition.resources(context); } catch (thrown) { at = locateInUserCode(thrown); }
 */
export function locateInUserCode(thrown: unknown): SourceLocation | undefined {
  if (thrown instanceof LabError && thrown.details.at !== undefined) return thrown.details.at;
  const stack = (thrown as { stack?: unknown } | null | undefined)?.stack;
  if (typeof stack !== 'string') return undefined;
  const frame = stack
    .split('\n')
    .filter((line) => /^\s*at /.test(line))
    .map(parseFrame)
    .find((parsed) => parsed !== undefined && isUserFile(parsed.file));
  return frame && sourcePosition(frame);
}

function isUserFile(file: string): boolean {
  return !file.includes('/node_modules/') && !isEngineFile(file) && existsSync(file);
}
